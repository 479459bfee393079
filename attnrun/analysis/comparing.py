"""Do groups of runs differ beyond the luck of their seeds? Statistics of plain numbers.

A group is a mapping from what stands behind a value, such as its seed, to the value. Two groups with the same
keys are compared key by key: paired.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, stdev
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95  # of every interval
POWER = 0.8  # with which the seeds needed would settle a difference as great as the one seen
RESAMPLES = 5000
_SEED = 20250813  # of the resamples: the same values always give the same intervals
_WEIGHTS = (0.5, 1.5)  # of the beta distribution that the weights of a resample come from

Interval = tuple[float, float]
Values = Mapping[Hashable, float]
Goal = Literal["min", "max"]


@dataclass(frozen=True)
class Summary:
    """What the values of one group say of their mean; one value alone has no spread."""

    count: int
    mean: float
    deviation: float | None  # standard, with count - 1
    interval: Interval | None


@dataclass(frozen=True)
class Difference:
    """The mean of a group less that of the reference; no interval where either has one value alone."""

    mean: float
    interval: Interval | None
    paired: bool
    decided: bool
    needed: int | None  # values in each group that would settle it; None where decided or unknown


@dataclass(frozen=True)
class Row:
    """One group as it compares with the reference, which has no difference."""

    name: str
    values: list[float]
    summary: Summary
    best: bool
    difference: Difference | None


def compare(groups: Mapping[str, Values], goal: Goal | None, reference: str | None = None) -> list[Row]:
    """Compare the groups with the best of them, which comes first, the others by their means after it.

    Args:
        groups: name -> values, one at least.
        goal: whether the lowest or the highest mean is best; None: unknown, so none is called best.
        reference: the group to compare with where there is no goal; by default the first.
    """
    found = {name: summarise(list(values.values())) for name, values in groups.items()}
    names = list(groups)
    if goal is not None:
        names.sort(key=lambda name: (found[name].mean * (1 if goal == "min" else -1), name))
        reference = names[0]
    reference = reference or names[0]
    return [
        Row(
            name,
            list(groups[name].values()),
            found[name],
            goal is not None and name == reference,
            None if name == reference else _difference(groups[name], groups[reference]),
        )
        for name in names
    ]


def summarise(values: Sequence[float]) -> Summary:
    """Return mean, standard deviation and Student's interval of the mean, for values in any order.

    Of one value, and where one is NaN or infinite, there is no deviation and no interval.
    """
    count, mean = len(values), fmean(values)
    if count < 2 or not all(map(math.isfinite, values)):
        return Summary(count, mean, None, None)
    deviation = stdev(values)
    half = t_quantile((1 + LEVEL) / 2, count - 1) * deviation / math.sqrt(count)
    return Summary(count, mean, deviation, (mean - half, mean + half))


def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile above the median of Student's t, by bisection of its distribution function."""
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t / sqrt(freedom)
    coefficients = _series(freedom)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _within(middle, freedom, coefficients) < 2 * probability - 1 else (low, middle)
        )
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _series(freedom: int) -> NDArray[np.float64]:
    """The coefficients in Abramowitz and Stegun 1964, 26.7.3 (odd) and 26.7.4 (even degrees of freedom)."""
    steps = np.arange(2 + freedom % 2, freedom - 1, 2)
    return np.cumprod(np.concatenate([[1.0], (steps - 1) / steps]))


def _within(angle: float, freedom: int, coefficients: NDArray[np.float64]) -> float:
    """The probability of no more than this angle to either side, by these two formulas."""
    odd = freedom % 2
    powers = math.cos(angle) ** (2 * np.arange(len(coefficients)) + odd)
    total = math.sin(angle) * float(coefficients @ powers)
    if not odd:
        return total
    return 2 / math.pi * (angle + (total if freedom > 1 else 0.0))


def _difference(group: Values, reference: Values) -> Difference:
    """How the mean of `group` differs from that of `reference`, whose keys may be others."""
    paired = group.keys() == reference.keys()
    mean = fmean(group.values()) - fmean(reference.values())
    if min(len(group), len(reference)) < 2:
        return Difference(mean, None, paired, False, None)
    if paired:
        keys = sorted(group, key=repr)
        samples = [np.array([group[key] - reference[key] for key in keys])]
    else:
        samples = [np.sort(np.array(list(values.values()))) for values in (group, reference)]
    low, high = interval = _interval(mean, samples)
    decided = not low <= 0 <= high
    return Difference(mean, interval, paired, decided, None if decided else needed(mean, samples))


def _interval(mean: float, samples: Sequence[NDArray[np.float64]]) -> Interval:
    """Bounds of the mean of the first sample less that of the second, where there is one.

    By the bootstrap-t with weights from a beta distribution (Owen 2025, Better bootstrap t confidence
    intervals for the mean, arXiv:2508.10083). The common percentile bootstrap is far too narrow for a few
    seeds: of 3 normal values it covers the mean in 3 of 4 cases, where this does in more than 9 of 10.
    """
    error = math.sqrt(sum(sample.var(ddof=1) / len(sample) for sample in samples))
    if error == 0:
        return mean, mean
    shift, variance = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for place, sample in enumerate(samples):
        means, variances = _resampled(sample - sample.mean(), place)
        shift += means * (-1) ** place
        variance += variances / (len(sample) - 1)
    studentised = shift / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    low, high = np.quantile(studentised, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(mean - high * error), float(mean - low * error)


def _resampled(centred: NDArray[np.float64], stream: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of each resample (RESAMPLES,); streams are independent of each other."""
    weights = _weights(len(centred), stream)
    totals = weights.sum(1, dtype=np.float64)
    means = weights @ centred / totals
    return means, weights @ centred**2 / totals - means**2


@lru_cache(maxsize=8)
def _weights(count: int, stream: int) -> NDArray[np.float32]:
    """The weights (RESAMPLES, count) of resamples of so many values, drawn once for several groups."""
    drawn = np.random.default_rng((_SEED, count, stream)).beta(*_WEIGHTS, (RESAMPLES, count))
    return drawn.astype(np.float32)


def needed(mean: float, samples: Sequence[NDArray[np.float64]]) -> int | None:
    """Return how many values each group needs for a t test to find so great a difference with POWER.

    Guenther 1981 (Sample size formulas for normal theory t tests, The American Statistician 35), for one
    sample (of paired differences) or two, whose spread is taken as it is; more than there are, in any case.
    None where there is no difference to find.
    """
    if mean == 0:
        return None
    normal = NormalDist()
    level, power = normal.inv_cdf((1 + LEVEL) / 2), normal.inv_cdf(POWER)
    variance = sum(float(sample.var(ddof=1)) for sample in samples)
    count = (level + power) ** 2 * variance / mean**2 + level**2 / (2 * len(samples))
    return max(math.ceil(count), 1 + min(map(len, samples)))
