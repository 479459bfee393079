"""How often each class is taken for each other. C classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, set_title
from attnrun.analysis.plots import COLOUR_MAP, name_axes
from attnrun.escape import for_figure, for_terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 0.42  # inches
_LONGEST_SIDE = 9.0  # inches of cells
_NUMBERED = 0.25  # inches; cells from this size on bear their numbers
_SHORT = 2  # letters of a name that needs no turning
_HALF = 0.5  # the share from which on a cell is too bright for white figures


def confusion(right: Sequence[int], answers: Sequence[int], classes: int) -> NDArray[np.int64]:
    """Count the examples of each class (row) that were taken for each (column): (C, C)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(right, dtype=np.int64), np.asarray(answers, dtype=np.int64)), 1)
    return counts


def confusion_figure(counts: NDArray[np.int64], classes: Sequence[str], title: str = "") -> "Figure":
    """Draw counts (C, C): a row is a class, its colours are shares of its examples, its figures their number.

    Cells of nothing bear none.

    Raises:
        ValueError: there are not as many classes.
    """
    if counts.shape != (len(classes), len(classes)) or not classes:
        raise ValueError(f"{len(classes)} classes for counts of shape {counts.shape}")
    cell = min(_CELL, _LONGEST_SIDE / len(classes))
    figure, axes = new_figure(cell * len(classes), cell * len(classes))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    scale: dict[str, Any] = {"cmap": COLOUR_MAP, "vmin": 0, "vmax": 1}
    axes.imshow(shares, aspect="auto", interpolation="nearest", **scale)
    size = min(8.0, 72 * cell * 0.3)
    if cell >= _NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ink = INK if shares[row, column] > _HALF else "white"
                axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=size)
    places = range(0, len(classes), max(1, int(np.ceil(7.0 / (72 * cell)))))
    labels = [for_figure(classes[place], 20) for place in places]
    style: dict[str, Any] = {"fontfamily": fonts(), "color": INK}
    axes.set_yticks(places, labels, **style)
    if any(len(for_terminal(name)) > _SHORT for name in classes):
        style |= {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(places, labels, **style)
    name_axes(axes, "answer", "class")
    set_title(figure, axes, title)
    return fitted(figure)
