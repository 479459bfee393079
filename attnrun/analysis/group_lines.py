"""Groups of runs as lines over places, such as steps: the mean of each, and what its runs lie between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from attnrun.analysis.canvas import INK, fitted, fonts, set_title
from attnrun.analysis.plots import FEW_POINTS, legend, looks, new_curves, scale_values
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 12  # groups; from there on colours with line styles come back
_NAME = 60  # letters
_MARKERS = "osD^vPX*<>hp"


@dataclass(frozen=True)
class Line:
    """A group at the places that all its runs have; nothing is interpolated."""

    group: str
    runs: int
    places: list[float]  # in ascending order
    mean: list[float]
    low: list[float]  # the lowest of the runs at each place
    high: list[float]
    partial: int  # places that some of the runs have, but not all


def line(group: str, runs: Sequence[Mapping[float, float]]) -> Line:
    """Return the line of a group, one run at least, each a mapping from places to finite values."""
    every = set[float]().union(*runs)
    places = sorted(every.intersection(*runs))
    values = [[run[place] for run in runs] for place in places]
    ends = list(map(min, values)), list(map(max, values))
    return Line(group, len(runs), places, list(map(fmean, values)), *ends, len(every) - len(places))


def group_lines(
    lines: Sequence[Line],
    names: tuple[str, str],
    *,
    of: str = "runs",
    ticks: Mapping[int, str] | None = None,
    from_zero: bool = False,
    log: str | None = None,
    title: str = "",
) -> "Figure":
    """Draw each group's mean with a band from the lowest to the highest of its runs; of many the first dozen.

    Args:
        lines: in the order of the legend.
        names: of the two axes, raw text as the names of groups.
        of: what a mean is over, in the plural: seeds or runs.
        ticks: names of places, where they are no numbers to scale; text of our own.
        from_zero: the vertical axis begins at 0.
        log: which of the axes "xy" are logarithmic; None: the vertical one where that shows more, as in
            `loss_curves`, of places that are whole numbers.
        title: shown before what the marks mean.
    """
    figure, axes = new_curves(*names, "")
    for one, look, marker in islice(zip(lines, looks(), _MARKERS, strict=False), _MOST):
        _draw(axes, one, of, look, marker)
    if ticks is None and log is None:
        axes.locator_params(axis="x", integer=True)
    elif ticks is not None:
        style: dict[str, Any] = {"fontfamily": fonts(), "color": INK}
        axes.set_xticks(list(ticks), list(ticks.values()), **style)
    if from_zero:
        axes.set_ylim(bottom=0)
    elif log is not None:
        axes.set(**{f"{axis}scale": "log" for axis in log})
    else:
        scale_values(axes, np.array([value for one in lines[:_MOST] for value in one.low + one.high]))
    legend(axes, beside=True)
    marks = _title(lines, of)
    set_title(figure, axes, f"{title} ({marks})" if title else marks)
    return fitted(figure)


def _draw(axes: "Axes", one: Line, of: str, look: Mapping[str, Any], marker: str) -> None:
    few = len(one.places) <= FEW_POINTS
    count = f"{one.runs} {of if one.runs > 1 else of[:-1]}"
    label = f"{for_figure(one.group, _NAME)}, {count}"
    if label.startswith("_"):
        label = f" {label}"  # or matplotlib would leave it out of the legend
    if one.runs > 1:
        axes.fill_between(one.places, one.low, one.high, color=look["color"], alpha=0.13, linewidth=0)
    marks: dict[str, Any] = {"marker": marker, "markersize": 4.5, "markevery": None if few else 0.1}
    axes.plot(one.places, one.mean, linewidth=1.8 if few else 1.2, label=label, **marks, **look)


def _title(lines: Sequence[Line], of: str) -> str:
    parts = [f"mean of the {of}, shaded from lowest to highest"]
    if all(one.runs == 1 for one in lines[:_MOST]):
        parts = [f"one {of[:-1]} a group"]
    if any(one.partial for one in lines[:_MOST]):
        parts.append(f"only where all {of} of a group have a value")
    if len(lines) > _MOST:
        parts.append(f"the first {_MOST} of {len(lines)} groups")
    return "; ".join(parts)
