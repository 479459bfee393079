"""Checkpoints that are wholly there or not at all, each vouched for by a hash in the manifest.

A file is written under a temporary name, synced and renamed; then the manifest is, which is the moment
the checkpoint counts; then its copy; what it names no more is removed last. `runs.checkpoints` reads them.
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from attnrun.runs.checkpoints import (
    COPY,
    SCHEMA,
    Entry,
    digest_of_manifest,
    last_evaluated,
    read_manifest,
)
from attnrun.runs.files import write_durably, write_json, writing
from attnrun.runs.layout import CHECKPOINTS, MANIFEST


def save(
    run_directory: Path,
    state: dict[str, Any],
    *,
    step: int,
    keep: int = 2,
    best: bool = False,
    evaluated: bool = False,
    keep_evaluated: int = 0,
) -> Path:
    """Add a checkpoint and prune: the last `keep` stay, those of the last evaluations, and the best one.

    An average goes: the training has gone on.

    Args:
        state: tensors and plain values only, since it is read with `weights_only=True`; "parts" holds
            the `state_dict` of each part by name.
        best: this is the best one so far; no other is any more.
        evaluated: it is made with an evaluation, of which the last `keep_evaluated` stay.

    Raises:
        CannotWrite: what was saved before stands as it did, and no space is taken.
    """

    def kept(entries: list[Entry], new: Entry) -> list[Entry]:
        return _kept([*entries, replace(new, best=best, evaluated=evaluated)], keep, keep_evaluated)

    return _add(run_directory, state, step, kept)


def save_average(run_directory: Path, weights: dict[str, Any], *, step: int) -> Path:
    """Add averaged weights, which `load_best` then gives, in the place of any others; nothing is pruned.

    Raises:
        CannotWrite: as for `save`.
    """
    return _add(
        run_directory,
        {"parts": {"model": weights}},
        step,
        lambda entries, new: [*entries, replace(new, averaged=True)],
    )


def _add(
    run_directory: Path,
    state: dict[str, Any],
    step: int,
    select: Callable[[list[Entry], Entry], list[Entry]],
) -> Path:
    """Write a checkpoint, and the manifest of what `select` returns of those that were trained, and it."""
    directory = run_directory / CHECKPOINTS
    data = _serialise(state)
    with writing(directory, len(data)):
        directory.mkdir(exist_ok=True)
    path = directory / _free_name(directory, step)
    entry = Entry(path.name, step, hashlib.sha256(data).hexdigest(), len(data), SCHEMA)
    kept = select([entry for entry in read_manifest(run_directory) if not entry.averaged], entry)
    try:
        write_durably(path, data)
        _write_manifest(directory, kept)
    except OSError:
        if path.name not in {named.file for named in read_manifest(run_directory)}:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    _remove_others(directory, kept)
    return path


def remove_leftovers(run_directory: Path) -> None:
    """Remove what a killed writer left: temporary files, and checkpoints that no manifest names."""
    directory = run_directory / CHECKPOINTS
    entries = read_manifest(run_directory)
    if (directory / MANIFEST).exists() and not entries:
        return  # a damaged manifest: the files may still be of use to somebody
    _remove_others(directory, entries)


def _write_manifest(directory: Path, entries: list[Entry]) -> None:
    content = {"schema": SCHEMA, "checkpoints": [asdict(entry) for entry in entries]}
    for name in (MANIFEST, COPY):
        write_json(directory / name, content | {"sha256": digest_of_manifest(content)})


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


def _kept(entries: list[Entry], keep: int, keep_evaluated: int) -> list[Entry]:
    best = max((place for place, entry in enumerate(entries) if entry.best), default=None)
    flagged = [replace(entry, best=place == best) for place, entry in enumerate(entries)]
    wanted = [*flagged[-keep:], *last_evaluated(flagged, keep_evaluated)]
    return [entry for entry in flagged if entry.best or entry in wanted]


def _remove_others(directory: Path, entries: list[Entry]) -> None:
    named = {entry.file for entry in entries}
    for path in [*directory.glob("step-*.pt"), *directory.glob("*.tmp.*")]:
        if path.name not in named:
            path.unlink(missing_ok=True)
