"""Exact match and F1 as SQuAD's own script counts them; edits by their definition."""

from functools import cache
from itertools import product

import pytest

from attnrun.training.answers import edits, exact_match, overlap


@pytest.mark.parametrize(
    "answer, right, exact, f1",
    [
        ("the Kitchen!", ["kitchen"], 1, 1),
        ("in the kitchen", ["kitchen"], 0, 2 / 3),
        ("Denver  Broncos", ["The Denver Broncos", "Broncos"], 1, 1),
        ("old red brick house", ["red house by a lake"], 0, 0.5),
        ("red red", ["red"], 0, 2 / 3),
        ("blue", ["red"], 0, 0),
        ("the", ["a"], 1, 1),  # nothing is left of either
        ("the", ["red"], 0, 0),
        ("theatre", ["atre"], 0, 0),
    ],
)
def test_of_one_answer(answer: str, right: list[str], exact: float, f1: float) -> None:
    assert exact_match(answer, right) == exact
    assert overlap(answer, right) == pytest.approx(f1)


@cache
def fewest(answer: tuple[int, ...], right: tuple[int, ...]) -> int:
    """By the recursion over the first items."""
    if not answer or not right:
        return len(answer) + len(right)
    if answer[0] == right[0]:
        return fewest(answer[1:], right[1:])
    return 1 + min(fewest(answer[1:], right), fewest(answer, right[1:]), fewest(answer[1:], right[1:]))


def test_edits_of_all_short_sequences() -> None:
    rows = [row for length in range(5) for row in product(range(2), repeat=length)]
    for answer, right in product(rows, rows):
        assert edits(list(answer), right) == fewest(answer, right) == edits(right, answer)


@pytest.mark.parametrize(
    "answer, right, count", [("intention", "execution", 5), ("", "abc", 3), ("abc", "", 3), ("a", "a", 0)]
)
def test_edits_of_texts(answer: str, right: str, count: int) -> None:
    assert edits(answer, right) == count
