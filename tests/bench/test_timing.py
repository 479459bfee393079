"""Rows timed in turn: which sample is taken when, and what is made of them."""

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from attnrun.bench import load, timing
from attnrun.bench.timing import Sample, Timing, time_in_turn

Take = Callable[[timing.Call, int], Sample]


def of(*seconds: float, others: float = 0.0) -> Timing:
    return Timing(tuple(Sample(one, others) for one in seconds))


@pytest.mark.parametrize("count", [2, 3, 5, 8, 13])
def test_statistics_are_numpys(count: int) -> None:
    seconds = np.random.default_rng(count).lognormal(size=count)
    found = of(*seconds.tolist())
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    assert found.median == pytest.approx(middle)
    assert found.least == seconds.min()
    assert found.spread == pytest.approx((high - low) / 2 / middle)


def test_a_single_sample_has_no_spread() -> None:
    assert of(3.0).spread is None
    assert of(3.0).median == of(3.0).least == 3.0


def test_noise_begins_above_a_quarter_of_a_core() -> None:
    assert of(1.0, others=0.25).noisy == 0
    assert of(1.0, 2.0, others=0.26).noisy == 2


class Clock:
    """Stands in for `take`: notes who was timed for how many calls, and gives the times it was told."""

    def __init__(self, seconds: dict[str, float], others: list[float] | None = None) -> None:
        self.seconds, self.others = seconds, others or []
        self.taken: list[tuple[str, int]] = []

    def __call__(self, call: Callable[[], str], calls: int = 1) -> Sample:
        name = call()
        self.taken.append((name, calls))
        return Sample(self.seconds[name], self.others.pop(0) if self.others else 0.0)


def in_turn(monkeypatch: pytest.MonkeyPatch, clock: Clock, **how: float) -> dict[str, Timing | str]:
    monkeypatch.setattr(timing, "take", clock)
    return time_in_turn({name: (lambda name=name: name) for name in clock.seconds}, **how)  # type: ignore


def test_every_row_is_taken_once_a_round_in_changing_order(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"row {number}" for number in range(7)]
    clock = Clock(dict.fromkeys(names, 0.05))
    found = in_turn(monkeypatch, clock, rounds=5)
    order = [name for name, _ in clock.taken[2 * len(names) :]]  # after two calls of each to warm it
    rounds = [order[start : start + 7] for start in range(0, len(order), 7)]
    assert len(rounds) == 5
    assert all(sorted(one) == names for one in rounds)
    assert len(set(map(tuple, rounds))) > 1
    assert list(found) == names
    assert all(isinstance(one, Timing) and len(one.samples) == 5 for one in found.values())


def test_quick_calls_are_repeated_within_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({"quick": 0.004, "slow": 0.3})
    in_turn(monkeypatch, clock, rounds=2)
    assert {(name, calls) for name, calls in clock.taken if calls > 1} == {("quick", 25)}


def test_only_the_first_call_of_a_slow_row_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({"slow": 1.5}, others=[0.5, 0.1, 0.2, 0.0])
    found = in_turn(monkeypatch, clock, rounds=3)["slow"]
    assert isinstance(found, Timing)
    assert [sample.others for sample in found.samples] == [0.1, 0.2, 0.0]
    assert len(clock.taken) == 4


def test_without_time_each_row_still_has_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    found = in_turn(monkeypatch, Clock({"a": 0.2, "b": 2.0}), rounds=5, seconds=0.0)
    assert [len(one.samples) for one in found.values() if isinstance(one, Timing)] == [1, 1]


def test_a_noisy_sample_is_taken_again_and_the_quieter_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({"row": 0.2}, others=[0.0, 0.9, 0.1])
    found = in_turn(monkeypatch, clock, rounds=1)["row"]
    assert isinstance(found, Timing)
    assert [sample.others for sample in found.samples] == [0.1]


def test_a_row_that_fails_says_why_and_the_rest_goes_on() -> None:
    def broken() -> None:
        raise RuntimeError("no such kernel\nand more")

    told: list[str] = []
    found = time_in_turn({"bad": broken, "good": lambda: None}, rounds=1, seconds=0, tell=told.append)
    assert found["bad"] == "RuntimeError: no such kernel"
    assert isinstance(found["good"], Timing)
    assert told == ["bad", "good", "good"]


def test_a_call_takes_as_long_as_it_takes() -> None:
    sample = timing.take(lambda: time.sleep(0.02), calls=3)
    assert 0.02 <= sample.seconds < 0.2
    assert sample.others == 0.0  # too short for the system's clock to say


def test_what_children_use_is_not_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_machine_seconds", lambda: 0.0)
    loop = "import time\nwhile time.process_time() < 60: pass"
    before, own = load.seconds_of_others(), time.process_time()
    with subprocess.Popen([sys.executable, "-c", loop]) as child:
        deadline = time.monotonic() + 20
        by_child = 0.0
        while by_child < 0.2 and time.monotonic() < deadline:
            time.sleep(0.05)
            by_child = before - load.seconds_of_others() - (time.process_time() - own)
        child.kill()
    assert by_child >= 0.2
