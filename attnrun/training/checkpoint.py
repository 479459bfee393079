"""Checkpoints that are wholly there or not at all, each vouched for by a hash in the manifest.

A file is written under a temporary name, synced and renamed; then the manifest is, which is the moment
the checkpoint counts. Reading takes the newest entry whose file has the recorded size and sha256, for
`torch.load` accepts flipped bits without a word.
"""

import hashlib
import io
import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from attnrun.errors import UserError
from attnrun.runs.files import read_json, write_durably, write_json
from attnrun.runs.layout import CHECKPOINTS, MANIFEST

SCHEMA = 1
_FILE = re.compile(r"step-\d+(-\d+)?\.pt")
_logger = logging.getLogger("attnrun")

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """One line of the manifest."""

    file: str
    step: int
    sha256: str
    size: int
    schema: int
    best: bool = False


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


def save(run_directory: Path, state: dict[str, Any], *, step: int, keep: int = 2, best: bool = False) -> Path:
    """Add a checkpoint and prune: the last `keep` stay, and the best one.

    Args:
        state: tensors and plain values only, since it is read with `weights_only=True`; "parts" holds
            the `state_dict` of each part by name.
        best: this is the best one so far; no other is any more.
    """
    directory = run_directory / CHECKPOINTS
    directory.mkdir(exist_ok=True)
    data = _serialise(state)
    entries = read_manifest(run_directory)
    path = directory / _free_name(directory, step)
    write_durably(path, data)
    entry = Entry(path.name, step, hashlib.sha256(data).hexdigest(), len(data), SCHEMA, best)
    kept = _kept([*entries, entry], keep)
    write_json(directory / MANIFEST, {"schema": SCHEMA, "checkpoints": [asdict(one) for one in kept]})
    _remove_others(directory, kept)
    return path


def find_newest(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint | None:
    """Return the newest checkpoint that verifies, None where there is none.

    Raises:
        UserError: a checkpoint was written by a newer attnrun.
    """
    return _first_valid(run_directory, read_manifest(run_directory, warn)[::-1], warn)


def load_newest(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint:
    """Return the newest checkpoint that verifies.

    Raises:
        UserError: none does, or one was written by a newer attnrun.
    """
    return _required(run_directory, find_newest(run_directory, warn))


def load_best(run_directory: Path, warn: Warn = _logger.warning) -> Checkpoint:
    """Return the best checkpoint, the newest where none was the best or the best is damaged.

    Raises:
        UserError: no checkpoint verifies, or one was written by a newer attnrun.
    """
    entries = read_manifest(run_directory, warn)
    newest_first = entries[::-1]
    best_first = [entry for best in (True, False) for entry in newest_first if entry.best is best]
    return _required(run_directory, _first_valid(run_directory, best_first, warn))


def remove_leftovers(run_directory: Path) -> None:
    """Remove what a killed writer left: temporary files, and checkpoints that no manifest names."""
    directory = run_directory / CHECKPOINTS
    if (directory / MANIFEST).exists() and not read_manifest(run_directory):
        return  # a damaged manifest: the files may still be of use to somebody
    _remove_others(directory, read_manifest(run_directory))


def read_manifest(run_directory: Path, warn: Warn = _logger.warning) -> list[Entry]:
    """Return the entries of the manifest, oldest first; none (with a warning) where it is damaged."""
    path = run_directory / CHECKPOINTS / MANIFEST
    if not path.exists():
        return []
    content = read_json(path)
    try:
        _check_schema(path, content["schema"])
        entries = [Entry(**entry) for entry in content["checkpoints"]]
    except (TypeError, KeyError, AttributeError):
        warn(f"{path} is damaged: its checkpoints cannot be used")
        return []
    return [entry for entry in entries if _FILE.fullmatch(str(entry.file))]


def _required(run_directory: Path, found: Checkpoint | None) -> Checkpoint:
    if found is None:
        raise UserError(f"run {run_directory} has no checkpoint that can be read")
    return found


def _serialise(state: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def _free_name(directory: Path, step: int) -> str:
    """Return a name not in use: replacing the file of a standing entry would leave a moment without any."""
    name, number = f"step-{step}.pt", 1
    while (directory / name).exists():
        number += 1
        name = f"step-{step}-{number}.pt"
    return name


def _kept(entries: list[Entry], keep: int) -> list[Entry]:
    best = max((place for place, entry in enumerate(entries) if entry.best), default=None)
    flagged = [Entry(**(asdict(entry) | {"best": place == best})) for place, entry in enumerate(entries)]
    return [entry for place, entry in enumerate(flagged) if entry.best or place >= len(flagged) - keep]


def _remove_others(directory: Path, entries: list[Entry]) -> None:
    named = {entry.file for entry in entries}
    for path in [*directory.glob("step-*.pt"), *directory.glob("*.tmp.*")]:
        if path.name not in named:
            path.unlink(missing_ok=True)


def _first_valid(run_directory: Path, entries: list[Entry], warn: Warn) -> Checkpoint | None:
    for entry in entries:
        path = run_directory / CHECKPOINTS / entry.file
        _check_schema(path, entry.schema)
        state = _verified(path, entry)
        if state is not None:
            return Checkpoint(path, entry.step, entry.best, state)
        warn(f"checkpoint {path} is damaged or missing: trying another")
    return None


def _verified(path: Path, entry: Entry) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state


def _check_schema(path: Path, schema: int) -> None:
    if schema > SCHEMA:
        raise UserError(f"{path} was written by a newer attnrun (schema {schema}; this one reads {SCHEMA})")
