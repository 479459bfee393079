"""How the cost of our own works grows with points, length and batch: exponents of power laws."""

from attnrun.bench.growth import exponents
from attnrun.bench.show import size, time
from attnrun.bench.tables import Measured, measure
from attnrun.bench.works import Bench
from benchmarks.comparison import Facts, Found, Verdict

SECONDS = 30.0  # for a table
LINEAR = 1.1  # what a memory linear in n may be found to grow by


def compare(bench: Bench) -> Found:
    """Measure the same work of several sizes."""
    for table in bench.tables("growth"):
        yield _facts(measure(table, seconds=SECONDS))


def _facts(measured: Measured) -> Facts:
    name = measured.table.name
    rows = [[row, time(found.timing.median), size(found.peak)] for row, found in measured.figures.items()]
    grown = exponents(measured)
    verdicts = [
        Verdict(f"{name}: {cost} grows by the power", power, most=_most(name, cost))
        for cost, power in grown.items()
    ]
    return Facts(name, measured.table.title, ["size", "time", "peak memory"], rows, verdicts)


def _most(name: str, cost: str) -> float | None:
    return LINEAR if (name, cost) == ("growth-points", "memory") else None
