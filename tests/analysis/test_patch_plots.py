"""Pictures of what a model of images sees, and how its classes are taken for each other."""

import numpy as np
import pytest

from attnrun.analysis.confusion import confusion, confusion_figure
from attnrun.analysis.patch_plots import patch_overlays, rollout
from attnrun.analysis.plots import to_pixels
from attnrun.escape import for_figure


def weights() -> np.ndarray:
    """(L, H, N, N) of sizes 2, 3, 5."""
    drawn = np.random.default_rng(1).random((2, 3, 5, 5))
    return drawn / drawn.sum(-1, keepdims=True)


def test_rollout_is_the_paper_s_step_by_step() -> None:
    given = weights()
    share = {(n, m): float(n == m) for n in range(5) for m in range(5)}
    for layer in range(2):
        mixed = {}
        for n in range(5):
            row = [sum(given[layer, :, n, m]) / 3 / 2 + (n == m) / 2 for m in range(5)]
            mixed |= {(n, m): value / sum(row) for m, value in enumerate(row)}
        share = {(n, m): sum(mixed[n, k] * share[k, m] for k in range(5)) for n in range(5) for m in range(5)}
    found = rollout(given)
    for (n, m), expected in share.items():
        assert found[n, m] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(
        rollout(given / 7).sum(-1), 1
    )  # of a normaliser whose rows sum to something else
    np.testing.assert_allclose(rollout(np.zeros((2, 3, 5, 5))), np.eye(5))


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_stands_above_what_is_seen_of_it(channels: int) -> None:
    images = list(np.random.default_rng(1).integers(0, 256, (2, channels, 6, 10), dtype=np.uint8))
    matrices = [np.arange(15.0).reshape(3, 5), np.arange(15.0)[::-1].reshape(3, 5)]
    figure = patch_overlays(images, {"last $layer": matrices, "rollout": matrices[::-1]}, ["[a]", "b"], "x")
    assert len(figure.axes) == 6
    first, below, last = figure.axes[0], figure.axes[1], figure.axes[5]
    expected = images[0][0] if channels == 1 else images[0].transpose(1, 2, 0)
    assert np.array_equal(first.images[0].get_array(), expected)
    assert (first.get_xlabel(), below.get_ylabel()) == ("[a]", r"last \$layer")
    assert np.array_equal(below.images[0].get_array(), expected)
    assert np.array_equal(below.images[1].get_array(), matrices[0])
    assert below.images[1].get_extent() == list(first.images[0].get_extent())
    assert np.array_equal(last.images[1].get_array(), matrices[0])
    assert below.get_position().y1 < first.get_position().y0
    pixels = to_pixels(figure)
    assert pixels.std() > 10


def test_a_figure_of_patches_needs_as_much_of_each() -> None:
    image = np.zeros((1, 3, 3), np.uint8)
    for images, overlays, names in (([], {}, []), ([image], {"a": []}, ["x"]), ([image], {}, ["x", "y"])):
        with pytest.raises(ValueError, match="as many names"):
            patch_overlays(images, overlays, names)


def test_confusion_counts_each_pair() -> None:
    counts = confusion([0, 0, 2, 2, 2], [0, 1, 2, 2, 0], 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0] * 4, [1, 0, 2, 0], [0] * 4]


@pytest.mark.parametrize("classes", [2, 13, 41])
def test_confusion_is_drawn_in_shares_of_each_class(classes: int) -> None:
    counts = np.diag(np.arange(classes)) + 1
    figure = confusion_figure(counts, [f"$class {n}" for n in range(classes)], "[x]")
    (axes,) = figure.axes
    shares = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shares.sum(1), 1)
    assert [text.get_text() for text in axes.texts[:2]] == (["1", "1"] if classes <= 13 else [])
    assert to_pixels(figure).std() > 10
    with pytest.raises(ValueError, match="classes for counts"):
        confusion_figure(counts, ["one"])


def test_a_class_without_examples_is_drawn() -> None:
    (axes,) = confusion_figure(np.array([[0, 0], [1, 2]]), ["a", "b"]).axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[0, 0], [1 / 3, 2 / 3]])


def test_hostile_names_are_escaped(hostile: list[str]) -> None:
    names = hostile[9:16]  # marks of direction, half a character, formulas, a tag
    axes = confusion_figure(np.eye(len(names), dtype=np.int64), names, names[0]).axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == [for_figure(name, 20) for name in names]
    image = np.zeros((1, 3, 3), np.uint8)
    figure = patch_overlays([image] * len(names), {"$a$": [np.eye(3)] * len(names)}, names, names[3])
    below = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert below == [for_figure(name, 15) for name in names]
    assert figure.axes[0].get_title(loc="left") == for_figure(names[3])
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == [for_figure("$a$")]
