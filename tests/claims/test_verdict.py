"""Conditions are read as written, and judged by the spread over seeds."""

import math

import pytest
from scipy import stats

from attnrun.claims.verdict import judge, read_condition, verdict
from attnrun.errors import UserError


def judged(text: str, **figures: list[float]):
    return judge(read_condition("always", text, "holds.always"), figures)


@pytest.mark.parametrize(
    ("text", "values", "state"),
    [
        ("a < b", {"a": [1.0, 1.1, 0.9], "b": [2.0, 2.1, 1.9]}, "holds"),
        ("b > a", {"a": [1.0, 1.1, 0.9], "b": [2.0, 2.1, 1.9]}, "holds"),
        ("b < a", {"a": [1.0, 1.1, 0.9], "b": [2.0, 2.1, 1.9]}, "fails"),
        ("a < b", {"a": [1.0, 5.0, 0.9], "b": [2.0, 2.1, 1.9]}, "undecided"),
        ("a < b", {"a": [1.0], "b": [2.0]}, "holds"),
        ("a < b", {"a": [2.0], "b": [2.0]}, "fails"),
        ("a < b", {"a": [math.nan, 1.0], "b": [2.0, 2.0]}, "undecided"),
        ("0.5 < a < 1.5", {"a": [1.0, 1.01]}, "holds"),
        ("0.5 < a < 0.9", {"a": [1.0, 1.0]}, "fails"),
        ("1.5 > a > 0.5", {"a": [1.0, 1.01]}, "holds"),
        ("-1e-3 < a", {"a": [0.0, 0.0]}, "holds"),
        ("a < b", {"a": [0.3, 0.3], "b": [0.1 + 0.2, 0.1 + 0.2]}, "fails"),
        ("two-heads_x < x_0.5", {"two-heads_x": [1.0], "x_0.5": [2.0]}, "holds"),
    ],
)
def test_a_condition_is_judged_by_its_weakest_link(text, values, state) -> None:
    assert judged(text, **values).state == state


def test_the_margin_is_student_s_interval_of_paired_differences() -> None:
    small, large = [1.0, 1.4, 0.7, 1.1], [2.0, 2.2, 1.9, 2.4]
    found = judged("small < large", small=small, large=large)
    differences = [high - low for low, high in zip(small, large, strict=True)]
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert found.margin == pytest.approx((expected.low, expected.high))


def test_all_some_or_none() -> None:
    good, bad = judged("a < b", a=[1.0], b=[2.0]), judged("b < a", a=[1.0], b=[2.0])
    open_ = judged("a < b", a=[1.0, 9.0], b=[2.0, 2.0])
    assert verdict([good, good]) == "HOLDS"
    assert verdict([bad, bad]) == "FAILS"
    assert {verdict(some) for some in ([good, bad], [open_], [good, open_])} == {"DEPENDS"}


@pytest.mark.parametrize("text", ["", "a", "a = b", "a < b > c", "a < ", "< a", "a + b < c", "a() < 1"])
def test_what_is_no_inequality_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"holds\.x: .* is no inequality"):
        read_condition("x", text, "holds.x")


def test_an_unknown_figure_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match="no figure 'averge' was measured; did you mean 'average'"):
        judged("averge < 1", average=[1.0])


@pytest.mark.parametrize("word", ["inf", "nan", "infinity"])
def test_a_word_that_python_reads_as_a_number_is_a_figure(word: str) -> None:
    with pytest.raises(UserError, match=f"no figure '{word}' was measured"):
        judged(f"average < {word}", average=[1.0, 2.0])
    assert judged(f"average < {word}", average=[1.0, 2.0], **{word: [3.0, 4.0]}).state == "holds"
