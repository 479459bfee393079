"""Histograms of lengths: what is drawn is what was counted."""

from itertools import pairwise

import numpy as np
import pytest

from attnrun.analysis.corpus_plots import BARS, bars, lengths_figure
from attnrun.escape import for_figure

LENGTHS = {"train": ([1, 2, 2, 3], [2, 2, 2, 5]), "test": ([3, 3], [1, 4])}


def steps(axes):
    """Return (values, edges) of each histogram, in the order drawn."""
    from matplotlib.patches import StepPatch

    return [patch.get_data()[:2] for patch in axes.patches if isinstance(patch, StepPatch)]


def test_each_split_is_drawn_in_percent_of_its_own() -> None:
    source, target = lengths_figure(LENGTHS, ("en", "fr")).axes[:2]
    (train, edges), (test, _) = steps(source)
    np.testing.assert_allclose(edges, [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(train, [25, 50, 25])
    np.testing.assert_allclose(test, [0, 0, 100])
    np.testing.assert_allclose(steps(target)[0][0], [0, 75, 0, 0, 25])


def test_pairs_are_counted_by_their_two_lengths() -> None:
    axes = lengths_figure(LENGTHS, ("en", "fr")).axes[2]
    counts = np.ma.filled(axes.collections[0].get_array(), 0).reshape(5, 3)
    expected = np.zeros((5, 3))
    for x, y in ((1, 2), (2, 2), (2, 2), (3, 5), (3, 1), (3, 4)):
        expected[y - 1, x - 1] += 1
    np.testing.assert_array_equal(counts, expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tokens, en", "tokens, fr")


def test_the_few_longest_are_counted_at_the_end_of_the_axis() -> None:
    lengths = np.array([3] * 999 + [500])
    (values, edges), *_ = steps(lengths_figure({"train": (lengths, lengths)}, ("a", "b")).axes[0])
    assert edges[-1] == 3.5
    assert values.sum() == pytest.approx(100)


def test_a_long_range_gets_bins_of_several_lengths() -> None:
    lengths = np.arange(1, 1001)
    (values, edges), *_ = steps(lengths_figure({"train": (lengths, lengths)}, ("a", "b")).axes[0])
    assert len(values) <= 60
    assert values.sum() == pytest.approx(100)
    assert len(set(np.diff(edges))) == 1


@pytest.mark.slow
def test_hostile_names_are_drawn_literally(hostile: list[str]) -> None:
    for first, second in pairwise(hostile[::2]):
        axes = lengths_figure(LENGTHS, (first, second), title=first + second).axes
        label = axes[0].xaxis.label
        assert label._preprocess_math(label.get_text())[0] == for_figure(f"tokens, {first}", 40).replace(
            r"\$", "$"
        )


def test_panels_stand_side_by_side() -> None:
    boxes = [axes.get_position() for axes in lengths_figure(LENGTHS, ("en", "fr"), "title").axes[:3]]
    assert boxes[0].x1 < boxes[1].x0 and boxes[1].x1 < boxes[2].x0 < boxes[2].x1 <= 1
    assert len({round(box.height, 6) for box in boxes}) == 1


@pytest.mark.parametrize("lengths", [{}, {"train": ([], [])}])
def test_nothing_to_draw_is_an_error(lengths: dict) -> None:
    with pytest.raises(ValueError, match="at least one split"):
        lengths_figure(lengths, ("a", "b"))


def test_bars_grow_with_the_counts_and_the_last_takes_the_rest() -> None:
    assert bars([1, 2, 2, 4, 9], longest=4) == f"{BARS[3]}{BARS[7]} {BARS[7]}"


def test_bars_stay_within_the_width() -> None:
    line = bars(range(1, 1000), longest=999, width=10)
    assert len(line) == 10 and set(line) <= set(BARS)
