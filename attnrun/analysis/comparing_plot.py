"""Groups of runs as a picture: the mean of each with its interval, and its seeds as points."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, set_title
from attnrun.analysis.comparing import LEVEL, Row
from attnrun.analysis.plots import GREY, PALETTE, name_axes
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 5.2  # inches
_LINE = 0.34  # inches that a group takes
_MOST = 100  # groups that a page can show
_NAME = 60  # letters


def group_means(rows: Sequence[Row], metric: str, title: str = "") -> "Figure":
    """Draw the groups from top to bottom, in their order; of very many the first hundred.

    Args:
        rows: of `attnrun.analysis.comparing.compare`.
        metric: its name, raw text as those of the groups.
        title: shown before what the marks mean.
    """
    shown = rows[:_MOST]
    figure, axes = new_figure(_WIDTH, max(0.8, _LINE * len(shown)))
    axes.grid(True, axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for place, row in enumerate(shown):
        dots: dict[str, Any] = {"s": 14, "color": GREY, "alpha": 0.7, "linewidths": 0}
        axes.scatter(row.values, [place] * len(row.values), zorder=2, **dots)
        _draw_mean(axes, row, place)
    style: dict[str, Any] = {"fontfamily": fonts(), "color": INK}
    axes.set_yticks(range(len(shown)), [for_figure(row.name, _NAME) for row in shown], **style)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    name_axes(axes, metric, "")
    left = f"; the first {_MOST} of {len(rows)} groups" if len(rows) > _MOST else ""
    marks = f"single seeds, their mean and its {100 * LEVEL:.0f} % interval{left}"
    set_title(figure, axes, f"{title} ({marks})" if title else marks)
    return fitted(figure)


def _draw_mean(axes: Any, row: Row, place: int) -> None:
    colour = PALETTE[1] if row.best else PALETTE[0]
    if row.summary.interval is not None:
        low, high = row.summary.interval
        axes.hlines(place, low, high, color=colour, linewidth=2.2, zorder=3)
    axes.plot(row.summary.mean, place, "D", color=colour, markersize=5.5, zorder=4)
