"""The curve of a model that loses its heads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attnrun.analysis.canvas import fitted
from attnrun.analysis.plots import GREY, PALETTE, legend, new_curves
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pruning_curve(
    removed: Sequence[int], values: Sequence[float], metric: str, limit: float, title: str = ""
) -> "Figure":
    """Draw a metric against the number of heads removed; `limit` is the last value that is tolerated."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_curves("heads removed", metric, title)
    look: dict[str, Any] = {"color": PALETTE[0], "linewidth": 2, "marker": "o", "markersize": 4}
    axes.plot(removed, values, label=for_figure(metric), **look)
    axes.axhline(limit, color=GREY, linewidth=1, linestyle="--", label="tolerated")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    return fitted(figure)
