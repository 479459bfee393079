"""Kneser-Ney n-grams: distributions, a count by hand, and a loop over strings."""

from collections import Counter

import numpy as np
import pytest

from attnrun.models.ngram import NGrams

SIZE = 7


def drawn(length: int, seed: int) -> np.ndarray:
    """Tokens 1 to 5 of a chain with a preference; 0 and 6 never occur."""
    generator, row = np.random.default_rng(seed), [1]
    while len(row) < length:
        row.append(row[-1] % 5 + 1 if generator.random() < 0.7 else int(generator.integers(1, 6)))
    return np.array(row)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_follows_any_context_has_a_distribution(order: int) -> None:
    model = NGrams.fit(drawn(300, 0), SIZE, order)
    histories = [drawn(6, seed)[1:] for seed in range(5)] + [np.array([0, 6, 6]), np.array([2, 6, 3])]
    for history in histories:
        rows = [np.append(history, token) for token in range(SIZE)]
        probabilities = np.exp2(-np.array([model.bits(row)[:, -1] for row in rows]))  # (tokens, orders)
        assert probabilities.shape == (SIZE, order) and probabilities.min() > 0
        np.testing.assert_allclose(probabilities.sum(0), 1, rtol=1e-12)


def test_a_short_row_counted_by_hand() -> None:
    """a b a c a b: too little for discounts of its own, so that each is 3/4."""
    a, b, c = range(3)
    bits = NGrams.fit(np.array([a, b, a, c, a, b]), 3, 2).bits(np.array([a, b]))
    # Alone: counts a 3, b 2, c 1, and 3 · 3/4 over 6 left for the uniform 1/3.
    assert 2 ** -bits[0] == pytest.approx([2.25 / 6 + 2.25 / 6 / 3, 1.25 / 6 + 2.25 / 6 / 3])
    # As continuations: a after b and c, b after a, c after a; of a's followers b 2, c 1.
    lower = 0.25 / 4 + 2.25 / 4 / 3
    assert 2 ** -bits[1, 1] == pytest.approx(1.25 / 3 + 1.5 / 3 * lower)


def test_equals_a_loop_over_strings() -> None:
    """Chen and Goodman 1998, section 3, written over strings of letters."""
    train = "".join(chr(96 + token) for token in drawn(900, 3))
    test = "".join(chr(96 + token) for token in drawn(60, 4))
    order = 3
    numbers = [np.array([ord(letter) - 96 for letter in text]) for text in (train, test)]
    bits = NGrams.fit(numbers[0], SIZE, order).bits(numbers[1])
    for top in range(1, order + 1):
        for place in range(len(test)):
            wanted = probability(train, test[max(0, place - top + 1) : place], test[place], top)
            assert 2 ** -bits[top - 1, place] == pytest.approx(wanted, rel=1e-9), (top, place)


def probability(train: str, history: str, letter: str, top: int) -> float:
    """That of a letter after a history shorter than `top`; a shorter one is all that was before."""
    size = len(history) + 1
    counts = Counter(train[at : at + size] for at in range(len(train) - size + 1))
    if size < top:
        counts = Counter({gram: max(len(before(train, gram)), 1) for gram in counts})
    discounts = found_discounts(list(counts.values()))
    followers = {gram: count for gram, count in counts.items() if gram[:-1] == history}
    lower = 1 / SIZE if not history else probability(train, history[1:], letter, top)
    if not followers:
        return lower
    total = sum(followers.values())
    count = followers.get(history + letter, 0)
    left = sum(discounts[min(count, 3)] for count in followers.values())
    return (count - discounts[min(count, 3)]) / total + left / total * lower


def before(train: str, gram: str) -> set[str]:
    places = [at for at in range(1, len(train)) if train.startswith(gram, at)]
    return {train[at - 1] for at in places}


def found_discounts(counts: list[int]) -> list[float]:
    one, two, three, four = (counts.count(number) for number in (1, 2, 3, 4))
    if not one * two * three * four:
        return [0, 0.75, 0.75, 0.75]
    y = one / (one + 2 * two)
    estimates = [1 - 2 * y * two / one, 2 - 3 * y * three / two, 3 - 4 * y * four / three]
    return [0, *(min(max(value, 0.05), number) for number, value in enumerate(estimates, 1))]


def test_a_text_shorter_than_the_order_has_the_orders_it_can_have() -> None:
    model = NGrams.fit(np.array([3, 1, 3]), SIZE, 9)
    assert model.bits(np.array([3, 1])).shape == (3, 2)
    assert (model.bits(np.array([3, 1]))[1:, 1] < model.bits(np.array([3, 1]))[0, 1]).all()


def test_counts_a_long_text_better_by_longer_grams() -> None:
    bits = NGrams.fit(drawn(5000, 1), SIZE, 3).bits(drawn(2000, 2)).mean(1)
    entropy = -(0.76 * np.log2(0.76) + 0.24 * np.log2(0.06))
    assert bits[0] > 2.2 and entropy - 0.1 < bits[1] < entropy + 0.1
