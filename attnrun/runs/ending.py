"""How a run ended whose own process can no longer say so."""

import time
from pathlib import Path

from attnrun.errors import UserError
from attnrun.runs.files import read_json
from attnrun.runs.find import RunRecord
from attnrun.runs.layout import ENVIRONMENT
from attnrun.runs.lock import RunLock
from attnrun.runs.result import Status, write_result

GONE = "another process of the training is gone"  # all that one of several knows, where it is so
_PATIENCE = 5.0  # seconds in which the system takes the lock from a killed process


def end_for(directory: Path, status: Status, message: str = "") -> None:
    """Write `result.json` of a run whose processes are gone, in place of what one of them may have said.

    `message` is among its warnings, in the place of `GONE`. A result that says done is of before, and stays:
    they had not opened the run yet. Raises UserError where somebody else writes the run by now.
    """
    lock = _lock(directory)
    try:
        record = RunRecord(directory)
        before, rows = record.result or {}, record.metrics_rows()
        if before.get("status") == "done":
            return
        environment = read_json(directory / ENVIRONMENT) or {}
        write_result(
            directory,
            status=status,
            experiment=record.experiment,
            config_hash=record.config_hash,
            seed=record.seed,
            metrics={},
            primary=record.primary,
            device=environment.get("device", ""),
            versions=environment.get("versions", {}),
            seconds=before.get("seconds", rows[-1]["time"] if rows else 0.0),
            warnings=[*(one for one in before.get("warnings", []) if one != GONE), *filter(None, [message])],
        )
    finally:
        lock.release()


def _lock(directory: Path) -> RunLock:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return RunLock(directory)
        except UserError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
