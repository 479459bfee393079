"""Reading what `Run.samples` saved; it may come from a stranger."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.runs import layout

_LONGEST = 2**20  # bytes of a line that a run kept
_LARGEST = 64 * 2**20  # bytes of a file


def read_samples(directory: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the records of samples/NAME.jsonl.

    Raises UserError where there is none, and for a line that is damaged or a file that is unreasonably large.
    """
    path = directory / layout.SAMPLES / f"{name}.jsonl"
    if not path.is_file():
        raise UserError(f"{directory} kept no {name} sentences")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path} is larger than {_LARGEST // 2**20} MiB")
    with path.open("rb") as stream:
        for number in range(1, _LARGEST):
            line = stream.readline(_LONGEST)
            if not line:
                return
            yield _record(line, f"{path}:{number}")


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UserError(f"{place} is damaged")
    return record
