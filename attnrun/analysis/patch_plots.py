"""Where a model of images looks: the share of each patch, laid over the image.

Letters: L layers, H heads, N places of a sequence, Y rows and X columns of pixels, K channels.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, panel, set_title
from attnrun.analysis.plots import COLOUR_MAP
from attnrun.escape import for_figure, for_terminal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 1.15  # inches of an image's longer side
_GAP = 0.12  # inches between two
_HEADING = 0.5  # inches between images and what is laid over them, for the names
_LINE = 15  # letters of a name
_OPAQUE = 0.55  # of the colours over an image


def rollout(weights: ArrayLike) -> NDArray[np.float64]:
    """Return the share of each input (column) in each place above the last layer: (L, H, N, N) -> (N, N).

    Attention rollout (Abnar and Zuidema 2020, section 3): the mean over heads and the way round them count
    one half each, rows are made to sum to 1, and the layers are multiplied.
    """
    layers = np.asarray(weights, dtype=np.float64).mean(1)
    total = np.eye(layers.shape[-1])
    for layer in layers:
        mixed = layer / 2 + np.eye(len(layer)) / 2
        total = mixed / mixed.sum(-1, keepdims=True) @ total
    return total


def patch_overlays(
    images: Sequence[NDArray[np.uint8]],
    overlays: Mapping[str, Sequence[ArrayLike]],
    names: Sequence[str],
    title: str = "",
) -> "Figure":
    """Draw images side by side, and below them once more for each overlay, brighter where it is greater.

    Args:
        images: each (K, Y, X) bytes, of 1 or 3 channels.
        overlays: name -> for each image a matrix of patches, stretched over the image; its least value is
            drawn dark, its greatest bright.
        names: one for each image.
        title: shown above.

    Raises:
        ValueError: there are no images, or not as many names or overlays.
    """
    if not images or {len(images)} != {len(names), *map(len, overlays.values())}:
        raise ValueError("a figure of patches needs images, and as many names and overlays of each kind")
    rows, columns = images[0].shape[1:]
    width, height = (_SIDE * side / max(rows, columns) for side in (columns, rows))
    figure, first = new_figure(width, height)
    set_title(figure, first, title)
    for column, (image, name) in enumerate(zip(images, names, strict=True)):
        axes = first if column == 0 else panel(figure, first, column * (width + _GAP), 0)
        _picture(axes, image)
        axes.set_xlabel(_wrapped(name), fontsize=8, color=INK, fontfamily=fonts(), labelpad=3)
        for row, (heading, matrices) in enumerate(overlays.items()):
            down = -_HEADING - (row + 1) * height - row * _GAP
            below = panel(figure, first, column * (width + _GAP), down)
            _picture(below, image)
            _overlay(below, np.asarray(matrices[column], dtype=np.float64), image.shape[1:])
            if column == 0:
                below.set_ylabel(for_figure(heading, 24), fontsize=8, color=INK, fontfamily=fonts())
    return fitted(figure)


def _wrapped(name: str) -> str:
    """A raw text in at most two lines about as wide as an image."""
    lines = textwrap.wrap(for_terminal(name), _LINE, max_lines=2, placeholder="…")
    return "\n".join(for_figure(line, _LINE) for line in lines)


def _picture(axes: "Axes", image: NDArray[np.uint8]) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    scale: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255}
    axes.imshow(pixels, aspect="auto", interpolation="nearest", **scale)


def _overlay(axes: "Axes", matrix: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    rows, columns = shape
    place = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    axes.imshow(matrix, extent=place, aspect="auto", interpolation="nearest", cmap=COLOUR_MAP, alpha=_OPAQUE)
