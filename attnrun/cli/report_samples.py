"""The test samples of one run or two, paired: what goes in, what is right, what each run said."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attnrun.cli.inputs import kept_file, plain
from attnrun.errors import UserError
from attnrun.runs import layout
from attnrun.runs.files import PNG
from attnrun.runs.samples import read_samples

_LARGEST = 2**16  # bytes of a picture in a page

Row = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A test sample that both runs have: its place in the first's test set, and the first's own row.

    `answers` are what each run said. `given` is what the models take for it, None where that was not kept.
    """

    place: int
    source: str
    target: str
    answers: list[str]
    given: str | None = None
    picture: str | None = None  # PNG in base64
    row: Row = field(default_factory=dict)


def samples(directories: Sequence[Path]) -> list[Sample]:
    """Return the test samples of a run, or those that two runs have in common.

    Raises UserError where the two have none in common, or a file of samples is damaged.
    """
    first, *others = [_rows(directory) for directory in directories]
    known = [{_key(row): row for row in rows} for rows in others]
    by_file = any(kept_file(directories[0], row) for row in first)
    found = []
    for place, row in enumerate(first):
        beside = [rows.get(_key(row)) for rows in known]
        if None not in beside:
            found.append(_sample(directories[0], place, [row, *filter(None, beside)], by_file))
    if first and not found:
        names = " and ".join(map(str, directories))
        raise UserError(f"the test sets of {names} have no input in common")
    return found


def _rows(directory: Path) -> list[Row]:
    if not (directory / layout.SAMPLES / "test.jsonl").is_file():
        return []
    return list(read_samples(directory, "test"))


def _key(row: Row) -> tuple[str, str]:
    """What tells a sample from others, whatever was said of it."""
    return str(row.get("source", row.get("image"))), _target(row)


def _target(row: Row) -> str:
    return plain(row, "target") if "target" in row else str(row.get("class", ""))


def _sample(directory: Path, place: int, rows: Sequence[Row], by_file: bool) -> Sample:
    row = rows[0]
    file = kept_file(directory, row)
    source = plain(row, "source") if "source" in row else f"image {row.get('image', place)}"
    answers = [plain(one, "prediction") if "prediction" in one else "" for one in rows]
    given = None if by_file or "source" not in row else source
    if file is not None and file.is_file():
        given = str(file)
    return Sample(place, source, _target(row), answers, given, _picture(file), row)


def _picture(file: Path | None) -> str | None:
    if file is None or file.suffix != ".png" or not file.is_file() or file.stat().st_size > _LARGEST:
        return None
    data = file.read_bytes()
    return base64.urlsafe_b64encode(data).decode() if data.startswith(PNG) else None
