"""Tables: what measuring their rows gives, and how cost grows."""

import math

import pytest
import torch

from attnrun.bench import show
from attnrun.bench.growth import exponent, exponents
from attnrun.bench.memory import peak_bytes
from attnrun.bench.tables import Figures, Measured, Row, Table, measure
from attnrun.bench.timing import Sample, Timing


def figures(seconds: float, amount: float = 1.0, peak: int | None = None) -> Figures:
    return Figures(Timing((Sample(seconds, 0.0),)), amount, peak)


def test_the_rate_is_work_over_time() -> None:
    assert figures(0.5, 30).rate == 60
    assert figures(0.5, 30).plain()["rate"] == 60


def test_rows_that_cannot_run_leave_the_others_alone() -> None:
    def broken() -> None:
        raise ValueError("no")

    rows = {"attnrun": Row(lambda: None, 3), "broken": Row(broken)}
    table = Table("name", "title", "things", rows, absent={"peer": "not installed"}, with_memory=True)
    found = measure(table, rounds=2, seconds=0)
    assert found.failed == {"peer": "not installed", "broken": "ValueError: no"}
    assert list(found.figures) == ["attnrun"]
    assert found.figures["attnrun"].amount == 3
    plain = found.plain()
    assert plain["table"] == "name" and plain["unit"] == "things"
    assert plain["rows"]["attnrun"]["samples"] == 1


@pytest.mark.parametrize("megabytes", [40, 80])  # glibc reuses no part of smaller blocks
def test_the_peak_is_what_a_call_has_at_once(megabytes: int) -> None:
    def call() -> None:
        for _ in range(3):  # one after the other
            torch.ones(megabytes * 2**18)

    call()  # what torch loads at its first use stays
    peak = peak_bytes(call)
    if peak is None:
        pytest.skip("this system does not tell the peak of a process's memory")
    assert megabytes * 2**20 * 0.9 <= peak <= (megabytes + 16) * 2**20


def test_memory_is_measured_only_where_it_is_asked_for() -> None:
    table = Table("name", "title", "", {"attnrun": Row(lambda: None)})
    assert measure(table, rounds=1, seconds=0).figures["attnrun"].peak is None


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.3])
def test_the_exponent_of_a_power_law(power: float) -> None:
    sizes = [3, 7, 20, 110]
    assert exponent(sizes, [5 * size**power for size in sizes]) == pytest.approx(power)


@pytest.mark.parametrize(("sizes", "costs"), [([4], [1.0]), ([4, 4], [1.0, 2.0]), ([2, 4], [0.0, 1.0])])
def test_no_exponent_without_two_sizes_and_positive_costs(sizes: list[int], costs: list[float]) -> None:
    with pytest.raises(ValueError):
        exponent(sizes, costs)


def test_the_growth_of_a_table() -> None:
    sizes = (10, 100, 1000)
    table = Table("growth-x", "title", "", {str(size): Row(lambda: None) for size in sizes}, sizes)
    found = {str(size): figures(size**2 / 1e3, peak=8 * size) for size in sizes}
    assert exponents(Measured(table, found, {})) == {
        "time": pytest.approx(2.0),
        "memory": pytest.approx(1.0),
    }
    unknown = {name: figures(math.sqrt(float(name))) for name in found}
    assert exponents(Measured(table, unknown, {})) == {"time": pytest.approx(0.5)}


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (show.time(0.0123), "12.3 ms"),
        (show.time(4.5e-5), "45 µs"),
        (show.time(0.99999), "1 s"),
        (show.time(93.21), "93.2 s"),
        (show.rate(3830.4, "tokens"), "3,830 tokens/s"),
        (show.rate(7.25, "sentences"), "7.2 sentences/s"),
        (show.rate(7.25, ""), ""),
        (show.share(0.031), "±3%"),
        (show.share(None), "–"),
        (show.size(3 * 2**20), "3 MiB"),
        (show.size(None), ""),
    ],
)
def test_figures_for_people(shown: str, text: str) -> None:
    assert shown == text
