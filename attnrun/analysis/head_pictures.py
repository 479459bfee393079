"""Pictures of every head over a training: labels are drawn once, then only cells change.

L layers, H heads, N queries, M keys.
"""

from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, set_title
from attnrun.analysis.head_plots import GAP, MOST_NAMES, NAME, SIDE
from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.plots import COLOUR_MAP
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 14.0  # inches, of the longer side of all panels
_DPI = 100
_METADATA: Any = {"Software": None}  # nothing of the version
_TIMES_EVEN = 12  # how many times the weight of an even row is the brightest


class HeadPicture:
    """A panel for each layer (row) and head (column), on one scale that stays the same over a training.

    It is bright from a weight of 1 on, with many keys from twelve times 1 / M on. Tokens are named beside
    the first column and above the first row, where they are few.
    """

    def __init__(self, first: AttentionMap) -> None:
        self.kind = _kind(first)
        layers, heads, queries, keys = first.weights.shape
        side = min(SIDE, _LONGEST / max(layers, heads)) / max(queries, keys)  # inches, of a cell
        self._gap = ceil(GAP / side)
        rows, columns = ((queries + self._gap) * layers, (keys + self._gap) * heads)
        self._cells = np.full((rows - self._gap, columns - self._gap), np.nan, dtype=np.float32)
        figure, self._axes = new_figure(self._cells.shape[1] * side, self._cells.shape[0] * side)
        figure.set_dpi(_DPI)
        top = min(1.0, _TIMES_EVEN / keys)
        look: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "cmap": COLOUR_MAP}
        self._image = self._axes.imshow(self._cells, vmin=0, vmax=top, animated=True, **look)
        self._name(first)
        set_title(figure, self._axes, first.title)
        canvas: Any = fitted(figure).canvas
        canvas.draw()
        self._canvas, self._labels = canvas, canvas.copy_from_bbox(figure.bbox)

    def png(self, shown: AttentionMap) -> bytes:
        """Return the picture of a map with the labels of the first one, of which it has the shape."""
        from matplotlib.image import imsave

        layers, heads, queries, keys = shown.weights.shape
        for layer in range(layers):
            for head in range(heads):
                row, column = layer * (queries + self._gap), head * (keys + self._gap)
                self._cells[row : row + queries, column : column + keys] = shown.head(layer, head)
        self._canvas.restore_region(self._labels)
        self._image.set_data(self._cells)
        self._axes.draw_artist(self._image)
        stream = BytesIO()
        pixels: NDArray[np.uint8] = np.asarray(self._canvas.buffer_rgba())
        imsave(stream, pixels, format="png", dpi=_DPI, metadata=_METADATA)
        return stream.getvalue()

    def fits(self, shown: AttentionMap) -> bool:
        """Tell whether a map has these labels and this shape."""
        return _kind(shown) == self.kind

    def _name(self, first: AttentionMap) -> None:
        axes: Axes = self._axes
        layers, heads, queries, keys = first.weights.shape
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        style: dict[str, Any] = {"fontsize": 7, "color": INK, "family": fonts()}
        if queries <= MOST_NAMES:
            names = [for_figure(name, NAME) for name in first.queries]
            places = np.add.outer(np.arange(layers) * (queries + self._gap), np.arange(queries)).ravel()
            axes.set_yticks(places, names * layers, **style)
        if keys <= MOST_NAMES:
            names = [for_figure(name, NAME) for name in first.keys]
            axes.set_xticks(range(keys), names, rotation=90, **style)
            axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for layer, head in np.ndindex(layers, heads):
            place = head * (keys + self._gap) + (keys - 1) / 2, layer * (queries + self._gap) + queries - 0.4
            axes.text(*place, f"layer {layer}, head {head}", ha="center", va="top", fontsize=7, color=INK)


def _kind(shown: AttentionMap) -> tuple[Any, ...]:
    return tuple(shown.queries), tuple(shown.keys), shown.weights.shape, shown.title
