"""Statistics over seeds, against scipy, figures worked out by hand, and what must not matter."""

import math
import random

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from numpy.typing import NDArray
from scipy import stats

from attnrun.analysis import comparing
from attnrun.analysis.comparing import Difference, compare, needed, summarise, t_quantile
from attnrun.analysis.comparing_plot import group_means

GROUPS = {
    "dot": {1: 0.50, 2: 0.61, 3: 0.47, 5: 0.58, 7: 0.55},
    "additive": {1: 0.42, 2: 0.55, 3: 0.44, 5: 0.49, 7: 0.47},
    "none": {1: 0.91, 2: 0.88, 4: 0.97},
    "once": {1: 0.70},
}


def numbers(seed: int, count: int, mean: float = 0.0, spread: float = 1.0) -> dict[int, float]:
    return dict(enumerate(np.random.default_rng(seed).normal(mean, spread, count).tolist()))


def difference(group: dict[int, float], reference: dict[int, float]) -> Difference:
    """How a group differs from another that stands for the best."""
    rows = {row.name: row for row in compare({"reference": reference, "group": group}, None)}
    found = rows["group"].difference
    assert found is not None
    return found


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 7, 10, 29, 30, 101, 1000, 4999])
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9995])
def test_quantiles_of_student(freedom: int, probability: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 5, 11, 200])
def test_the_interval_of_a_mean_is_students(count: int) -> None:
    values = list(numbers(count, count, 3.0).values())
    found = summarise(values)
    scale = stats.sem(values)
    assert found.interval == pytest.approx(stats.t.interval(0.95, count - 1, np.mean(values), scale))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))


def test_a_summary_worked_out_by_hand() -> None:
    found = summarise([1.0, 2.0, 6.0])
    assert (found.count, found.mean, found.deviation) == (3, 3.0, pytest.approx(math.sqrt(7)))
    assert found.interval == pytest.approx((3 - 6.5724, 3 + 6.5724), abs=1e-4)  # 4.30265 * sqrt(7 / 3)


def test_one_value_has_no_interval() -> None:
    assert summarise([2.5]) == comparing.Summary(1, 2.5, None, None)
    rows = {row.name: row for row in compare(GROUPS, "min")}
    assert rows["once"].difference == Difference(pytest.approx(0.226), None, False, False, None)


@pytest.mark.parametrize("goal", ["min", "max"])
def test_the_best_comes_first_and_the_others_by_their_means(goal: comparing.Goal) -> None:
    rows = compare(GROUPS, goal)
    means = [row.summary.mean for row in rows]
    assert means == sorted(means, reverse=goal == "max")
    assert [row.best for row in rows] == [True, False, False, False]
    assert rows[0].difference is None and all(row.difference for row in rows[1:])
    assert all(row.difference.mean == row.summary.mean - means[0] for row in rows[1:] if row.difference)


def test_without_a_goal_none_is_best() -> None:
    rows = compare(GROUPS, None, "none")
    assert not any(row.best for row in rows)
    assert [row.name for row in rows if row.difference is None] == ["none"]


def test_groups_of_the_same_seeds_are_paired() -> None:
    rows = {row.name: row.difference for row in compare(GROUPS, "min")}
    assert rows["dot"] is not None and rows["dot"].paired
    assert rows["none"] is not None and not rows["none"].paired


def percentiles(sample: NDArray[np.float64]) -> tuple[float, float]:
    found = stats.bootstrap((sample,), np.mean, n_resamples=5000, rng=np.random.default_rng(0))
    return found.confidence_interval


def test_paired_bounds_are_near_scipys_where_there_are_many_seeds() -> None:
    one, other = numbers(1, 150, 0.3), numbers(2, 150)
    found = difference(one, other).interval
    expected = percentiles(np.array([one[key] - other[key] for key in one]))
    assert found == pytest.approx(expected, abs=0.02)  # the interval is 0.45 wide


def test_unpaired_bounds_are_near_scipys_where_there_are_many_seeds() -> None:
    one, other = numbers(1, 120, 0.3), {key + 1000: value for key, value in numbers(2, 150, 0.0, 2.0).items()}
    samples = list(one.values()), list(other.values())
    scipys = stats.bootstrap(
        samples, lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis), rng=np.random.default_rng(0)
    ).confidence_interval
    assert difference(one, other).interval == pytest.approx(scipys, abs=0.03)  # 0.75 wide


@pytest.mark.parametrize(("count", "other"), [(3, 3), (5, 5), (3, 6)])
def test_intervals_of_a_few_seeds_hold_the_truth_as_often_as_they_say(count: int, other: int) -> None:
    """Of the percentile bootstrap, three in four do with three seeds."""
    trials = [difference(numbers(trial, count), numbers(trial + 9000, other)) for trial in range(200)]
    assert {found.paired for found in trials} == {count == other}
    assert 0.88 < sum(not found.decided for found in trials) / 200 < 0.99


def test_pairing_finds_what_the_spread_of_seeds_hides() -> None:
    seeds = numbers(3, 6, 0.0, 10.0)
    better = {seed: value + 0.5 + 0.01 * seed for seed, value in seeds.items()}
    assert difference(better, seeds).decided
    apart = {seed + 100: value for seed, value in better.items()}
    found = difference(apart, seeds)
    assert not found.paired and not found.decided and found.needed is not None and found.needed > 1000


def test_equal_values_are_neither_better_nor_in_need_of_seeds() -> None:
    found = difference(dict.fromkeys(range(3), 1.5), dict.fromkeys(range(3), 1.5))
    assert (found.interval, found.decided, found.needed) == ((0.0, 0.0), False, None)
    always = difference(dict.fromkeys(range(3), 2.0), dict.fromkeys(range(3), 1.5))
    assert (always.interval, always.decided) == ((0.5, 0.5), True)


def test_the_order_of_runs_does_not_matter() -> None:
    draw = random.Random(5)
    shuffled = {
        name: dict(draw.sample(sorted(values.items()), len(values)))
        for name, values in draw.sample(list(GROUPS.items()), len(GROUPS))
    }
    first, second = compare(GROUPS, "max"), compare(shuffled, "max")
    for one, other in zip(first, second, strict=True):
        assert (one.name, one.summary, one.difference) == (other.name, other.summary, other.difference)


def test_a_constant_shifts_means_and_leaves_differences() -> None:
    moved = {name: {seed: value + 40 for seed, value in values.items()} for name, values in GROUPS.items()}
    for one, other in zip(compare(GROUPS, "min"), compare(moved, "min"), strict=True):
        assert other.summary.mean == pytest.approx(one.summary.mean + 40)
        if one.difference and other.difference and one.difference.interval:
            assert other.difference.interval == pytest.approx(one.difference.interval, abs=1e-9)
            assert other.difference.needed == one.difference.needed


def power(count: int, effect: float, samples: int) -> float:
    """Of a two-sided t test at 5 % with `count` values a sample, for an effect in standard deviations."""
    freedom = samples * (count - 1)
    bound, shift = stats.t.ppf(0.975, freedom), effect * math.sqrt(count / samples)
    return float(stats.nct.sf(bound, freedom, shift) + stats.nct.cdf(-bound, freedom, shift))


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("effect", [0.2, 0.5, 0.8, 1.3])
def test_the_seeds_needed_give_the_power_stated(samples: int, effect: float) -> None:
    spread = np.array([-1.0, 0.0, 1.0])  # of variance 1
    count = needed(effect, [spread] * samples)
    exact = next(n for n in range(2, 1000) if power(n, effect, samples) >= 0.8)
    assert count is not None and abs(count - exact) <= 1


def test_more_seeds_are_needed_than_there_are() -> None:
    sample = np.array([1.0, 1.1, 0.9, 1.2])
    assert needed(1.05, [sample]) == 5


def test_many_groups_share_their_resamples_and_take_little_time() -> None:
    comparing._weights.cache_clear()
    groups = {f"{place:03}": numbers(place, 7) for place in range(300)}
    assert sum(row.best for row in compare(groups, "max")) == 1
    assert comparing._weights.cache_info().misses == 1


def test_a_picture_of_groups_has_their_names_and_all_their_points(hostile: list[str]) -> None:
    groups = {name or "empty": numbers(place, 1 + place % 3) for place, name in enumerate(hostile)}
    figure = group_means(compare(groups, "min"), "metric [$x$]")
    (axes,) = figure.axes
    assert len(axes.get_yticklabels()) == len(groups)
    points = [one for one in axes.collections if isinstance(one, PathCollection)]
    assert sum(len(one.get_offsets()) for one in points) == sum(map(len, groups.values()))
    many = compare({f"{place:03}": numbers(place, 1) for place in range(130)}, "min")
    assert "100 of 130" in group_means(many, "m").axes[0].get_title(loc="left")
