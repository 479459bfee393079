"""Reading what a training saved: the manifest says which checkpoints count, and vouches for each by a hash.

`torch.load` accepts flipped bits without a word, so a file counts only with the recorded size and sha256. The
manifest vouches for itself in the same way; where it is damaged, its copy stands in.
"""

import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.runs.files import read_json
from attnrun.runs.layout import CHECKPOINTS, MANIFEST

SCHEMA = 2  # 1 had no averages
COPY = "manifest.copy.json"
_FILE = re.compile(r"step-\d+(-\d+)?\.pt")
_logger = logging.getLogger("attnrun")

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """One line of the manifest.

    Attributes:
        best: of the best evaluation.
        evaluated: made with an evaluation.
        averaged: nothing but the mean of the weights of the last evaluations, which no training goes on from.
    """

    file: str
    step: int
    sha256: str
    size: int
    schema: int
    best: bool = False
    evaluated: bool = False
    averaged: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that verified; `checkpoint["model"]` is the model's `state_dict`, on the CPU."""

    path: Path
    step: int
    best: bool
    state: dict[str, Any]

    def __getitem__(self, part: str) -> dict[str, Any]:
        """Return the `state_dict` of "model", "optimiser", "schedule" or an extra part."""
        state: dict[str, Any] = self.state["parts"][part]
        return state


def find_newest(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint | None:
    """Return the newest checkpoint that verifies, None where there is none.

    Raises:
        UserError: a checkpoint was written by a newer attnrun, or holds more than tensors and plain values.
    """
    trained = [entry for entry in read_manifest(run_directory, warn) if not entry.averaged]
    return _first_valid(run_directory, trained[::-1], warn)


def load_newest(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint:
    """Return the newest checkpoint that verifies.

    Raises:
        UserError: none does, or as for `find_newest`.
    """
    return _required(run_directory, find_newest(run_directory, warn))


def load_best(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint:
    """Return the average that was kept, else the best checkpoint, else the newest; a damaged one is none.

    Raises:
        UserError: no checkpoint verifies, or as for `find_newest`.
    """
    newest_first = read_manifest(run_directory, warn)[::-1]
    best_first = sorted(newest_first, key=lambda entry: (not entry.averaged, not entry.best))
    return _required(run_directory, _first_valid(run_directory, best_first, warn))


def load_evaluated(run_directory: Path, number: int, warn: Warn = _logger.warning) -> Iterator[Checkpoint]:
    """Yield the checkpoints of the last `number` evaluations, oldest first; a damaged one is left out.

    Raises:
        UserError: as for `find_newest`.
    """
    for entry in last_evaluated(read_manifest(run_directory, warn), number):
        found = _first_valid(run_directory, [entry], warn)
        if found is not None:
            yield found


def last_evaluated(entries: list[Entry], number: int) -> list[Entry]:
    """Return the entries of the last `number` evaluations, oldest first; of one made again, the newer."""
    by_step = {entry.step: entry for entry in entries if entry.evaluated}
    return [by_step[step] for step in sorted(by_step)][-number:] if number else []


def read_manifest(run_directory: Path, warn: Warn = _logger.warning) -> list[Entry]:
    """Return the entries of the manifest, oldest first; of its copy, with a warning, where it is damaged.

    None, with a warning, where both are; none where there is no manifest.

    Raises:
        UserError: it was written by a newer attnrun.
    """
    path, copy = (run_directory / CHECKPOINTS / name for name in (MANIFEST, COPY))
    if not path.exists():
        return []
    entries = _entries(path)
    if entries is None:
        entries = _entries(copy)
        stands_in = "its checkpoints cannot be used" if entries is None else "its copy stands in"
        warn(f"{path} is damaged: {stands_in}")
    return [entry for entry in entries or () if _FILE.fullmatch(entry.file)]


def none_readable(run_directory: Path) -> UserError:
    """Return the error to raise where no checkpoint verifies."""
    return UserError(f"run {run_directory} has no checkpoint that can be read")


def digest_of_manifest(content: dict[str, Any]) -> str:
    """Return what a manifest has under "sha256": the hash of all the rest of it, in every schema."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _entries(path: Path) -> list[Entry] | None:
    """The entries of one manifest, None where it is damaged."""
    content = read_json(path)
    try:
        if content["sha256"] != digest_of_manifest(content):
            return None
        _check_schema(path, content["schema"])
        return [_entry(values) for values in content["checkpoints"]]
    except (TypeError, KeyError, AttributeError):
        return None


def _entry(values: dict[str, Any]) -> Entry:
    entry = Entry(**values)
    if any(type(getattr(entry, field.name)) is not field.type for field in fields(Entry)):
        raise TypeError(f"not an entry of a manifest: {values}")
    return entry


def _required(run_directory: Path, found: Checkpoint | None) -> Checkpoint:
    if found is None:
        raise none_readable(run_directory)
    return found


def _first_valid(run_directory: Path, entries: list[Entry], warn: Warn) -> Checkpoint | None:
    for entry in entries:
        path = run_directory / CHECKPOINTS / entry.file
        _check_schema(path, entry.schema)
        data = _verified(path, entry)
        if data is not None:
            return Checkpoint(path, entry.step, entry.best, _loaded(path, data))
        warn(f"checkpoint {path} is damaged or missing: going on without it")
    return None


def _verified(path: Path, entry: Entry) -> bytes | None:
    try:
        if path.stat().st_size != entry.size:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == entry.sha256 else None


def _loaded(path: Path, data: bytes) -> dict[str, Any]:
    """What a whole file holds; its hash tells nothing about who wrote it."""
    import torch

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        if not packed:  # torch packs nothing; what is packed may be of any size
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            if isinstance(state, dict) and isinstance(state.get("parts"), dict):
                return state
    except MemoryError:
        raise
    except Exception as error:  # whatever somebody else's bytes bring about
        what = "holds more than tensors and plain values (weights_only)"
        raise UserError(f"{path} {what}: it is not loaded") from error
    raise UserError(f"{path} is no checkpoint of a training")


def _check_schema(path: Path, schema: int) -> None:
    if schema > SCHEMA:
        raise UserError(f"{path} was written by a newer attnrun (schema {schema}; this one reads {SCHEMA})")
