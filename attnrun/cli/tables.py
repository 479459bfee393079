"""Tables on stdout: plain enough to paste, coloured where a terminal shows them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from attnrun.cli.ends import say
from attnrun.escape import for_terminal

if TYPE_CHECKING:
    from attnrun.launch.catalog import Entry
    from attnrun.runs.find import RunRecord


def show_catalog(found: "Mapping[str, Sequence[Entry]]") -> None:
    """Print one table a config group."""
    console = Console(highlight=False)
    for group, entries in found.items():
        table = new_table(group, "what it is", "source")
        for entry in entries:
            table.add_row(literal(entry.name), literal(entry.what), literal(entry.source))
        console.print(table)


def show_runs(records: "Sequence[RunRecord]") -> None:
    """Print what the runs gave and where their files are; of many, the median and range of each metric."""
    console = Console(highlight=False)
    if len(records) == 1:
        _show_run(console, records[0])
        return
    results = [record.result or {} for record in records]
    metrics = [result["metrics"] for result in results if result.get("status") == "done"]
    table = new_table("metric", "median", "lowest", "highest", "runs")
    for name in dict.fromkeys(name for found in metrics for name in found):
        values = [found[name] for found in metrics if isinstance(found.get(name), int | float)]
        if values:
            shown = (median(values), min(values), max(values))
            table.add_row(literal(name), *(literal(number(value)) for value in shown), str(len(values)))
    console.print(table)
    for record, result in zip(records, results, strict=True):
        place = f"seed {result.get('seed')} {result.get('status')}: {shown_path(record.directory)}"
        console.print(literal(place), soft_wrap=True)


def _show_run(console: Console, record: "RunRecord") -> None:
    result = record.result or {}
    table = new_table("metric", "value")
    for name, value in (result.get("metrics") or {}).items():
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
        table.add_column(head)
    return table


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
