"""Columns of a file as its user names them: by a number from 1 on, or by a name in the first line."""

from collections.abc import Mapping, Sequence

from attnrun.errors import UserError, suggest


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
