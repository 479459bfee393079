"""A folder of WAV files with what is said in each."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from attnrun.data.reading import counted, entries_of, existing_folder
from attnrun.data.recordings import Recording, Recordings
from attnrun.data.table import read_columns
from attnrun.data.wav import read_wav
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

LABELS = "labels.tsv"
_MAXIMUM_TOTAL = 2 * 2**30  # bytes of all samples, as they are kept
_LAYOUTS = f"{LABELS}, or with a sub-folder of WAV files for each label"

Rate = Annotated[int, Ge(1000), Le(48_000)]


def load(
    seed: int,
    *,
    path: str,
    rate: Rate = 8000,
    speaker: PositiveInt | None = None,
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
) -> Recordings:
    """Read a folder of WAV files, in one of two layouts.

    With a file `labels.tsv` in it, a line of that is a file, as seen from the folder, a tab, and what is said
    in it. Else each sub-folder is a label, and its files are recordings of what its name says; hidden files
    and folders are passed over. Files are read by `wav.read_wav`.

    Args:
        seed: changes nothing.
        path: the folder.
        rate: samples a second that each recording is brought to.
        speaker: number of the column of labels.tsv that says who speaks, counted from 1: then no speaker is
            in two splits. None: recordings are parted one by one.
        valid: share to validate on, at least one, in the order of a hash of speakers, or of samples.
        test: share to test on, the same.

    Raises:
        UserError: the folder or a file in it is not as described, or a split is empty.
    """
    del seed
    folder = existing_folder(path, _LAYOUTS)
    found, size = [], 0
    for file, text, who in _listed_there(folder, speaker):
        samples = read_wav(file, rate)
        size += samples.nbytes
        if size > _MAXIMUM_TOTAL:
            limit = f"{_MAXIMUM_TOTAL // 2**20} MiB"
            raise UserError(
                f"{folder}: its recordings take more than {limit}; take fewer, or lower data.rate"
            )
        found.append(Recording(str(file.relative_to(folder)), samples, text, who))
    return Recordings(rate, **_parted(found, valid, test, str(folder)))


def _listed_there(folder: Path, speaker: int | None) -> Iterator[tuple[Path, str, str]]:
    """Yield each file with what is said in it, and by whom."""
    if (folder / LABELS).exists():
        yield from _from_table(folder, speaker)
        return
    if speaker is not None:
        raise UserError(f"data.speaker={speaker}: {folder} has no {LABELS} with a column of speakers")
    labels = [entry for entry in entries_of(folder) if entry.is_dir()]
    if len(labels) < 2:
        there = counted(len(labels), "sub-folder")
        raise UserError(f"{folder} has no {LABELS} and {there}; give one with {_LAYOUTS}")
    for label in labels:
        if not label.name.isprintable() or not label.name.strip():
            raise UserError(f"{label}: this name is blank, or no text that prints, and cannot be a label")
        files = entries_of(label)
        if not files:
            raise UserError(f"{label} holds no WAV files")
        for file in files:
            if file.suffix.lower() != ".wav":
                raise UserError(f"{file} does not end in .wav; a label's folder holds WAV files alone")
            yield file, label.name, ""


def _from_table(folder: Path, speaker: int | None) -> Iterator[tuple[Path, str, str]]:
    wanted: dict[str, str | int] = {"files": 1, "transcripts": 2}
    if speaker is not None:
        wanted["data.speaker"] = speaker
    for place, (name, text, *who) in read_columns(str(folder / LABELS), wanted):
        if not _is_inside(folder, name):
            raise UserError(f"{place}: {folder} holds no file {name[:80]!r}")
        yield folder / name, text, who[0] if who else ""


def _is_inside(folder: Path, name: str) -> bool:
    """Tell whether the folder, not another by a link or by `..`, holds such a file."""
    try:
        file = folder / name
        found = file.is_file() and file.resolve().is_relative_to(folder.resolve())
        return found and file.is_relative_to(folder)
    except (OSError, ValueError):  # too long a name, or one that no file can have
        return False


def _parted(found: list[Recording], valid: float, test: float, what: str) -> dict[str, list[Recording]]:
    """Hold out whole groups, of a speaker or of equal samples, until a split has its share."""
    groups: dict[bytes, list[Recording]] = {}
    for one in found:
        own = one.speaker.encode() or one.samples.tobytes()
        groups.setdefault(hashlib.sha256(own).digest(), []).append(one)
    left = [groups[key] for key in sorted(groups)]
    parts: dict[str, list[Recording]] = {}
    for name, share in (("test", test), ("valid", valid)):
        part = parts.setdefault(name, [])
        while left and len(part) < max(1, share * len(found)):
            part += left.pop(0)
    parts["train"] = [one for group in left for one in group]
    if not all(parts.values()):
        kind = "speaker" if any(one.speaker for one in found) else "recording"
        shares = f"data.valid={valid} and data.test={test}"
        raise UserError(f"{what}: {counted(len(groups), kind)}, too few to part by {shares}")
    return parts
