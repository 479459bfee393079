"""The lengths of a corpus's sentences, as a figure and as a line of bars for a terminal.

As in `plots`, nothing is shown, pyplot is not touched, and names and titles are raw text, escaped here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnrun.analysis.canvas import INK, fitted, new_figure, set_title, thin_ink
from attnrun.analysis.plots import COLOUR_MAP, PALETTE, STYLES, legend, name_axes
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS = "▁▂▃▄▅▆▇█"
_PANEL = (3.4, 2.9)  # inches
_GAP = 0.75  # inches between two panels
_SHOWN = 99.5  # percent of the sentences of a split that its axes show in full
_MOST_BINS = 60  # of a histogram; longer ranges get bins of several lengths


def lengths_figure(
    lengths: Mapping[str, tuple[ArrayLike, ArrayLike]], names: tuple[str, str], title: str = ""
) -> "Figure":
    """Draw how long the sentences are: source by split, target by split, and one against the other.

    Lengths beyond the 99.5th percentile are counted with those at the end of an axis.

    Args:
        lengths: split -> tokens of each source sentence (P,) and of its target sentence (P,).
        names: of the two languages.
        title: shown above.

    Raises:
        ValueError: there is no split, or one without pairs.
    """
    splits = {split: [np.asarray(side) for side in both] for split, both in lengths.items()}
    if not splits or not all(side.size for both in splits.values() for side in both):
        raise ValueError("lengths to draw need at least one split, and each a pair")
    from matplotlib.ticker import MaxNLocator

    figure, first = new_figure(*_PANEL)
    panels = [first, _beside(figure, first, 1), _beside(figure, first, 2)]
    edges = [_edges([both[side] for both in splits.values()]) for side in (0, 1)]
    for side, axes in enumerate(panels[:2]):
        _histograms(axes, {split: both[side] for split, both in splits.items()}, edges[side])
        name_axes(axes, f"tokens, {names[side]}", "sentences, %" if side == 0 else "")
    _against(panels[2], splits, edges)
    name_axes(panels[2], f"tokens, {names[0]}", f"tokens, {names[1]}")
    for axis in (*(axes.xaxis for axes in panels), panels[2].yaxis):  # lengths are whole numbers
        axis.set_major_locator(MaxNLocator(integer=True))
    legend(panels[0])
    set_title(figure, first, title)
    return fitted(figure)


def bars(lengths: ArrayLike, longest: int, width: int = 24) -> str:
    """Return a histogram of lengths from 1 to `longest` as one line of at most `width` block characters."""
    edges = _bins(longest, width)
    counts = _counts(np.asarray(lengths), edges)
    grades = np.ceil(counts / max(counts.max(), 1) * len(BARS)).astype(int)
    return "".join(BARS[grade - 1] if grade else " " for grade in grades)


def _beside(figure: "Figure", first: "Axes", number: int) -> "Axes":
    """Add a panel to the right; `fitted` widens the figure to it."""
    box = first.get_position()
    step = box.width + _GAP / figure.get_size_inches()[0]
    axes = figure.add_axes((box.x0 + number * step, box.y0, box.width, box.height), facecolor="white")
    axes.tick_params(labelsize=9, length=3)
    thin_ink(axes)
    return axes


def _edges(sides: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the bins' borders for the lengths that at least one split shows."""
    longest = max(int(np.percentile(side, _SHOWN, method="inverted_cdf")) for side in sides)
    return _bins(longest, _MOST_BINS)


def _bins(longest: int, most: int) -> NDArray[Any]:
    """Return borders half-way between whole lengths, all bins as wide, at most so many of them."""
    wide = -(-longest // most)
    return np.arange(0.5, longest + wide + 0.5, wide) if longest > 0 else np.array([0.5, 1.5])


def _counts(lengths: NDArray[Any], edges: NDArray[Any]) -> NDArray[Any]:
    """Count the lengths in each bin, the longer ones in the last."""
    counts: NDArray[Any] = np.histogram(_clipped(lengths, edges), edges)[0]
    return counts


def _clipped(lengths: NDArray[Any], edges: NDArray[Any]) -> NDArray[Any]:
    clipped: NDArray[Any] = np.clip(lengths, edges[0] + 0.5, edges[-1] - 0.5)
    return clipped


def _histograms(axes: "Axes", splits: Mapping[str, NDArray[Any]], edges: NDArray[Any]) -> None:
    axes.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for (split, lengths), colour, style in zip(splits.items(), PALETTE, STYLES, strict=False):
        shares = 100 * _counts(lengths, edges) / len(lengths)
        label = f"{for_figure(split)} ({len(lengths):,})"
        axes.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.6, label=label)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)


def _against(
    axes: "Axes", splits: Mapping[str, Sequence[NDArray[Any]]], edges: Sequence[NDArray[Any]]
) -> None:
    """Draw how many pairs of all splits have each two lengths, on a logarithmic scale."""
    from matplotlib.colors import LogNorm

    sides = [np.concatenate([both[side] for both in splits.values()]) for side in (0, 1)]
    clipped = [_clipped(side, edge) for side, edge in zip(sides, edges, strict=True)]
    counts = np.histogramdd(clipped, list(edges))[0].T
    norm = LogNorm(1, max(2, counts.max()))
    # As pixels also in an SVG: vector cells would be heavy, and show seams.
    image = axes.pcolormesh(
        *edges, np.ma.masked_equal(counts, 0), cmap=COLOUR_MAP, norm=norm, rasterized=True
    )
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0.0, 0.04, 1.0)))
    bar.ax.tick_params(labelsize=8, length=2.5)
    bar.ax.set_ylabel("pairs", fontsize=8, color=INK)
    thin_ink(bar.ax)
