"""Times of rows that are measured in turn: all of them once a round, each round in another order.

What the machine does meanwhile then falls on all rows alike. Only ratios of rows timed so mean anything.
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attnrun.bench.load import seconds_of_others

NOISE = 0.25  # cores that other processes may use during a sample
_LEAST = 0.1  # seconds of a sample; quicker calls are repeated in it
_MOST_CALLS = 2000  # of a sample
_COUNTED = 0.15  # seconds from which on the system's count of CPU time, in hundredths, says something
_RETAKEN = 3.0  # seconds up to which a noisy sample is worth another try

Call = Callable[[], object]


@dataclass(frozen=True)
class Sample:
    """One measurement."""

    seconds: float  # a call
    others: float  # cores that other processes used meanwhile

    @property
    def noisy(self) -> bool:
        """Whether other processes used more than a quarter of a core."""
        return self.others > NOISE


@dataclass(frozen=True)
class Timing:
    """What a row took."""

    samples: tuple[Sample, ...]

    @property
    def seconds(self) -> list[float]:
        """Seconds a call of each sample, the quickest first."""
        return sorted(sample.seconds for sample in self.samples)

    @property
    def median(self) -> float:
        """Median seconds a call."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """Least seconds a call."""
        return self.seconds[0]

    @property
    def spread(self) -> float | None:
        """Half the distance between the quartiles, as a share of the median; None for a single sample."""
        if len(self.samples) < 2:
            return None
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / 2 / self.median

    @property
    def noisy(self) -> int:
        """How many samples were taken while other processes used more than a quarter of a core."""
        return sum(sample.noisy for sample in self.samples)


def take(call: Call, calls: int = 1) -> Sample:
    """Time `calls` calls together."""
    before, start = seconds_of_others(), time.perf_counter()
    for _ in range(calls):
        call()
    seconds = time.perf_counter() - start
    others = max(0.0, seconds_of_others() - before) / seconds if seconds > _COUNTED else 0.0
    return Sample(seconds / calls, others)


def time_in_turn(
    calls: Mapping[str, Call],
    *,
    rounds: int = 5,
    seconds: float = 60.0,
    seed: int = 0,
    tell: Callable[[str], object] = lambda row: None,
) -> dict[str, Timing | str]:
    """Return the timing of each row, or the reason why it cannot be run.

    Args:
        rounds: most samples of a row.
        seconds: after the first round no sample begins when so many have passed since all rows were warm.
        seed: of the order of the rows.
        tell: called with the name of a row before each of its samples.
    """
    rows: dict[str, _Row] = {}
    failed: dict[str, str] = {}
    for name, call in calls.items():
        tell(name)
        try:
            rows[name] = _Row(call)
        except Exception as error:  # whatever another tool does; the other rows go on
            failed[name] = reason(error)
    end = time.monotonic() + seconds
    order, dice = list(rows), random.Random(seed)
    for made in range(rounds):
        dice.shuffle(order)
        for name in order:
            enough = len(rows[name].samples) > made
            if not enough and (made == 0 or time.monotonic() < end):
                tell(name)
                rows[name].sample()
    return {name: failed.get(name) or Timing(tuple(rows[name].samples)) for name in calls}


def reason(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:150]}".rstrip(": ")


class _Row:
    """A row that is warm, with the samples taken of it."""

    def __init__(self, call: Call) -> None:
        self.call, self.calls = call, 1
        take(call)  # what is loaded and made ready at a first call is not of the work
        first = self._quiet()
        self.samples = [first] if first.seconds >= _LEAST else []
        self.calls = min(_MOST_CALLS, max(1, math.ceil(_LEAST / max(first.seconds, 1e-7))))

    def sample(self) -> None:
        self.samples.append(self._quiet())

    def _quiet(self) -> Sample:
        """A sample; where it is noisy and quick to repeat, the quieter of two."""
        taken = take(self.call, self.calls)
        if taken.noisy and taken.seconds * self.calls < _RETAKEN:
            taken = min(taken, take(self.call, self.calls), key=lambda sample: sample.others)
        return taken
