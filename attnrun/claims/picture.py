"""The picture of a claim: its curves with their spread over seeds, or its figures with their intervals."""

from typing import TYPE_CHECKING, Any

from attnrun.analysis.canvas import fitted
from attnrun.analysis.comparing import Row
from attnrun.analysis.comparing_plot import group_means
from attnrun.analysis.plots import PALETTE, STYLES, legend, new_curves
from attnrun.claims.measuring import Measured
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME = 40  # letters


def draw(measured: Measured) -> "Figure":
    """Draw what was measured, under the claim's one line and its verdict."""
    title = f"{measured.verdict}: {measured.claim.entry.what}"
    if measured.trials[0].curves:
        return _curves(measured, title)
    rows = [
        Row(name, values, measured.summaries[name], best=False, difference=None)
        for name, values in measured.figures.items()
    ]
    return group_means(rows, "", title)


def _curves(measured: Measured, title: str) -> "Figure":
    """The mean over seeds of each curve, in a band from the lowest to the highest."""
    axes_of = measured.claim.claim.axes
    x_name, y_name, log = (axes_of.x, axes_of.y, axes_of.log) if axes_of else ("x", "y", "")
    figure, axes = new_curves(x_name, y_name, title)
    for number, name in enumerate(measured.trials[0].curves):
        look: dict[str, Any] = {"color": PALETTE[number % len(PALETTE)], "linewidth": 1.8}
        look["linestyle"] = STYLES[number // len(PALETTE) % len(STYLES)]
        seeds = [trial.curves[name] for trial in measured.trials]
        x = [point[0] for point in seeds[0]]
        columns = list(zip(*([y for _, y in points] for points in seeds), strict=True))
        means = [sum(column) / len(column) for column in columns]
        axes.plot(x, means, marker="o", markersize=3.5, label=for_figure(name, _NAME), **look)
        low, high = ([pick(column) for column in columns] for pick in (min, max))
        axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    legend(axes)
    return fitted(figure)
