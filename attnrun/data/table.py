"""Tables in files: rows of cells by a delimiter, columns by name or number, and the numbers in them."""

import csv as csv_format
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from attnrun.data.reading import counted, read_lines
from attnrun.errors import UserError, suggest

_MISSING = {"", "na", "n/a", "nan", "null"}
_LARGEST = float.fromhex("0x1.fffffep+127")  # of float32


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
            heading = heading and (not line or line.startswith("#"))
            if not heading:
                yield line

    try:
        for cells in csv_format.reader(lines(), delimiter=delimiter, strict=True):
            if cells:
                yield place, cells
    except csv_format.Error as error:
        raise UserError(f"{place}: {error}") from None


def read_named(
    path: str | Path, delimiter: str, wanted: Mapping[str, str | int]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each row below the names of the columns, and its cells in the columns wanted.

    `wanted` is as for `find_columns`. Raises UserError as `read_rows` and `find_columns` do, and for a row of
    another length.
    """
    rows = read_rows(path, delimiter)
    place, header = next(rows, (str(path), []))
    columns = find_columns(wanted, [name.strip() for name in header], place)
    for place, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{place}: {counted(len(cells), 'cell')} under {len(header)} column names")
        yield place, [cells[column] for column in columns]


def write_rows(rows: Iterable[Sequence[str]], delimiter: str) -> str:
    """Return the text of a file of which `read_rows` reads these cells."""
    stream = StringIO()
    csv_format.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue()


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


def read_columns(path: str, wanted: Mapping[str, str | int]) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each line of a file and its cells, between tabs, in the columns wanted, stripped.

    `wanted` is as for `find_columns`; a name means a first line of names.

    Raises:
        UserError: a column is missing or has nothing in it; the message names file and line.
    """
    lines = ((place, line.split("\t")) for place, line in read_lines(path))
    place, header = next(lines) if any(isinstance(name, str) for name in wanted.values()) else (path, None)
    columns = find_columns(wanted, header, place)
    for place, fields in lines:
        if len(fields) <= max(columns):
            there = counted(len(fields), "column")
            raise UserError(f"{place}: {there} between tabs, and column {max(columns) + 1} is asked for")
        cells = [fields[column].strip() for column in columns]
        for key, cell in zip(wanted, cells, strict=True):
            if not cell:
                raise UserError(f"{place}: nothing in the column of {key}")
        yield place, cells


def find_columns(wanted: Mapping[str, str | int], header: Sequence[str] | None, place: str) -> list[int]:
    """Return the place of each column, counted from 0.

    Args:
        wanted: config key -> number or name of its column.
        header: the names in the file's first line; None where all are numbers.
        place: of that line, for messages.

    Raises:
        UserError: a name is not there or there twice, a number is below 1, or two keys mean one column.
    """
    found: dict[int, str] = {}
    for key, name in wanted.items():
        column = _numbered(name, key) if isinstance(name, int) else _named(name, key, header or (), place)
        if column in found:
            raise UserError(f"{found[column]} and {key}={name} are the same column")
        found[column] = f"{key}={name}"
    return list(found)


def _numbered(number: int, key: str) -> int:
    if number < 1:
        raise UserError(f"{key}={number}: columns are numbered from 1")
    return number - 1


def _named(name: str, key: str, header: Sequence[str], place: str) -> int:
    if header.count(name) != 1:
        fault = "two columns" if name in header else "no column"
        hint = "" if name in header else suggest(name, [other[:40] for other in header])
        raise UserError(f"{place}: {fault} {name!r} for {key}{hint}")
    return header.index(name)
