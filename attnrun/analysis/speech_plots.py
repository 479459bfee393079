"""Figures of recordings: what is heard, and when the decoder listens to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnrun.analysis.canvas import fitted, fonts, new_figure, set_title, thin_ink
from attnrun.analysis.plots import COLOUR_MAP, PALETTE, STYLES, name_axes
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _BELOW = 7.2, 2.4, 1.5  # inches


def spectrogram(
    features: ArrayLike,
    hop: float,
    tokens: Sequence[str] = (),
    weights: ArrayLike | None = None,
    pace: int = 1,
    title: str = "",
) -> "Figure":
    """Draw the features of a recording over time, and below them the attention of each token.

    Args:
        features: (N, F) of N frames, the lowest band first.
        hop: seconds from a frame to the next.
        tokens: T raw texts.
        weights: (T, M) of the states that were listened to; None where there is no attention.
        pace: frames that a state stands for.
        title: shown above.
    """
    bands = np.asarray(features, dtype=np.float64)
    end = len(bands) * hop
    figure, axes = new_figure(_WIDTH, _HEIGHT)
    scale: dict[str, Any] = {"cmap": COLOUR_MAP, "origin": "lower", "aspect": "auto"}
    axes.imshow(bands.T, extent=(0, end, 0, bands.shape[1]), **scale)
    name_axes(axes, "" if weights is not None else "seconds", "mel band")
    set_title(figure, axes, title)
    if weights is not None:
        _draw_weights(figure, axes, tokens, np.asarray(weights, dtype=np.float64), pace * hop, end)
    return fitted(figure)


def _draw_weights(
    figure: "Figure",
    axes: "Axes",
    tokens: Sequence[str],
    rows: NDArray[np.float64],
    step: float,
    end: float,
) -> None:
    """Draw the weights (T, M) of states `step` seconds apart below the axes, up to the second `end`."""
    box, height = axes.get_position(), figure.get_size_inches()[1]
    below = figure.add_axes((box.x0, box.y0 - (_BELOW + 0.35) / height, box.width, _BELOW / height))
    times = (np.arange(rows.shape[1]) + 0.5) * step
    name: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8, "fontfamily": fonts()}
    for number, (token, row) in enumerate(zip(tokens, rows, strict=True)):
        turn, place = divmod(number, len(PALETTE))
        style: dict[str, Any] = {"color": PALETTE[place], "linestyle": STYLES[turn % len(STYLES)]}
        below.plot(times, row, linewidth=1.5, **style)
        peak = times[int(row.argmax())]
        axes.axvline(peak, linewidth=1.0, **style)
        below.annotate(for_figure(token, 20), (peak, row.max()), **name)
    below.set_xlim(0, end)
    below.set_ylim(0, max(0.1, 1.25 * float(rows.max(initial=0))))
    below.tick_params(labelsize=9, length=3)
    thin_ink(below)
    name_axes(below, "seconds", "weight")
