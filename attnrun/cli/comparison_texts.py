"""The comparison of groups as a terminal, a page and a spreadsheet want it."""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from attnrun.analysis.comparing import LEVEL, POWER, RESAMPLES, Difference, Row
from attnrun.cli.comparisons import Comparison, figures_of
from attnrun.cli.tables import figures_table, literal, number
from attnrun.escape import for_markdown, for_terminal

_GAP, _EDGES = 3, 2  # columns between two cells, and at the ends of a line
_NARROWEST = 16  # columns for names of groups
_FIRST = 4  # columns of figures about a group alone; those after them are about the difference
_MOST = 1_000_000  # seeds that anyone would ask for
_PERCENT = f"{100 * LEVEL:.0f} %"
_HEADS = ("mean", "sd", _PERCENT, "difference", _PERCENT, "needed", "verdict")
_BETTER = {
    "min": "the lowest is best",
    "max": "the highest is best",
    None: "no goal is known: --goal tells it",
}
_SAFE = re.compile(r"[A-Za-z0-9_=.,:/~+-]+( [A-Za-z0-9_=.,:/~+-]+)*")  # in a code span, and in a cell
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # begin what a spreadsheet would calculate


def as_values(found: Sequence[Comparison]) -> str:
    """Return CSV, a line a metric and group; no cell is a formula to a spreadsheet."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["metric", "goal", "group", *figures_of(found[0].rows[0])])
    for one in found:
        for row in one.rows:
            writer.writerow([_cell(one.metric), one.goal, _cell(row.name), *figures_of(row).values()])
    return stream.getvalue()


def _cell(text: str) -> str:
    shown = for_terminal(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def as_markdown(found: Sequence[Comparison]) -> str:
    """Return a table a metric, each with a line below that says what its figures are."""
    return "\n".join(_page(one) for one in found)


def _page(one: Comparison) -> str:
    heads, rows = _columns(one)
    named = [[_code(row.name), *cells] for row, cells in zip(one.rows, rows, strict=True)]
    lines = [[_code(one.metric), *heads], ["---", *["--:"] * len(heads)], *named]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table}\n{_legend(one)}\n"


def _code(text: str) -> str:
    return f"`{text}`" if _SAFE.fullmatch(text) else for_markdown(text)


def show(found: Sequence[Comparison]) -> None:
    """Print a table a metric, or two where the terminal has no room for all columns side by side."""
    console = Console(highlight=False)
    width = console.width
    for one in found:
        for table, needed in _tables(one, width):
            console.width = max(width, needed)
            console.print(table)
        console.width = width
        console.print(literal(_legend(one)))
        console.print()


def _tables(one: Comparison, width: int) -> Iterator[tuple[Table, int]]:
    """Yield the tables, each with its width, which is more than there is where figures need it."""
    heads, rows = _columns(one)
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    longest = max(cell_len(name) for name in (one.metric, *(row.name for row in one.rows)))
    fits = min(longest, _NARROWEST) + sum(_GAP + wide for wide in widths) + _EDGES <= width
    for part in [slice(0, len(heads))] if fits else [slice(0, _FIRST), slice(_FIRST, len(heads))]:
        figures = sum(_GAP + wide for wide in widths[part]) + _EDGES
        table = figures_table("", *heads[part])
        names, *others = table.columns
        names.header, names.overflow, names.no_wrap = literal(one.metric), "fold", False
        names.width = min(longest, max(width - figures, _NARROWEST))
        for column, wide in zip(others, widths[part], strict=True):
            column.width, column.no_wrap = wide, True  # known: thousands of rows need not be measured again
        for row, cells in zip(one.rows, rows, strict=True):
            table.add_row(literal(row.name), *map(literal, cells[part]))
        yield table, names.width + figures


def _columns(one: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of what stands beside the names; a group alone has nothing to differ from."""
    count = None if len(one.rows) > 1 else _FIRST
    heads = ["seeds" if one.seeds else "runs", *_HEADS]
    return heads[:count], [_cells(row)[:count] for row in one.rows]


def _cells(row: Row) -> list[str]:
    summary, difference = row.summary, row.difference
    spread = "" if summary.deviation is None else number(summary.deviation)
    found = [str(summary.count), number(summary.mean), spread, _range(summary.interval)]
    if difference is None:
        return [*found, "", "", "", "best" if row.best else "reference"]
    shown = f"{difference.mean:+.4g}", _range(difference.interval), _needed(difference.needed)
    return [*found, *shown, _verdict(difference)]


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def _needed(seeds: int | None) -> str:
    return "" if seeds is None else f"{seeds:,}" if seeds <= _MOST else f"over {_MOST:,}"


def _verdict(difference: Difference) -> str:
    if difference.decided:
        return "decided"
    if difference.interval is None:
        return "one seed"
    return "undecided" if difference.needed else "equal"


def _legend(one: Comparison) -> str:
    """What the figures of a table are."""
    parts = [_BETTER[one.goal], f"mean with Student's {_PERCENT} interval"]
    if any(row.summary.interval is None for row in one.rows):
        parts.append("one seed has no interval")
    differences = [row.difference for row in one.rows if row.difference is not None]
    known = [difference for difference in differences if difference.interval is not None]
    if known:
        paired = sum(difference.paired for difference in known)
        how = {0: "unpaired", len(known): "paired by seed"}.get(paired, f"{paired} paired by seed")
        interval = f"{_PERCENT} bootstrap-t interval of {RESAMPLES} resamples"
        parts.append(f"difference from the {'best' if one.goal else 'reference'} with a {interval}, {how}")
    if any(difference.needed for difference in differences):
        test = f"a t test at {100 * (1 - LEVEL):.0f} % to find this difference"
        parts.append(f"needed: seeds a group for {test} in {100 * POWER:.0f} % of cases")
    return "; ".join(parts)
