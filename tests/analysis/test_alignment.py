"""Links from attention weights, and their agreement with gold ones."""

import numpy as np
import pytest

from attnrun.analysis.alignment import (
    Links,
    agreement,
    alignment_scores,
    centres,
    links,
    links_above,
    monotonicity,
    strongest,
    symmetrised,
)


def looking(places: list[int], keys: int) -> np.ndarray:
    """Weights (1, 1, N, M) whose row t has most of its weight at places[t]."""
    weights = np.full((len(places), keys), 0.1, dtype=np.float32)
    weights[range(len(places)), places] = 0.7
    return weights[None, None]


def test_the_strongest_is_of_the_mean_over_layers_and_heads() -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(7), size=(2, 3, 5)).astype(np.float32)
    by_hand = []
    for row in range(5):
        sums = [sum(float(weights[a, b, row, m]) for a in range(2) for b in range(3)) for m in range(7)]
        by_hand.append(sums.index(max(sums)))
    assert strongest(weights) == by_hand
    assert links(weights) == [(place, token) for token, place in enumerate(by_hand)]
    single = [int(weights[0, 0, row].argmax()) for row in range(5)]
    assert single != by_hand  # the test would see one head taken for all


def test_a_row_without_weights_has_no_link_and_of_equal_ones_the_first_counts() -> None:
    weights = np.array([[0.0, 0.0, 0.0], [0.2, 0.4, 0.4]])[None, None]
    assert strongest(weights) == [None, 1]
    assert links(weights) == [(1, 1)]
    assert links(np.zeros((1, 1, 0, 3))) == []


def test_scores_by_hand_with_sure_and_possible_links() -> None:
    weights = [looking([1, 1, 4], 5), looking([0, 2], 3)]
    sure: list[Links] = [((1, 0), (0, 1)), ((0, 0),)]
    possible: list[Links] = [((1, 1), (2, 1)), ()]
    # A: (1,0) sure, (1,1) possible, (4,2) no gold; (0,0) sure, (2,1) no gold.  |A| = 5, |S| = 3
    scores = alignment_scores(weights, sure, possible)
    assert scores["aer"] == pytest.approx(1 - (2 + 3) / (5 + 3))
    assert scores["alignment_accuracy"] == 1.0  # of the three tokens that gold links at all
    without = alignment_scores(weights, sure)
    assert without["aer"] == pytest.approx(1 - (2 + 2) / (5 + 3))
    assert without["alignment_accuracy"] == pytest.approx(2 / 3)


def test_the_scores_are_of_all_pairs_together_and_of_aligned_ones_alone() -> None:
    right, wrong = looking([0, 1, 2], 3), looking([1], 2)
    gold: list[Links | None] = [((0, 0), (1, 1), (2, 2)), ((0, 0),), None]
    scores = alignment_scores([right, wrong, wrong], gold, [None, None, None])
    assert scores == {"aer": pytest.approx(1 - 6 / 8), "alignment_accuracy": pytest.approx(3 / 4)}
    assert alignment_scores([right], [gold[0]]) == {"aer": 0, "alignment_accuracy": 1}
    assert alignment_scores([wrong], [gold[1]]) == {"aer": 1, "alignment_accuracy": 0}


def test_possible_links_alone_are_gold() -> None:
    scores = alignment_scores([looking([1, 0], 2)], [None], [((1, 0), (1, 1))])
    assert scores == {"aer": pytest.approx(1 - 1 / 2), "alignment_accuracy": pytest.approx(1 / 2)}


def test_without_gold_links_there_are_no_scores() -> None:
    assert alignment_scores([looking([1], 2)], [()]) == {}
    assert alignment_scores([looking([1], 2)], [None]) == {}
    assert alignment_scores([], []) == {}


def test_where_nothing_counts_there_are_no_scores() -> None:
    assert alignment_scores([np.zeros((1, 1, 1, 2))], [None], [((0, 0),)]) == {}
    assert alignment_scores([np.zeros((1, 1, 1, 2))], [()], [((0, 0),)]) == {}


def test_an_attention_that_sees_nothing_is_wholly_wrong() -> None:
    assert alignment_scores([np.zeros((1, 1, 1, 2))], [((0, 0),)]) == {"aer": 1, "alignment_accuracy": 0}


def test_every_figure_of_the_agreement_by_its_definition() -> None:
    rng = np.random.default_rng(3)
    pairs = []
    for _ in range(11):
        cells = rng.random((5, 7))
        found, sure, possible = (
            {(s, t) for s, t in np.argwhere(cells * k > 0.6).tolist()} for k in (1, 0.9, 1.1)
        )
        pairs.append((found, sure & found | {(4, 6)}, possible - sure))
    a = s = a_s = a_p = 0
    for found, sure, possible in pairs:
        a, s = a + len(found), s + len(sure)
        for link in found:
            a_s, a_p = a_s + (link in sure), a_p + (link in sure or link in possible)
    scores = agreement(*(list(side) for side in zip(*pairs, strict=True)))
    precision, recall = a_p / a, a_s / s
    assert scores == pytest.approx(
        {
            "aer": 1 - (a_s + a_p) / (a + s),
            "precision": precision,
            "recall": recall,
            "f1": 2 / (1 / precision + 1 / recall),
        }
    )
    assert agreement([set()], [{(0, 0)}], [None]) == {"aer": 1.0, "recall": 0.0}
    assert agreement([{(0, 0)}], [None], [None]) == {}
    assert agreement([{(1, 0)}], [{(0, 0)}], [None]) == {
        "aer": 1.0,
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
    }


def test_links_above_a_threshold_are_of_the_mean() -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(7), size=(2, 3, 5)).astype(np.float32)
    expected = []
    for row in range(5):
        for column in range(7):
            mean = sum(float(weights[a, b, row, column]) for a in range(2) for b in range(3)) / 6
            if mean > 0.15:
                expected.append((column, row))
    assert links_above(weights, 0.15) == expected and len(expected) > 5


def grown(forward: set[tuple[int, int]], backward: set[tuple[int, int]], size: int) -> set[tuple[int, int]]:
    """GROW-DIAG as it is written down: over all points of the grid until none brings anything new."""
    alignment, union, before = forward & backward, forward | backward, None
    while before != alignment:
        before = set(alignment)
        for s in range(size):
            for t in range(size):
                if (s, t) not in alignment:
                    continue
                for ds, dt in ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
                    new = s + ds, t + dt
                    free = all(new[0] != x for x, _ in alignment) or all(new[1] != y for _, y in alignment)
                    if free and new in union:
                        alignment.add(new)
    return alignment


def test_symmetrised_links() -> None:
    rng, larger = np.random.default_rng(5), 0
    for _ in range(200):
        forward, backward = (set(map(tuple, np.argwhere(rng.random((6, 6)) > 0.75).tolist())) for _ in "ab")
        assert symmetrised(forward, backward, "intersection") == forward & backward
        assert symmetrised(forward, backward, "union") == forward | backward
        found = symmetrised(forward, backward, "grow-diagonal")
        assert found == grown(forward, backward, 6)
        larger += forward & backward < found < forward | backward
    assert larger > 50
    far = symmetrised({(0, 0), (1, 1), (5, 5)}, {(0, 0), (2, 1)}, "grow-diagonal")
    assert far == {(0, 0), (1, 1), (2, 1)}


def test_a_centre_is_the_mean_place_by_weight() -> None:
    weights = np.random.default_rng(2).random((2, 3, 5, 7))
    weights[:, :, 3] = 0
    found = centres(weights)
    for row in (0, 1, 2, 4):
        total = weights[:, :, row].sum((0, 1))
        assert found[row] == pytest.approx(sum(m * total[m] for m in range(7)) / total.sum())
    assert np.isnan(found[3])


def test_monotonicity_is_the_share_of_steps_forward() -> None:
    examples = [looking([0, 2, 2, 5], 7), looking([4], 5), looking([3, 1, 2], 4), looking([], 3)]
    assert monotonicity(examples) == pytest.approx(3 / 5)
    assert monotonicity([looking([1, 2, 3], 5)]) == 1 and monotonicity([looking([3, 2, 1], 5)]) == 0
    assert monotonicity([looking([1], 5)]) is None and monotonicity([]) is None
