"""`metrics.jsonl`: one JSON object a line with step, epoch, time (seconds of the run) and the values."""

import json
import math
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from attnrun.runs.files import Appender, strict, writing

_LONGEST = 2**20  # bytes of a line; a longer one is not ours


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of `path`; a torn or damaged line ends them."""
    return [row for row, _ in _rows(path)]


def read_last_rows(path: Path, size: int = 2**15) -> list[dict[str, Any]]:
    """Return the rows in the last `size` bytes of a file that is still written, as far as they are sound."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - size))
            lines = stream.read(size).split(b"\n")
    except OSError:
        return []
    rows = [_row(line) for line in lines]
    return [row for row in rows if row is not None]


class RowWriter:
    """Appends rows; `keep` cuts off those that a resumed run will write again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = Appender(path)
        self.keep(math.inf)  # without a torn last line, to which the next row would be glued

    def append(self, row: dict[str, Any]) -> list[str]:
        """Write one row; return the names of its values that were not finite (null in the file)."""
        clean, bad = strict(row)
        self._file.append(_line(clean))
        self.count += 1
        return bad

    def keep(self, step: float, count: int | None = None) -> None:
        """Keep the first `count` rows (None: all) as far as their step is at most `step`."""
        self.close()
        self.count = end = 0
        for row, at in islice(_rows(self.path), count):
            if row["step"] > step:
                break
            self.count, end = self.count + 1, at
        if self.path.exists() and self.path.stat().st_size > end:
            with writing(self.path, 0):
                os.truncate(self.path, end)

    def sync(self) -> None:
        """Bring the rows to the disk, before a checkpoint says how many there are."""
        self._file.sync()

    def close(self) -> None:
        self._file.close()


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the rows of `path` as far as they are sound, each with the byte at which it ends."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as stream:
        while (line := stream.readline(_LONGEST)).endswith(b"\n"):
            row = _row(line)
            if row is None:
                return
            end += len(line)
            yield row, end


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, allow_nan=False) + "\n").encode()
