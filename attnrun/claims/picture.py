"""The picture of a claim: its curves with their spread over seeds, or its figures with their intervals."""

from typing import TYPE_CHECKING

from attnrun.analysis.comparing import Row
from attnrun.analysis.comparing_plot import group_means
from attnrun.analysis.group_lines import group_lines, line
from attnrun.claims.catalog import Axes
from attnrun.claims.measuring import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(measured: Measured) -> "Figure":
    """Draw what was measured, under the claim's one line and its verdict."""
    title = f"{measured.verdict}: {measured.claim.entry.what}"
    curves = [trial.curves for trial in measured.trials]
    if curves[0]:
        axes = measured.claim.claim.axes or Axes("x", "y")
        lines = [line(name, [dict(seed[name]) for seed in curves]) for name in curves[0]]
        return group_lines(lines, (axes.x, axes.y), of="seeds", log=axes.log, title=title)
    rows = [
        Row(name, values, measured.summaries[name], best=False, difference=None)
        for name, values in measured.figures.items()
    ]
    return group_means(rows, "", title)
