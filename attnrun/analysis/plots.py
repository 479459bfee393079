"""Figures of finished runs, ready for a README: heat maps of weights, regression and loss curves.

Each function returns a `matplotlib.figure.Figure` made with the object interface: nothing is shown, and
pyplot and its state are not touched. Labels, titles and names are raw text; they are escaped here.
N queries (rows), M keys (columns).
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, set_title, thin_ink
from attnrun.analysis.canvas import save as save
from attnrun.analysis.canvas import to_pixels as to_pixels
from attnrun.analysis.maps import AttentionMap
from attnrun.escape import for_figure, for_terminal
from attnrun.runs.find import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from attnrun.runs.run import Run

LOSSES = ("train/epoch_loss", "valid/loss")  # what a training loop logs of the loss
# Okabe and Ito's colours, told apart with every kind of colour vision; line styles tell them apart in grey.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
GREY = "#8A8A8A"
COLOUR_MAP = "viridis"
_CURVES = (6.4, 3.8)  # inches, the axes of curves
_LONGEST_SIDE = 13.0  # inches of cells
_SEPARATED_CELL = 0.25  # inches; larger cells get lines between them
FEW_POINTS = 30  # on a curve; each gets a mark
_NEAR_ONE = 0.8  # a largest weight from here on is drawn on the scale from 0 to 1


def heat_map(
    weights: AttentionMap | ArrayLike,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """Draw weights (N, M) as cells, the first query at the top, with keys named above the columns.

    Args:
        weights: a matrix, or a map (averaged over layers and heads), which brings its own labels and title.
        row_labels: N names of queries; None numbers them.
        column_labels: M names of keys; None numbers them.
        title: shown above; None means the map's own.

    Raises:
        ValueError: the weights are no matrix, or the labels are too many or too few.
    """
    matrix, rows, columns, title = _read_map(weights, row_labels, column_labels, title)
    if not matrix.size:
        return _empty(title)
    cell = _cell_size(max(matrix.shape))
    figure, axes = new_figure(cell * matrix.shape[1], cell * matrix.shape[0])
    scale: dict[str, Any] = {"cmap": COLOUR_MAP, "vmin": 0, "vmax": _top(matrix)}
    image = axes.imshow(matrix, aspect="auto", interpolation="nearest", **scale)
    if cell > _SEPARATED_CELL:
        _separate_cells(axes, matrix.shape)
    _label_cells(axes, rows, columns, cell)
    _colour_bar(figure, axes, image)
    set_title(figure, axes, title)
    return fitted(figure)


def regression_curves(
    x_train: ArrayLike,
    y_train: ArrayLike,
    x_test: ArrayLike,
    truth: ArrayLike | None,
    predictions: Mapping[str, ArrayLike],
    title: str = "",
    names: tuple[str, str] = ("x", "y"),
) -> "Figure":
    """Draw training points, the true curve where it is known, and one curve for each named prediction.

    Args:
        x_train: (M,), in any order, as are the other points.
        y_train: (M,)
        x_test: (N,)
        truth: (N,) without noise, or None.
        predictions: name -> (N,)
        title: shown above.
        names: of the two axes.
    """
    order = np.argsort(_vector(x_test), kind="stable")
    x = _vector(x_test)[order]
    figure, axes = new_curves(*names, title)
    dots: dict[str, Any] = {"s": 16, "color": GREY, "alpha": 0.75, "linewidths": 0}
    axes.scatter(_vector(x_train), _vector(y_train), label="training data", **dots)
    if truth is not None:
        axes.plot(x, _vector(truth)[order], color=INK, linewidth=1.2, label="truth")
    for (name, values), look in zip(predictions.items(), looks(), strict=False):
        axes.plot(x, _vector(values)[order], linewidth=2, label=for_figure(name, 40), **look)
    legend(axes)
    return fitted(figure)


def regression_weights(weights: ArrayLike, x_query: ArrayLike, x_key: ArrayLike, title: str = "") -> "Figure":
    """Draw kernel weights (N, M) over the numbers they stand between, both axes to scale.

    Queries (N,) and keys (M,) are sorted; weights of equal keys are added, those of equal queries averaged.
    """
    matrix = np.nan_to_num(np.asarray(weights, dtype=np.float64))
    if not matrix.size:
        return _empty(title)
    queries, rows = np.unique(_vector(x_query), return_inverse=True)
    keys, columns = np.unique(_vector(x_key), return_inverse=True)
    merged = np.zeros((len(queries), len(keys)))
    np.add.at(merged, (rows[:, None], columns), matrix / np.bincount(rows)[rows, None])
    figure, axes = new_figure(4.2, 4.2)
    scale: dict[str, Any] = {"cmap": COLOUR_MAP, "vmin": 0, "vmax": _top(merged)}
    # As pixels also in an SVG: vector cells would be heavy, and show seams.
    image = axes.pcolormesh(_edges(keys), _edges(queries), merged, rasterized=True, **scale)
    name_axes(axes, "training x (key)", "test x (query)")
    _colour_bar(figure, axes, image)
    set_title(figure, axes, title)
    return fitted(figure)


def loss_curves(rows: Sequence[Mapping[str, Any]], names: Sequence[str], title: str = "") -> "Figure":
    """Draw named values of metrics rows against the step; a row without a finite value is left out.

    The vertical axis is logarithmic where positive values span more than two decades.

    Args:
        rows: each has ``step``, and values by name.
        names: what to draw, such as ``train/loss``.
        title: shown above.
    """
    figure, axes = new_curves("step", "", title)
    curves = [_points(rows, name) for name in names]
    for name, points, look in zip(names, curves, looks(), strict=False):
        marker = "o" if len(points) <= FEW_POINTS else None
        label = for_figure(name, 40)
        axes.plot(*points.T, linewidth=1.8, marker=marker, markersize=4, label=label, **look)
    scale_values(axes, np.concatenate([np.empty(0), *(points[:, 1] for points in curves)]))
    legend(axes)
    return fitted(figure)


def draw_losses(run: "Run", names: Sequence[str] = LOSSES) -> None:
    """Keep `loss_curves` of what a run has logged by these names as its figure "loss"."""
    rows = RunRecord(run.directory).metrics_rows()
    run.figure("loss", loss_curves(rows, names, run.experiment))


def _read_map(
    weights: AttentionMap | ArrayLike,
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
    title: str | None,
) -> tuple[NDArray[np.float32], list[str], list[str], str]:
    if isinstance(weights, AttentionMap):
        row_labels = weights.queries if row_labels is None else row_labels
        column_labels = weights.keys if column_labels is None else column_labels
        title = weights.title if title is None else title
        weights = weights.mean()
    matrix = np.nan_to_num(np.asarray(weights, dtype=np.float32))
    if matrix.ndim != 2:
        raise ValueError(f"a heat map needs a matrix (N, M), not shape {matrix.shape}")
    rows = list(map(str, range(matrix.shape[0]))) if row_labels is None else list(row_labels)
    columns = list(map(str, range(matrix.shape[1]))) if column_labels is None else list(column_labels)
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(f"{len(rows)} row and {len(columns)} column labels for a {matrix.shape} matrix")
    return matrix, rows, columns, title or ""


def new_curves(x_name: str, y_name: str, title: str) -> "tuple[Figure, Axes]":
    """Return axes for curves, named, and their figure; all texts are raw."""
    figure, axes = new_figure(*_CURVES)
    axes.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    name_axes(axes, x_name, y_name)
    set_title(figure, axes, title)
    return figure, axes


def name_axes(axes: "Axes", x_name: str, y_name: str) -> None:
    """Set two raw texts as the names of the axes."""
    style: dict[str, Any] = {"fontsize": 10, "color": INK, "fontfamily": fonts()}
    axes.set_xlabel(for_figure(x_name, 40), **style)
    axes.set_ylabel(for_figure(y_name, 40), **style)


def scale_values(axes: "Axes", values: NDArray[np.float64]) -> None:
    """Make the vertical axis logarithmic where positive values span more than two decades."""
    if values.size and 0 < values.min() < values.max() / 100:
        axes.set_yscale("log")


def looks() -> "cycle[dict[str, Any]]":
    """Return colours and line styles, in pairs that come back only after a dozen."""
    pairs = zip(PALETTE * 2, STYLES * 3, strict=True)
    return cycle([{"color": colour, "linestyle": style} for colour, style in pairs])


def _empty(title: str) -> "Figure":
    figure, axes = new_figure(2.4, 0.8)
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=GREY, transform=axes.transAxes)
    set_title(figure, axes, title)
    return fitted(figure)


def _cell_size(longest: int) -> float:
    """Return the side of a cell in inches: roomy for a few tokens, smaller from 20 on, tiny past 80."""
    return min(0.42, max(8.0 / longest, 0.165), _LONGEST_SIDE / longest)


def _separate_cells(axes: "Axes", shape: tuple[int, ...]) -> None:
    axes.hlines(np.arange(1, shape[0]) - 0.5, -0.5, shape[1] - 0.5, color="white", linewidth=0.6)
    axes.vlines(np.arange(1, shape[1]) - 0.5, -0.5, shape[0] - 0.5, color="white", linewidth=0.6)


def _label_cells(axes: "Axes", rows: list[str], columns: list[str], cell: float) -> None:
    points = 72 * cell
    size = min(10.0, max(6.5, 0.72 * points))
    # Where even the smallest letters do not fit, only every second, third … token is named.
    every = max(1, int(np.ceil(1.1 * size / points)))
    axes.xaxis.tick_top()
    axes.tick_params(labelsize=size, length=2)
    style: dict[str, Any] = {"fontfamily": fonts(), "color": INK}
    axes.set_yticks(range(0, len(rows), every), [for_figure(name) for name in rows[::every]], **style)
    if any(len(for_terminal(name)) > 1 for name in columns):
        style |= {"rotation": 60, "ha": "left", "va": "bottom", "rotation_mode": "anchor"}
    axes.set_xticks(range(0, len(columns), every), [for_figure(name) for name in columns[::every]], **style)


def _colour_bar(figure: "Figure", axes: "Axes", image: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    box = axes.get_position()
    width, height = figure.get_size_inches()
    # As tall as the map, but of a readable size beside a single row or sixty.
    tall = min(max(box.height, 0.9 / height), 3.0 / height)
    bar = figure.add_axes((box.x1 + 0.14 / width, box.y1 - tall, 0.13 / width, tall))
    figure.colorbar(image, cax=bar, ticks=MaxNLocator(4))
    bar.tick_params(labelsize=8, length=2.5)
    bar.set_ylabel("weight", fontsize=8, color=INK)
    thin_ink(bar)


def legend(axes: "Axes", beside: bool = False) -> None:
    """Add a legend where something on the axes has a label: where it hides least, or `beside` the axes."""
    from matplotlib.font_manager import FontProperties

    if axes.get_legend_handles_labels()[0]:
        place: dict[str, Any] = {"loc": "best"}
        if beside:
            place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "borderaxespad": 0}
        font = FontProperties(family=fonts(), size=9)
        axes.legend(prop=font, framealpha=0.9, edgecolor="#CCCCCC", handlelength=2.6, **place)


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _top(matrix: NDArray[Any]) -> float:
    """Return the weight at the bright end: the largest, or 1 where that is near, so that maps compare."""
    largest = float(matrix.max())
    return largest if 0 < largest < _NEAR_ONE else max(1.0, largest)


def _edges(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders half-way between sorted points; the outer cells are as wide on both sides."""
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    middle = (points[1:] + points[:-1]) / 2
    return np.concatenate([[2 * points[0] - middle[0]], middle, [2 * points[-1] - middle[-1]]])


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """Return the (step, value) pairs of one name, (rows, 2)."""
    pairs = ((row["step"], row.get(name)) for row in rows)
    found = [(step, value) for step, value in pairs if value is not None and np.isfinite(value)]
    return np.array(found, dtype=np.float64).reshape(-1, 2)
