"""Tables in files: rows of cells by a delimiter, and the numbers in them."""

import csv as csv_format
from collections.abc import Iterator
from pathlib import Path

import torch

from attnrun.data.reading import read_lines
from attnrun.errors import UserError

_MISSING = {"", "na", "n/a", "nan", "null"}
_LARGEST = torch.finfo(torch.float32).max


def check_delimiter(delimiter: str) -> str:
    """Return the delimiter a config names, a tab for `\\t`; raise UserError unless it is one character."""
    if delimiter == r"\t":
        delimiter = "\t"
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UserError(f"data.delimiter={delimiter!r} is not one character, as ',' or ';'")
    return delimiter


def read_rows(path: str | Path, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of each row that is not blank; comment lines (`#`) may stand before.

    The place is `file:number`, for messages. Raises UserError where the file is no such table.
    """
    place = ""

    def lines() -> Iterator[str]:
        nonlocal place
        heading = True
        for place, line in read_lines(path):  # noqa: B007  (the place is read outside)
            heading = heading and line.startswith("#")
            if not heading:
                yield line

    try:
        for cells in csv_format.reader(lines(), delimiter=delimiter, strict=True):
            if cells:
                yield place, cells
    except csv_format.Error as error:
        raise UserError(f"{place}: {error}") from None


def read_number(cell: str, name: str, place: str) -> float | None:
    """Return the number in a cell of the column `name`, None where it is missing (empty, NA, NaN, null).

    Raises UserError for anything else, and for what float32 cannot hold; the message names `place`.
    """
    text = cell.strip()
    if text.lower() in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or "_" in text:
        raise UserError(f"{place}: {cell[:40]!r} in column {name!r} is not a number")
    if not abs(value) <= _LARGEST:
        raise UserError(f"{place}: {cell[:40]!r} in column {name!r} is out of range")
    return value
