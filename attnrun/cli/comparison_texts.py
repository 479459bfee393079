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

_GAP = 3  # columns between two cells
_NARROWEST = 16  # columns for names of groups
_FIRST = 4  # columns of figures about a group alone; those after them are about the difference
_MOST = 1_000_000  # seeds that anyone would ask for
_PERCENT = f"{100 * LEVEL:.0f} %"
_HEADS = ("mean", "sd", _PERCENT, "difference", _PERCENT, "verdict")
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
    heads = [_code(one.metric), *_heads(one)]
    rows = [[_code(row.name), *_cells(row)] for row in one.rows]
    lines = [heads, ["---", *["--:"] * (len(heads) - 2), "---"], *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table}\n{_legend(one)}\n"


def _code(text: str) -> str:
    return f"`{text}`" if _SAFE.fullmatch(text) else for_markdown(text)


def show(found: Sequence[Comparison]) -> None:
    """Print a table a metric, or two where the terminal has no room for all columns side by side."""
    console = Console(highlight=False)
    for one in found:
        for table in _tables(one, console.width):
            console.print(table)
        console.print(literal(_legend(one)))
        console.print()


def _tables(one: Comparison, width: int) -> Iterator[Table]:
    heads, rows = _heads(one), [_cells(row) for row in one.rows]
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    longest = max(cell_len(name) for name in (one.metric, *(row.name for row in one.rows)))
    parts = [slice(0, len(heads))]
    if min(longest, _NARROWEST) + sum(_GAP + wide for wide in widths) > width:
        parts = [slice(0, _FIRST), slice(_FIRST, len(heads))]
    for part in parts:
        room = width - sum(_GAP + wide for wide in widths[part])
        table = figures_table("", *heads[part])
        names = table.columns[0]
        names.header, names.overflow, names.no_wrap = literal(one.metric), "fold", False
        names.width = min(longest, max(room, _NARROWEST))
        for column, wide in zip(table.columns[1:], widths[part], strict=True):
            column.width, column.no_wrap = wide, True  # known: thousands of rows need not be measured again
        if part.stop == len(heads):
            table.columns[-1].justify = "left"
        for row, cells in zip(one.rows, rows, strict=True):
            table.add_row(literal(row.name), *map(literal, cells[part]))
        yield table


def _heads(one: Comparison) -> list[str]:
    return ["seeds" if one.seeds else "runs", *_HEADS]


def _cells(row: Row) -> list[str]:
    """What stands beside the name of a group, under `_heads`."""
    summary, difference = row.summary, row.difference
    spread = "" if summary.deviation is None else number(summary.deviation)
    found = [str(summary.count), number(summary.mean), spread, _range(summary.interval)]
    if difference is None:
        return [*found, "", "", "best" if row.best else "reference"]
    return [*found, f"{difference.mean:+.4g}", _range(difference.interval), _verdict(difference)]


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def _verdict(difference: Difference) -> str:
    if difference.decided:
        return "decided"
    if difference.interval is None:
        return "undecided: one seed has no interval"
    if difference.needed is None:
        return "undecided: no difference"
    needed = f"{difference.needed:,}" if difference.needed <= _MOST else f"over {_MOST:,}"
    return f"undecided: {needed} needed"


def _legend(one: Comparison) -> str:
    """What the figures of a table are."""
    parts = [_BETTER[one.goal], f"mean with Student's {_PERCENT} interval"]
    differences = [row.difference for row in one.rows if row.difference is not None]
    if differences:
        paired = sum(difference.paired for difference in differences)
        how = {0: "unpaired", len(differences): "paired by seed"}.get(paired, f"{paired} paired by seed")
        interval = f"{_PERCENT} bootstrap-t interval of {RESAMPLES} resamples"
        parts.append(f"difference from the {'best' if one.goal else 'reference'} with a {interval}, {how}")
    if any(difference.needed for difference in differences):
        test = f"a t test at {100 * (1 - LEVEL):.0f} %"
        parts.append(
            f"needed: seeds a group for {test} to find this difference in {100 * POWER:.0f} % of cases"
        )
    return "; ".join(parts)
