"""Texts in columns, for `attnrun list`: rich's tables take longer to import and to lay out than all else."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import typer
from rich.cells import cell_len, chop_cells

from attnrun.escape import for_terminal

if TYPE_CHECKING:
    from attnrun.launch.catalog import Entry

_GAP = 2  # cells between two columns
_NARROWEST = 12  # cells of a column of texts


def show_catalog(found: "Mapping[str, Sequence[Entry]]") -> None:
    """Print one table a config group: names, what they are and where they are from, each text literally."""
    lines: list[str] = []
    for group, entries in found.items():
        rows = [(group, "what it is", "source"), *((e.name, e.what, e.source) for e in entries)]
        lines += ["", *_table([[_literal(text) for text in row] for row in rows])]
    typer.echo("\n".join(lines))


def _table(rows: list[list[str]]) -> Iterator[str]:
    """The lines of a table of names and two texts, whose first row is its head."""
    widths = _widths([max(cell_len(row[column]) for row in rows) for column in range(3)])
    for number, (name, *texts) in enumerate(rows):
        wrapped = (_wrapped(text, width) for text, width in zip(texts, widths[1:], strict=True))
        for at, parts in enumerate(zip_longest([""], *wrapped, fillvalue="")):
            first = name if at == 0 else ""
            rest = "".join(map(_padded, parts[1:], widths[1:])).rstrip()
            yield f" {typer.style(_padded(first, widths[0]), bold=True)}{rest}".rstrip()
        if number == 0:
            yield f" {_rule() * (sum(widths) + _GAP * (len(widths) - 1))}"


def _widths(wanted: list[int]) -> list[int]:
    """The widths of a name, which is never broken, and of two texts, which share what the terminal leaves."""
    name, *texts = wanted
    room = shutil.get_terminal_size().columns - name - 2 * _GAP - 2  # a cell on either side
    half = max(room // 2, _NARROWEST)
    if sum(texts) <= room:
        return wanted
    if min(texts) <= half:  # the narrow one is whole, the other has the rest
        rest = max(room - min(texts), _NARROWEST)
        return [name, *(min(text, rest) if text > half else text for text in texts)]
    return [name, half, half]


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken between words, or within one that is longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines += chop_cells(word, width)
    return [line for line in lines if line]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text) + _GAP)


def _rule() -> str:
    try:
        "─".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return "-"
    return "─"


def _literal(text: str) -> str:
    return for_terminal(text, getattr(sys.stdout, "encoding", None) or "utf-8")
