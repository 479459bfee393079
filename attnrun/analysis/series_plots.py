"""Figures of forecasts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from attnrun.analysis.canvas import INK, fitted, fonts
from attnrun.analysis.plots import GREY, PALETTE, legend, new_curves
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TICKS = 6  # times named below the axis


def forecast_band(
    times: Sequence[str],
    values: ArrayLike,
    start: int,
    band: ArrayLike,
    others: Mapping[str, ArrayLike],
    origins: Sequence[int],
    names: tuple[str, str],
    title: str = "",
) -> "Figure":
    """Draw the end of a series with what was forecast of it.

    Args:
        times: N raw texts.
        values: (N,) what was.
        start: the place of the first step that was forecast, up to the last.
        band: (3, N - start) lower end, middle and upper end of the forecasts.
        others: name -> (N - start,) other forecasts of these steps.
        origins: the places at which a forecast begins, marked.
        names: of the axes, time and value.
        title: shown above.
    """
    figure, axes = new_curves(*names, title)
    places, ahead = range(len(times)), range(start, len(times))
    lower, middle, upper = np.asarray(band, dtype=np.float64)
    axes.fill_between(ahead, lower, upper, color=PALETTE[0], alpha=0.22, linewidth=0, label="band")
    axes.plot(ahead, middle, color=PALETTE[0], linewidth=2, label="forecast")
    for (name, other), colour in zip(others.items(), PALETTE[1:], strict=False):
        look: dict[str, Any] = {"color": colour, "linewidth": 1.2, "linestyle": ":"}
        axes.plot(ahead, other, label=for_figure(name, 40), **look)
    axes.plot(places, values, color=INK, linewidth=1.2, label="what was")
    for origin in origins:
        axes.axvline(origin - 0.5, color=GREY, linewidth=0.6, linestyle="--")
    shown = [round(tick * (len(times) - 1) / (_TICKS - 1)) for tick in range(_TICKS)]
    axes.set_xticks(shown, [for_figure(times[place], 20) for place in shown], fontfamily=fonts())
    axes.set_xlim(0, len(times) - 1)
    axes.margins(y=0.25)  # so that the legend finds room
    legend(axes)
    return fitted(figure)
