"""Exact match and F1 as SQuAD's own script counts them."""

import pytest

from attnrun.training.answers import exact_match, overlap


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
