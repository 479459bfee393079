"""Tables of rows that do one work on the same inputs, and what measuring them gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from attnrun.bench.memory import peak_bytes
from attnrun.bench.timing import Call, Timing, time_in_turn

OURS = "attnrun"


@dataclass(frozen=True)
class Row:
    """One way to do the work."""

    call: Call
    amount: float = 1.0  # of the table's unit, done by a call


@dataclass(frozen=True)
class Table:
    """A work and ways to do it.

    Attributes:
        name: short, of letters, digits and hyphens.
        title: what is done, with its sizes.
        unit: what is counted, for a rate; "" where seconds are all there is to say.
        rows: by name; ours is called `attnrun`.
        inputs: what the rows work on.
        with_memory: whether the peak memory of a call is of interest.
        absent: rows that could not be built, with the reason.
    """

    name: str
    title: str
    unit: str
    rows: Mapping[str, Row]
    inputs: Any = None
    with_memory: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """What measuring a row gave."""

    timing: Timing
    amount: float
    peak: int | None  # bytes

    @property
    def rate(self) -> float:
        """Units a second, by the median."""
        return self.amount / self.timing.median

    def plain(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        timing = self.timing
        return {
            "seconds": timing.median,
            "least_seconds": timing.least,
            "rate": self.rate,
            "spread": timing.spread,
            "samples": len(timing.samples),
            "noisy": timing.noisy,
            "peak_bytes": self.peak,
        }


@dataclass(frozen=True)
class Measured:
    """A table with its figures."""

    table: Table
    figures: Mapping[str, Figures]
    failed: Mapping[str, str]  # rows without figures, with the reason

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "unit": self.table.unit,
            "rows": {name: found.plain() for name, found in self.figures.items()},
            "failed": dict(self.failed),
        }


def measure(
    table: Table,
    *,
    rounds: int = 5,
    seconds: float = 60.0,
    tell: Callable[[str], object] = lambda row: None,
) -> Measured:
    """Time the rows of a table in turn, as `time_in_turn` does; a row that fails leaves the others alone."""
    calls = {name: row.call for name, row in table.rows.items()}
    timings = time_in_turn(calls, rounds=rounds, seconds=seconds, tell=tell)
    failed, figures = dict(table.absent), {}
    for name, timing in timings.items():
        if isinstance(timing, Timing):
            peak = peak_bytes(calls[name]) if table.with_memory else None  # of a row that is warm
            figures[name] = Figures(timing, table.rows[name].amount, peak)
        else:
            failed[name] = timing
    return Measured(table, figures, failed)
