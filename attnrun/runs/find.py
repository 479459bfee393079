"""Finding and reading runs; nothing here needs torch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.runs import layout
from attnrun.runs.files import read_json
from attnrun.runs.lock import is_locked
from attnrun.runs.plain_yaml import read_values
from attnrun.runs.result import read_result
from attnrun.runs.rows import read_rows


@dataclass(frozen=True)
class RunRecord:
    """A run as its directory tells it; every property is read once, when first asked for."""

    directory: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            UserError: config.yaml is missing, damaged or unreasonably large, holds what a run does not write,
                or a link leads out of the directory.
        """
        refuse_links(self.directory)
        return read_values(self.directory / layout.CONFIG)

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """The content of result.json, None before the run has ended."""
        return read_result(self.directory)

    @cached_property
    def status(self) -> str:
        """`running`, `done`, `failed` or `interrupted` (also a run that was killed)."""
        if is_locked(self.directory):
            return "running"
        return str(self.result["status"]) if self.result else "interrupted"

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What is known from the start: experiment, config_hash, seed, primary, started."""
        found = read_json(self.directory / layout.IDENTITY)
        return found if isinstance(found, dict) else {}

    @property
    def experiment(self) -> str:
        return str(self.identity.get("experiment", ""))

    @property
    def config_hash(self) -> str:
        return str(self.identity.get("config_hash", ""))

    @property
    def seed(self) -> int | None:
        return self.identity.get("seed")

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the result; empty where there are none."""
        return (self.result or {}).get("metrics") or {}

    @property
    def primary(self) -> tuple[str, str]:
        """The metric that says how good the run is, and its goal, "min" or "max"; "None" where unknown."""
        for file in (self.result or {}, self.identity):
            given = file.get("primary")
            if isinstance(given, dict):
                return str(given.get("name")), str(given.get("goal"))
        return "None", "None"

    @cached_property
    def started(self) -> datetime:
        """When the run was first opened, in UTC."""
        try:
            return datetime.fromisoformat(self.identity["started"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            return datetime.fromtimestamp((self.directory / layout.CONFIG).stat().st_mtime, UTC)

    def metrics_rows(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl: step, epoch, time and values by name."""
        return read_rows(self.directory / layout.METRICS)


def records(root: Path) -> list[RunRecord]:
    """Return the runs under `root`, newest first: root/EXPERIMENT/NAME, and sweeps one level deeper."""
    found = [RunRecord(directory) for directory in _directories(Path(root))]
    return sorted(found, key=lambda record: (record.started, record.directory.name), reverse=True)


def is_run(directory: Path) -> bool:
    """Tell whether `directory` is a run: it has a config.yaml."""
    with suppress(OSError):  # a name that is too long for a file, for one
        return (directory / layout.CONFIG).is_file()
    return False


def find(root: Path, name: str, *, finished: bool = False) -> Path:
    """Return the directory of the run that `name` means.

    Args:
        root: where runs land, usually ./outputs.
        name: a path, a directory name, the unique beginning of one, or `latest`.
        finished: `latest` is the newest of the runs that are done, not of all.

    Raises:
        UserError: there is none (with the nearest names), or several (with their paths).
    """
    root = Path(root)
    if name == "latest":
        return _latest(root, finished)
    path = Path(os.path.expanduser(name))  # which leaves the name of a user who is not there as it is
    if name and is_run(path):
        return path
    if name and _is_path(name):
        raise UserError(_not_a_run(path))
    runs = list(_directories(root))
    tails = {directory: _tails(directory.relative_to(root)) for directory in runs if name}
    exact = [directory for directory, names in tails.items() if name in names]
    begun = [directory for directory, names in tails.items() if any(tail.startswith(name) for tail in names)]
    found = exact or begun
    if len(found) == 1:
        return found[0]
    raise UserError(ambiguous(name, "runs", found) if found else _missing(root, name, runs))


def refuse_links(directory: Path) -> None:
    """Raise UserError for a link out of a run: what is written or read there would lie elsewhere."""
    home = directory.resolve()
    for folder, folders, names in os.walk(directory):
        for path in (Path(folder, name) for name in (*folders, *names)):
            # Unlike `resolve`, `realpath` takes links that lead round in a circle.
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
                raise UserError(f"{path} is a link out of the run; put in its place what it leads to")


def _directories(root: Path) -> Iterator[Path]:
    for pattern in ("*/*", "*/*/*"):
        for config in sorted(root.glob(f"{pattern}/{layout.CONFIG}")):
            if config.is_file():
                yield config.parent


def _tails(path: Path) -> list[str]:
    """Return a/b/c, b/c and c for a/b/c."""
    return ["/".join(path.parts[start:]) for start in range(len(path.parts))]


def _is_path(name: str) -> bool:
    """Tell whether `name` can only be a path: a directory that is there, ./x, ../x, ~/x or /x."""
    return name.startswith((".", "~", os.sep)) or os.path.isdir(name)


def _latest(root: Path, finished: bool) -> Path:
    found = records(root)
    if not found:
        raise UserError(f"there is no run in {root}; attnrun train makes one")
    fitting = (record.directory for record in found if not finished or record.status == "done")
    newest = next(fitting, None)
    if newest is None:
        raise UserError(
            f"no run in {root} is finished; the newest, {found[0].directory}, is {found[0].status}"
        )
    return newest


def _not_a_run(path: Path) -> str:
    what = f"has no {layout.CONFIG}, so it is no run" if path.is_dir() else "is not a directory"
    inside = [child.name for child in sorted(path.glob("*")) if is_run(child)] if path.is_dir() else []
    return f"{path} {what}" + (f"; it holds {', '.join(inside[:8])}" if inside else "")


def ambiguous(name: str, what: str, found: Sequence[Path]) -> str:
    """Return the message for a name that several have; `what` they are."""
    shown = ", ".join(str(path) for path in found[:8]) + (", …" if len(found) > 8 else "")
    return f"{name!r} means {len(found)} {what}: {shown}; write more of one's name"


def _missing(root: Path, name: str, runs: list[Path]) -> str:
    if not runs:
        return f"no run {name!r}: there is no run in {root}"
    return f"no run {name!r} in {root}{suggest(name, {'latest', *(path.name for path in runs)}, limit=8)}"
