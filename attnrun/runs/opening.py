"""What happens to a run directory when it is opened or thrown away."""

import logging
import shutil
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from attnrun.errors import UserError
from attnrun.runs import environment, layout
from attnrun.runs.files import read_json, write_durably, write_json
from attnrun.runs.log import LogFile

if TYPE_CHECKING:
    import torch

    from attnrun.runs.device import Runtime

logger = logging.getLogger("attnrun")


def has_checkpoints(directory: Path) -> bool:
    """Tell whether there is something to resume from."""
    return (directory / layout.CHECKPOINTS / layout.MANIFEST).exists()


def names_of_others(directory: Path) -> set[str]:
    """Return the names of what lies in `directory` already and is no run's; it stays when a run is discarded.

    Raises UserError where a run would write over a file of somebody else.
    """
    if (directory / layout.IDENTITY).exists():
        return set()
    names = {path.name for path in directory.iterdir()}
    taken = names & {layout.CONFIG, layout.RESULT, layout.METRICS, layout.ENVIRONMENT}
    if taken:
        held = ", ".join(sorted(taken))
        raise UserError(f"{directory} is no run and holds {held} of something else; choose a new directory")
    return names


def remove_leftovers(directory: Path, others: set[str]) -> None:
    """Remove the temporary files of a killed writer; those of checkpoints are the checkpoints' own matter."""
    for folder in (".", layout.FIGURES, layout.SAMPLES, layout.EMBEDDINGS):
        for path in (directory / folder).glob("*.tmp.*"):
            if path.suffix[1:].isdigit() and not others & {path.name, folder}:
                path.unlink(missing_ok=True)


def check_identity(directory: Path, known: Collection[str]) -> None:
    """Raise UserError where `directory` holds a run of a configuration whose hash is not `known`."""
    found = read_json(directory / layout.IDENTITY)
    hashes = [found.get(name) for name in ("config_hash", "former_hash")] if isinstance(found, dict) else []
    if any(hashes) and not set(filter(None, hashes)) & set(known):
        changed = "another configuration, or its data file has changed since"
        raise UserError(f"{directory} was begun with {changed}; start a new run in another directory")


def write_identity(
    directory: Path,
    experiment: str,
    config_hash: str,
    seed: int,
    primary: tuple[str, str],
    former_hash: str = "",
) -> None:
    """Write run.json, once in the life of a run, and again where its end was moved.

    `former_hash` is of the configuration that config.yaml still holds, until it is written too.
    """
    before = read_json(directory / layout.IDENTITY)
    started = datetime.now(UTC).isoformat(timespec="microseconds")
    identity = {
        "experiment": experiment,
        "config_hash": config_hash,
        "seed": seed,
        "primary": {"name": primary[0], "goal": primary[1]},
        "started": before.get("started", started) if isinstance(before, dict) else started,
    }
    if former_hash:
        identity["former_hash"] = former_hash
    if identity != before:
        write_json(directory / layout.IDENTITY, identity)


def write_config(directory: Path, config: dict[str, Any]) -> None:
    """Write config.yaml, which makes `directory` a run directory."""
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    write_durably(directory / layout.CONFIG, text.encode())


def write_environment(directory: Path, device: "torch.device", runtime: "Runtime") -> str:
    """Write environment.json; return what differs from the one that was there, if it can change digits."""
    now = environment.describe(device, runtime)
    before = read_json(directory / layout.ENVIRONMENT)
    write_json(directory / layout.ENVIRONMENT, now)
    return _changes(before, now) if isinstance(before, dict) else ""


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    pairs = {"torch": (before.get("versions", {}).get("torch"), now["versions"].get("torch"))}
    pairs |= {key: (before.get(key), now[key]) for key in ("cpu", "device", "threads", "precision")}
    pairs["processes"] = (before.get("processes", 1), now["processes"])
    return ", ".join(f"{key} {old} -> {new}" for key, (old, new) in pairs.items() if old != new)


def start_log(path: Path) -> logging.Handler:
    """Send what attnrun logs to `path` too."""
    handler = LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    return handler


def stop_log(handler: logging.Handler) -> None:
    logger.removeHandler(handler)
    handler.close()


def remove_run(directory: Path, written: list[Path], others: set[str]) -> None:
    """Remove what a run wrote, and its directory unless something else (`others`: names in it) is there."""
    for path in written:
        path.unlink(missing_ok=True)
    for folder in {layout.FIGURES, layout.SAMPLES, layout.EMBEDDINGS, layout.CHECKPOINTS} - others:
        shutil.rmtree(directory / folder, ignore_errors=True)
    for name in layout.FILES:  # config.yaml first, which makes it a run
        if name not in others:
            (directory / name).unlink(missing_ok=True)
    with suppress(OSError):
        directory.rmdir()
