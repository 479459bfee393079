"""Figures: what is drawn is what was given, whatever the labels."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from attnrun.analysis import plots
from attnrun.analysis.maps import AttentionMap
from attnrun.errors import UserError
from attnrun.escape import for_figure, for_terminal


def image_of(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def tick_texts(axis) -> list[str]:
    """Return the labels as the reader sees them."""
    return [label._preprocess_math(label.get_text())[0] for label in axis.get_ticklabels()]


def test_first_query_is_at_the_top() -> None:
    weights = np.random.default_rng(0).random((3, 5), dtype=np.float32)
    figure = plots.heat_map(weights, ["q0", "q1", "q2"], ["k0", "k1", "k2", "k3", "k4"], "a map")
    axes = figure.axes[0]
    np.testing.assert_array_equal(image_of(figure), weights)
    assert axes.images[0].origin == "upper"
    assert tick_texts(axes.yaxis) == ["q0", "q1", "q2"]
    assert tick_texts(axes.xaxis) == ["k0", "k1", "k2", "k3", "k4"]
    assert axes.get_title(loc="left") == "a map"


def test_largest_weight_is_the_brightest_pixel_where_it_belongs() -> None:
    weights = np.full((2, 3), 0.1)
    weights[0, 2] = 0.7
    figure = plots.heat_map(weights)
    pixels = plots.to_pixels(figure).astype(int)
    box = figure.axes[0].get_window_extent()
    columns = (box.x0 + (np.arange(3) + 0.5) / 3 * box.width).astype(int)
    rows = (len(pixels) - box.y1 + (np.arange(2) + 0.5) / 2 * box.height).astype(int)
    brightness = pixels[rows][:, columns].sum(axis=-1)
    assert np.unravel_index(brightness.argmax(), (2, 3)) == (0, 2)


def test_a_map_is_averaged_and_brings_its_labels() -> None:
    weights = np.random.default_rng(0).random((2, 3, 5, 7), dtype=np.float32)
    attention_map = AttentionMap(list("abcde"), list("tuvwxyz"), weights, "title")
    figure = plots.heat_map(attention_map)
    np.testing.assert_allclose(image_of(figure), weights.mean((0, 1)), rtol=1e-6)
    assert tick_texts(figure.axes[0].yaxis) == list("abcde")
    assert plots.heat_map(attention_map, title="other").axes[0].get_title(loc="left") == "other"


def test_hostile_labels_are_drawn_literally(hostile: list[str], tmp_path: Path) -> None:
    size = len(hostile)
    figure = plots.heat_map(np.eye(size), hostile, hostile, "$x$ \x1b[31m <b> \\$ " + "$" * 300)
    shown = [for_figure(name).replace(r"\$", "$") for name in hostile]
    assert tick_texts(figure.axes[0].xaxis) == shown
    assert tick_texts(figure.axes[0].yaxis) == shown
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith(r"\$x\$ \x1b[31m <b> \\$") and title.count("$") == title.count(r"\$")
    ElementTree.parse(plots.save(figure, tmp_path / "hostile.svg"))
    plots.save(figure, tmp_path / "hostile.png")


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (19, 1), (60, 7), (11, 80), (300, 2), (3, 301)])
def test_pictures_of_any_size_stay_sane(shape: tuple[int, int]) -> None:
    rows = [f"query{i}" for i in range(shape[0])]
    figure = plots.heat_map(np.full(shape, 0.5), rows, [f"key{i}" for i in range(shape[1])], "title")
    width, height = figure.get_size_inches()
    assert 1 < width < 17 and 1 < height < 17
    whole = figure.get_tightbbox()
    assert whole.x0 >= -0.01 and whole.y0 >= -0.01 and whole.x1 <= width + 0.01 and whole.y1 <= height + 0.01
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(lower.y1 <= upper.y0 + 1 for upper, lower in pairwise(boxes))  # none lies over the next


def test_too_many_labels_are_thinned_out() -> None:
    axes = plots.heat_map(np.ones((200, 20))).axes[0]
    names = tick_texts(axes.yaxis)
    assert len(names) <= 100 and names[1] == str(int(axes.get_yticks()[1]))
    assert len(tick_texts(plots.heat_map(np.ones((60, 60))).axes[0].yaxis)) == 60


@pytest.mark.parametrize(
    "weights", [np.zeros((0, 3)), np.zeros((2, 0)), np.zeros((2, 3)), np.full((2, 3), np.nan)]
)
def test_maps_without_weight_are_drawn(weights: np.ndarray) -> None:
    figure = plots.heat_map(weights)
    if weights.size:
        assert image_of(figure).shape == weights.shape and not image_of(figure).any()
    else:
        assert [text.get_text() for text in figure.axes[0].texts] == ["nothing to show"]


def test_matrix_and_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="3 row and 2 column labels"):
        plots.heat_map(np.zeros((2, 3)), ["a", "b", "c"], ["x", "y"])
    with pytest.raises(ValueError, match="matrix"):
        plots.heat_map(np.zeros((2, 3, 5)))


def test_regression_curves_are_sorted_and_named() -> None:
    x_test = np.array([3.0, 1.0, 2.0])
    figure = plots.regression_curves([5, 1], [2, 3], x_test, x_test * 10, {"$a$": x_test + 1, "b": -x_test})
    truth, first, second = figure.axes[0].lines
    np.testing.assert_array_equal(truth.get_xydata(), [[1, 10], [2, 20], [3, 30]])
    np.testing.assert_array_equal(first.get_ydata(), [2, 3, 4])
    np.testing.assert_array_equal(second.get_ydata(), [-1, -2, -3])
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), [[5, 2], [1, 3]])
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["training data", "truth", r"\$a\$", "b"]
    assert first.get_color() != second.get_color() and first.get_linestyle() != second.get_linestyle()
    named = plots.regression_curves([5], [2], x_test, None, {"a": x_test}, names=("$t$", "g\x1b")).axes[0]
    assert len(named.lines) == 1
    assert (named.get_xlabel(), named.get_ylabel()) == ("\\$t\\$", "g\\x1b")


def test_regression_weights_stand_at_their_numbers() -> None:
    x_query, x_key = np.array([2.0, 1.0, 4.0]), np.array([30.0, 10.0, 10.0, 20.0, 50.0])
    weights = np.arange(15.0).reshape(3, 5) / 20
    mesh = plots.regression_weights(weights, x_query, x_key).axes[0].collections[0]
    drawn = np.asarray(mesh.get_array()).reshape(3, 4)
    sorted_weights = weights[[1, 0, 2]]
    merged = np.stack([sorted_weights[:, [1, 2]].sum(1), *sorted_weights[:, [3, 0, 4]].T], axis=1)
    np.testing.assert_allclose(drawn, merged)
    corners = np.asarray(mesh.get_coordinates())
    np.testing.assert_allclose(corners[0, :, 0], [5, 15, 25, 40, 60])
    np.testing.assert_allclose(corners[:, 0, 1], [0.5, 1.5, 3, 5])
    averaged = plots.regression_weights([[0.2, 0.8], [0.6, 0.4]], [7, 7], [1, 2]).axes[0].collections[0]
    np.testing.assert_allclose(np.asarray(averaged.get_array()).ravel(), [0.4, 0.6])


def test_loss_curves_skip_what_is_missing_or_not_finite() -> None:
    values = [{"train/loss": 3.0}, {"train/loss": None}, {"train/loss": 2.5, "valid/loss": 4.0}]
    values.append({"train/loss": float("inf")})
    rows = [{"step": place, **found} for place, found in enumerate(values)]
    train, valid, absent = plots.loss_curves(rows, ["train/loss", "valid/loss", "absent"]).axes[0].lines
    np.testing.assert_array_equal(train.get_xydata(), [[0, 3], [2, 2.5]])
    np.testing.assert_array_equal(valid.get_xydata(), [[2, 4]])
    assert absent.get_xydata().size == 0
    plots.loss_curves([], []).canvas.draw()


def test_loss_over_many_decades_is_drawn_logarithmically() -> None:
    rows = [{"step": step, "loss": 10.0**-step, "gain": -1.0} for step in range(5)]
    assert plots.loss_curves(rows, ["loss"]).axes[0].get_yscale() == "log"
    assert plots.loss_curves(rows, ["loss", "gain"]).axes[0].get_yscale() == "linear"
    assert plots.loss_curves(rows[:2], ["loss"]).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_figures_give_equal_files(suffix: str, tmp_path: Path) -> None:
    files = [tmp_path / "new" / f"{name}.{suffix}" for name in "ab"]
    for path in files:
        assert plots.save(plots.heat_map(np.eye(3)), path) == path
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted((tmp_path / "new").iterdir()) == files


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"map\.gif"):
        plots.save(plots.heat_map(np.eye(2)), tmp_path / "map.gif")
    assert not list(tmp_path.iterdir())


def test_pixels_are_those_of_the_figure() -> None:
    figure = plots.heat_map(np.eye(2))
    pixels = plots.to_pixels(figure)
    width, height = figure.canvas.get_width_height()
    assert pixels.shape == (height, width, 3) and pixels.dtype == np.uint8
    assert (pixels[0, 0] == 255).all() and (pixels < 100).any()


def test_pyplot_stays_out_and_matplotlib_waits() -> None:
    code = (
        "import sys, attnrun.analysis.plots as plots; assert 'matplotlib' not in sys.modules; "
        "plots.heat_map([[1.0]]); print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_title_wraps_to_three_lines() -> None:
    figure = plots.heat_map(np.eye(3), title="many words " * 50)
    lines = figure.axes[0].get_title(loc="left").splitlines()
    assert len(lines) == 3 and lines[-1].endswith("…")
    assert for_terminal("many words") in lines[0]
