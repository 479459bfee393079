"""Tables on stdout: plain enough to paste, coloured where a terminal shows them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from attnrun.cli.ends import say
from attnrun.escape import for_terminal

if TYPE_CHECKING:
    from attnrun.analysis.comparing import Summary
    from attnrun.launch.catalog import Entry
    from attnrun.runs.find import RunRecord

_UNLIMITED = 10_000  # columns of a terminal
_GAP = 3  # columns between two cells


def show_matrix(
    group: str, tasks: "Sequence[Entry]", reasons: Mapping[str, Mapping[str, str | None]]
) -> None:
    """Print which choice of `group` runs on which task; below, each reason once with the cells it is for."""
    runs, cannot = _signs()
    console = Console(highlight=False)
    longest = max(map(len, (group, *reasons)))
    for part in _side_by_side(tasks, console.width - longest - _GAP):
        table = new_table(group)
        for task in part:
            table.add_column(literal(task.name), justify="center", overflow="fold")
        for name, row in reasons.items():
            signs = (runs if row[task.name] is None else cannot for task in part)
            table.add_row(literal(name), *signs)
        print_figures(table)
    for task in tasks:
        console.print(literal(f"{task.name}: {task.task}"))
    for reason, cells in _by_reason(reasons).items():
        console.print()
        console.print(literal(f"{cannot} {'; '.join(cells)}"))
        for line in literal(reason).wrap(console, max(1, console.width - 2)):
            console.print(literal(f"  {line.plain.rstrip()}"))


def _side_by_side(tasks: "Sequence[Entry]", width: int) -> "list[list[Entry]]":
    """Part the tasks so that the names of each part stand beside one another within `width`."""
    parts: list[list[Entry]] = []
    left = 0
    for task in tasks:
        left -= len(task.name) + _GAP
        if left < 0:
            parts.append([])
            left = width - len(task.name) - _GAP
        parts[-1].append(task)
    return parts


def _signs() -> tuple[str, str]:
    """The signs for what runs and what cannot, in letters where the output has no such signs."""
    try:
        "✓✗".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return "yes", "no"
    return "✓", "✗"


def _by_reason(reasons: Mapping[str, Mapping[str, str | None]]) -> dict[str, list[str]]:
    """For each reason its cells, choices that have it for the same tasks together: "a, b (task, task)"."""
    found: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for name, row in reasons.items():
        for reason in dict.fromkeys(filter(None, row.values())):
            where = tuple(task for task, why in row.items() if why == reason)
            found.setdefault(reason, {}).setdefault(where, []).append(name)
    return {
        reason: [f"{', '.join(names)} ({', '.join(where)})" for where, names in cells.items()]
        for reason, cells in found.items()
    }


def show_runs(records: "Sequence[RunRecord]", own_words: Sequence[Sequence[str]]) -> None:
    """Print what the runs gave and where their files are; `own_words` are the overrides not all have."""
    console = Console(highlight=False)
    if len(records) == 1:
        _show_run(console, records[0])
        return
    from attnrun.cli.sweeps import shared_texts, sweep_tables

    for table in sweep_tables(records, own_words, console.width):
        print_figures(table)
    for name, text in shared_texts(records).items():
        console.print(literal(f"{name}: {text}"), soft_wrap=True)
    for record, words in zip(records, own_words, strict=True):
        label = " ".join(words) or f"seed={record.seed}"
        console.print(literal(f"{label} {record.status}: {shown_path(record.directory)}"), soft_wrap=True)


def _show_run(console: Console, record: "RunRecord") -> None:
    result = record.result or {}
    table = new_table("metric", "value")
    for name, value in record.metrics.items():
        table.add_row(literal(name), literal(number(value)))
    if table.row_count:
        console.print(table)
    for warning in result.get("warnings") or []:
        say(f"warning: {warning}")
    ended = f"{result.get('experiment')} {result.get('status')}: {shown_path(record.directory)}"
    console.print(literal(ended), soft_wrap=True)
    for figure in sorted(record.directory.glob("figures/*.png")):
        console.print(literal(f"  {shown_path(figure)}"), soft_wrap=True)


def new_table(first: str, *others: str) -> Table:
    """Return an empty table with these column heads."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column(first, no_wrap=True, style="bold")
    for head in others:
        table.add_column(head, overflow="fold")  # a signature is quoted whole or not at all
    return table


def figures_table(first: str, *heads: str) -> Table:
    """Return an empty table with its figures to the right; the heads are raw text."""
    table = new_table("")
    table.columns[0].header = literal(first)
    for head in heads:
        table.add_column(literal(head), justify="right", overflow="fold")
    return table


def summaries_table(first: str, found: "Mapping[str, tuple[float | None, Summary]]") -> Table:
    """Return a table of figures by name: what was published, the mean of ours and its interval."""
    table = figures_table(first, "published", "measured", "95 %")
    for name, (published, ours) in found.items():
        shown = "" if published is None else number(published)
        within = " to ".join(map(number, ours.interval)) if ours.interval and ours.deviation else ""
        table.add_row(*map(literal, (name, shown, number(ours.mean), within)))
    return table


def cells_table(cells: "Mapping[str, Mapping[str, str]]", found: "Mapping[str, Summary]") -> Table:
    """Return a table of figures, row -> column -> the figure's name: the mean and half of its interval."""
    table = figures_table("", *next(iter(cells.values())))
    for row, names in cells.items():
        table.add_row(*map(literal, (row, *(_mean(found[name]) for name in names.values()))))
    return table


def _mean(found: "Summary") -> str:
    if not found.interval:
        return number(found.mean)
    return f"{number(found.mean)} ± {(found.interval[1] - found.interval[0]) / 2:.2g}"


def print_figures(table: Table) -> None:
    """Print a table whose heads wrap where the terminal is narrow, and whose figures never do."""
    console = Console(highlight=False)
    if _width(console, table) > console.width:
        for column in table.columns:
            unbroken = [*str(column.header).split(), *map(str, column.cells)]
            column.width = max(map(cell_len, unbroken), default=1)
            column.no_wrap = False
        console.width = max(console.width, _width(console, table))  # a terminal breaks the line, not a pipe
    console.print(table)


def _width(console: Console, table: Table) -> int:
    unlimited = console.options.update(max_width=_UNLIMITED)
    return Measurement.get(console, unlimited, table).maximum


def literal(text: object) -> Text:
    """Return text that is shown as it is: no markup, no control characters."""
    return Text(for_terminal(str(text), getattr(sys.stdout, "encoding", None) or "utf-8"))


def number(value: Any) -> str:
    """Return a figure in at most four significant decimals."""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 10_000 else f"{value}"


def shown_path(path: Path) -> str:
    """Return the path, relative where it is below the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
