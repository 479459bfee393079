"""What a comparison is: a table of attnrun's with peers' rows in it, and the ratios that are asked of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from attnrun.bench.tables import OURS, Measured, Row, Table
from attnrun.bench.timing import reason

Builder = Callable[[], Row]


@dataclass(frozen=True)
class Verdict:
    """A number and what is asked of it."""

    what: str
    number: float
    floor: float | None = None  # it must reach
    aim: float | None = None  # it should reach
    most: float | None = None  # it must not exceed

    @property
    def met(self) -> bool:
        """Whether what must be is so."""
        return not (self.floor and self.number < self.floor) and not (self.most and self.number > self.most)

    def __str__(self) -> str:
        asked = {"floor": self.floor, "aim": self.aim, "at most": self.most}
        bounds = ", ".join(f"{name} {number:.3g}" for name, number in asked.items() if number is not None)
        asked_of_it = f" ({bounds})" if bounds else ""
        return f"{self.what} {self.number:.3g}{asked_of_it}{'' if self.met else ' MISSED'}"

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**vars(self), "met": self.met}


@dataclass(frozen=True)
class Target:
    """What our row is to reach beside the best of `peers`, all for none.

    A ratio of speeds is ours over theirs and has a floor, an aim, or both; one of memory, ours over theirs
    too, has a `most`.
    """

    peers: tuple[str, ...] = ()
    floor: float | None = None
    aim: float | None = None
    most: float | None = None
    of: Literal["speed", "memory"] = "speed"

    def verdict(self, measured: Measured) -> Verdict | str:
        """Return the ratio, or why there is none."""
        known = {name: self._of(measured, name) for name in measured.figures}
        ours = known.pop(OURS, None)
        asked = [name for name in self.peers or known if known.get(name)]
        if not ours or not asked:
            missing = OURS if not ours else " or ".join(self.peers) or "any peer"
            return f"{measured.table.name}: no {self.of} of {missing} to compare"
        best = (min if self.of == "memory" else max)(asked, key=lambda name: known[name])
        what = f"{measured.table.name}, {self.of}: {OURS} / {best}"
        return Verdict(what, ours / known[best], self.floor, self.aim, self.most)

    def _of(self, measured: Measured, name: str) -> float:
        figures = measured.figures[name]
        return figures.rate if self.of == "speed" else float(figures.peak or 0)


@dataclass(frozen=True)
class Comparison:
    """A table to measure. `notes` say something of a row when all is measured."""

    table: Table
    targets: Sequence[Target]
    notes: Mapping[str, Callable[[], str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A table whose figures are known already, and the verdicts on them."""

    name: str
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[Verdict] = ()


Found = Iterator[Comparison | Facts]


def with_peers(table: Table, peers: Mapping[str, Builder]) -> Table:
    """Return the table with the rows that can be built; the others say why not."""
    rows, absent = dict(table.rows), dict(table.absent)
    for name, build in peers.items():
        try:
            rows[name] = build()
        except ModuleNotFoundError as error:
            absent[name] = f"not installed ({error.name} is missing)"
        except Exception as error:  # whatever another tool does; the other rows go on
            absent[name] = reason(error)
    return replace(table, rows=rows, absent=absent)
