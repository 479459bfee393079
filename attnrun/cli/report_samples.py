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
from attnrun.runs.find import RunRecord
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


def samples(directories: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    """Return the test samples of a run, or those that two runs have in common, and notes on others.

    An image is told by its number where both test sets are the same; of two others those are in common whose
    pictures both runs keep.

    Raises UserError where the two have none in common, or a file of samples is damaged.
    """
    first, *others = sides = [_rows(directory) for directory in directories]
    same = all(_same_images(directories, [first, rows]) for rows in others)
    keys = [
        [_key(row) if same else _content(directory, row) for row in rows]
        for directory, rows in zip(directories, sides, strict=True)
    ]
    known = [dict(zip(own, rows, strict=True)) for own, rows in zip(keys[1:], others, strict=True)]
    by_file = any(kept_file(directories[0], row) for row in first)
    found = []
    for place, (row, key) in enumerate(zip(first, keys[0], strict=True)):
        beside = [None if key is None else rows.get(key) for rows in known]
        if None not in beside:
            found.append(_sample(directories[0], place, [row, *filter(None, beside)], by_file))
    if first and not found:
        names = " and ".join(map(str, directories))
        raise UserError(f"the test sets of {names} have no input in common")
    return found, [] if same else ["the images of the two runs differ; those are shown that both keep"]


def _same_images(directories: Sequence[Path], sides: Sequence[list[Row]]) -> bool:
    """Tell whether equal numbers mean equal images, by the pictures that both keep, else by the configs.

    True of samples that are no images.
    """
    if not (sides[0] and all("image" in row for rows in sides for row in rows)):
        return True
    kept = [
        {_key(row): content for row in rows if (content := _content(directory, row)) is not None}
        for directory, rows in zip(directories, sides, strict=True)
    ]
    both = kept[0].keys() & kept[1].keys()
    if both:
        return all(kept[0][key] == kept[1][key] for key in both)
    configs = [RunRecord(directory).config.get("data") for directory in directories]
    return not all(kept) and configs[0] == configs[1]


def _content(directory: Path, row: Row) -> tuple[bytes, str] | None:
    """What tells an image from others wherever it stands; None where its picture was not kept."""
    file = kept_file(directory, row)
    return (file.read_bytes(), _target(row)) if file is not None and file.is_file() else None


def _rows(directory: Path) -> list[Row]:
    if not (directory / layout.SAMPLES / "test.jsonl").is_file():
        return []
    return list(read_samples(directory, "test"))


def _key(row: Row) -> tuple[str, str]:
    """What tells a sample from others of its test set, whatever was said of it."""
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
