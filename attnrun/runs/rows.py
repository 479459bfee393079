"""`metrics.jsonl`: one JSON object a line with step, epoch, time (seconds of the run) and the values."""

import json
from pathlib import Path
from typing import Any

from attnrun.runs.files import Appender, strict, write_durably


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of `path`; a torn or damaged line ends them."""
    rows: list[dict[str, Any]] = []
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return rows
    for line in data.split(b"\n")[:-1]:  # what follows the last newline is a line that was cut off
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not isinstance(row, dict):
            break
        rows.append(row)
    return rows


class RowWriter:
    """Appends rows; `keep` cuts off those that a resumed run will write again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = read_rows(path)
        self.count = len(rows)
        self._rewrite(rows)  # drops a torn last line, to which the next row would be glued
        self._file = Appender(path)

    def append(self, row: dict[str, Any]) -> list[str]:
        """Write one row; return the names of its values that were not finite (null in the file)."""
        clean, bad = strict(row)
        self._file.append(_line(clean))
        self.count += 1
        return bad

    def keep(self, step: int, count: int | None = None) -> None:
        """Keep the first `count` rows (None: all) as far as their step is at most `step`."""
        self.close()
        rows = [row for row in read_rows(self.path)[:count] if row.get("step", 0) <= step]
        self._rewrite(rows)
        self.count = len(rows)

    def sync(self) -> None:
        """Bring the rows to the disk, before a checkpoint says how many there are."""
        self._file.sync()

    def close(self) -> None:
        self._file.close()

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        data = b"".join(map(_line, rows))
        if not self.path.exists() or self.path.read_bytes() != data:
            write_durably(self.path, data)


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, allow_nan=False) + "\n").encode()
