"""Printing what was found, and keeping it as JSON lines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from attnrun.bench.show import rate, share, size, time
from attnrun.bench.tables import OURS, Figures, Measured
from attnrun.cli.tables import figures_table, literal, print_figures
from benchmarks.comparison import Comparison, Facts, Verdict


class Report:
    """Prints tables with the ratios below each, and writes them to a new file of JSON lines."""

    def __init__(self, file: Path, about: Mapping[str, Any]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file, self.verdicts = file, list[Verdict]()
        self.console = Console(highlight=False)
        self._write({"machine": dict(about)})
        self.say(", ".join(f"{name} {value}" for name, value in about.items()))

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(literal(text), soft_wrap=True)

    def add(self, measured: Measured, comparison: Comparison) -> None:
        """Report a table that was measured."""
        notes = {name: comparison.notes[name]() for name in measured.figures if name in comparison.notes}
        self.say("")
        self.say(measured.table.title)
        _print(measured, notes)
        for name, why in measured.failed.items():
            self.say(f"{name} cannot be run: {why}")
        found = [target.verdict(measured) for target in comparison.targets]
        self._conclude(found)
        verdicts = [one.plain() for one in found if isinstance(one, Verdict)]
        self._write(measured.plain() | {"notes": notes, "verdicts": verdicts})

    def state(self, facts: Facts) -> None:
        """Report a table of facts."""
        self.say("")
        self.say(facts.title)
        table = figures_table(facts.heads[0], *facts.heads[1:])
        for row in facts.rows:
            table.add_row(*map(literal, row))
        print_figures(table)
        self._conclude(facts.verdicts)
        rows = [dict(zip(facts.heads, row, strict=True)) for row in facts.rows]
        verdicts = [one.plain() for one in facts.verdicts]
        self._write({"table": facts.name, "title": facts.title, "rows": rows, "verdicts": verdicts})

    def close(self) -> None:
        """Print all verdicts together."""
        self.say("")
        self.say("All ratios and bounds of this run:")
        for verdict in self.verdicts:
            self.say(f"  {verdict}")
        self.say(f"Written to {self.file}")

    def _conclude(self, found: Sequence[Verdict | str]) -> None:
        for one in found:
            self.say(str(one))
        self.verdicts += [one for one in found if isinstance(one, Verdict)]

    def _write(self, document: dict[str, Any]) -> None:
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(document, ensure_ascii=False) + "\n")


def _print(measured: Measured, notes: Mapping[str, str]) -> None:
    """Print the rows, the quickest first, each with its time for as much work as ours does in 1."""
    rows = sorted(measured.figures.items(), key=lambda item: -item[1].rate)
    cells = {name: _cells(measured, found, notes.get(name, "")) for name, found in rows}
    heads = ["median", "least", "spread", "samples", "speed", f"x {OURS}", "peak memory", "note"]
    kept = [place for place in range(len(heads)) if any(row[place] for row in cells.values())]
    table = figures_table("row", *(heads[place] for place in kept))
    for name, row in cells.items():
        table.add_row(literal(name), *(literal(row[place]) for place in kept))
    print_figures(table)


def _cells(measured: Measured, found: Figures, note: str) -> list[str]:
    timing, ours = found.timing, measured.figures.get(OURS)
    samples = f"{len(timing.samples)}" + (f" ({timing.noisy} noisy)" if timing.noisy else "")
    beside = "" if ours is None else f"{ours.rate / found.rate:.2f}"
    times = [time(timing.median), time(timing.least), share(timing.spread), samples]
    return [*times, rate(found.rate, measured.table.unit), beside, size(found.peak), note]
