"""IBM Model 1 against the loops of its definition."""

import math
import random
from collections import defaultdict

import pytest

from attnrun.models.ibm_model_1 import EMPTY, fit

random.seed(7)
PAIRS = [
    ([random.randint(1, 7) for _ in range(n)], [random.randint(1, 11) for _ in range(m)])
    for n, m in ((3, 5), (1, 2), (7, 1), (2, 3), (5, 5), (4, 2), (6, 7), (3, 3))
]


def by_loops(iterations: int) -> tuple[dict[tuple[int, int], float], list[float]]:
    """t(target | source), and the cross-entropy before each iteration (Brown et al. 1993, section 4.1)."""
    words = {word for _, target in PAIRS for word in target}
    t = defaultdict(lambda: 1 / len(words))
    losses = []
    for _ in range(iterations):
        counts, totals = defaultdict(float), defaultdict(float)
        loss, number = 0.0, 0
        for source, target in PAIRS:
            for f in target:
                whole = sum(t[e, f] for e in [EMPTY, *source])
                loss, number = loss - math.log(whole / (len(source) + 1)), number + 1
                for e in [EMPTY, *source]:
                    counts[e, f] += t[e, f] / whole
                    totals[e] += t[e, f] / whole
        t = {(e, f): count / totals[e] for (e, f), count in counts.items()}
        losses.append(loss / number)
    return t, losses


def test_probabilities_and_losses_are_those_of_the_loops() -> None:
    steps = list(fit(PAIRS, 5))
    expected, losses = by_loops(5)
    model = steps[-1][0]
    found = {
        (key // model.targets, key % model.targets): value
        for key, value in zip(model.keys.tolist(), model.probabilities.tolist(), strict=True)
    }
    assert found == pytest.approx(expected)
    assert [loss for _, loss in steps] == pytest.approx(losses)
    assert losses == sorted(losses, reverse=True)  # expectation maximisation never gets worse
    assert steps[3][0].cross_entropy(PAIRS) == pytest.approx(losses[4])


def test_the_posterior_is_over_the_empty_word_and_the_source() -> None:
    *_, (model, _) = fit(PAIRS, 3)
    t, _ = by_loops(3)
    source, target = PAIRS[0]
    found = model.posterior(source, target)
    assert found.shape == (5, 4)
    for row, f in enumerate(target):
        whole = sum(t[e, f] for e in [EMPTY, *source])
        assert found[row].tolist() == pytest.approx([t[e, f] / whole for e in [EMPTY, *source]])


def test_words_never_seen_together_share_evenly() -> None:
    *_, (model, _) = fit(PAIRS, 2)
    assert model.posterior([90, 91], [12, 95]).tolist() == [pytest.approx([1 / 3] * 3)] * 2
    assert model.cross_entropy([([90], [95])]) > 15


def test_words_that_always_go_together_find_each_other() -> None:
    pairs = [([a, b], [b + 10, a + 10]) for a in range(1, 6) for b in range(1, 6) if a != b]
    *_, (model, _) = fit(pairs, 10)
    assert model.posterior([1, 2], [12, 11]).argmax(1).tolist() == [2, 1]
