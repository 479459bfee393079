"""What the runs of a sweep gave, as tables: a row a choice, its seeds together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

from attnrun.cli.tables import figures_table, literal, number

if TYPE_CHECKING:
    from attnrun.runs.find import RunRecord

Metrics = Mapping[str, Any]

_GAP = 3  # columns between two figures
_EDGES = 2


def sweep_tables(
    records: "Sequence[RunRecord]", own_words: Sequence[Sequence[str]], width: int
) -> Iterator[Table]:
    """Yield tables of the runs that are done, `width` columns wide at most where that can be.

    `own_words` are the overrides in which each run differs from the others. Runs that differ by their seed
    alone share a row, which gives the median and, in brackets, the lowest and the highest. Of a sweep over
    seeds and nothing else there is one table with a row a metric.
    """
    found: dict[str, list[Metrics]] = {}
    for record, words in zip(records, own_words, strict=True):
        if record.status == "done":
            label = " ".join(word for word in words if not word.startswith("seed="))
            seconds = (record.result or {}).get("seconds")
            found.setdefault(label, []).append({**record.metrics, "seconds": seconds})
    agreed = shared_texts(records)
    names = [name for name in dict.fromkeys(chain(*chain(*found.values()))) if name not in agreed]
    if list(found) == [""]:
        yield _by_metric(names, found[""])
    elif found:
        yield from _by_choice(names, found, width)


def shared_texts(records: "Sequence[RunRecord]") -> dict[str, str]:
    """Return the metrics that are text, such as the signature of a score, and the same in all runs done."""
    done = [record.metrics for record in records if record.status == "done"]
    texts = {name: value for name, value in (done[0] if done else {}).items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if all(run.get(name) == text for run in done)}


def _by_metric(names: Sequence[str], runs: Sequence[Metrics]) -> Table:
    table = figures_table("metric", "median", "lowest", "highest", "runs")
    for name in names:
        if values := _values(name, runs):
            shown = (median(values), min(values), max(values))
            table.add_row(literal(name), *(number(value) for value in shown), str(len(values)))
    return table


def _by_choice(names: Sequence[str], found: Mapping[str, Sequence[Metrics]], width: int) -> Iterator[Table]:
    """Yield tables of a row a choice, each with as many metrics as a line has room for."""
    several = max(map(len, found.values())) > 1
    cells = {name: [_cell(name, runs) for runs in found.values()] for name in names}
    left = width - _EDGES - max(map(len, found)) - (_GAP + len("runs")) * several
    while names:
        most = _fitting([max(len(name), *map(len, cells[name])) for name in names], left)
        shown, names = names[:most], names[most:]
        table = figures_table("run", *["runs"] * several, *shown)
        for place, (label, runs) in enumerate(found.items()):
            figures = [cells[name][place] for name in shown]
            table.add_row(literal(label), *[str(len(runs))] * several, *map(literal, figures))
        yield table


def _fitting(widths: Sequence[int], room: int) -> int:
    """Return how many columns of these widths, one at least, fit in the room, each with a gap before it."""
    for count in range(len(widths), 1, -1):
        if sum(_GAP + width for width in widths[:count]) <= room:
            return count
    return 1


def _cell(name: str, runs: Sequence[Metrics]) -> str:
    """A figure of one run, or the median of several with their range; text where they agree on it."""
    values = _values(name, runs)
    if len(values) > 1:
        return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"
    given = {str(run[name]) for run in runs if run.get(name) is not None}
    return number(values[0]) if values else given.pop() if len(given) == 1 else ""


def _values(name: str, runs: Sequence[Metrics]) -> list[float]:
    return [run[name] for run in runs if isinstance(run.get(name), int | float)]
