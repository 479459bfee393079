"""`metrics.jsonl`: one JSON object a line with step, epoch, time (seconds of the run) and the values."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

from attnrun.runs.files import strict, write_durably


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
        self._stream: TextIO | None = None

    def append(self, row: dict[str, Any]) -> list[str]:
        """Write one row; return the names of its values that were not finite (null in the file)."""
        clean, bad = strict(row)
        if self._stream is None:
            self._stream = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 (closed by close)
        self._stream.write(json.dumps(clean, allow_nan=False) + "\n")
        self._stream.flush()
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
        if self._stream is not None:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
        if not self.path.exists() or self.path.read_bytes() != data:
            write_durably(self.path, data)
