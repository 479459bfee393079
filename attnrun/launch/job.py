"""One job: a composed config in, a run directory and a report out, whatever happens in between."""

import json
import logging
import os
import traceback
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import Interrupted, UserError
from attnrun.launch.config import Plan, check, config_hash, to_plain
from attnrun.launch.resume import earlier, finished
from attnrun.runs.find import is_run, refuse_links
from attnrun.runs.lock import RunLock
from attnrun.runs.signals import StopAtOnce

if TYPE_CHECKING:
    from attnrun.runs.run import Run

log = logging.getLogger("attnrun")


@dataclass(frozen=True)
class Report:
    """How a job ended; `directory` is None where nothing ran."""

    status: str  # done, failed, refused or interrupted
    exit_code: int
    directory: str | None
    message: str = ""
    primary: float | None = None
    place: str = ""  # the directory that it was to have
    overrides: Sequence[str] = ()  # the user's, with this job's values of a sweep


@dataclass(frozen=True)
class Job:
    """What Hydra calls, here or wherever its launcher runs it; leaves one report a job in `outbox`.

    It raises nothing but an interruption, so that one failed job does not hide the others of a sweep.
    """

    outbox: str
    trust: tuple[str, ...] = ()
    config_dir: Path | None = None

    def __call__(self, composed: Any) -> float | None:
        """Run the composed config; return the primary metric, None for a job that failed.

        A NaN would end a study of Optuna's.
        """
        from hydra.core.hydra_config import HydraConfig

        directory = Path(HydraConfig.get().runtime.output_dir)
        words = list(HydraConfig.get().overrides.task)
        try:
            report = execute(to_plain(composed), directory, self.trust, words, self.config_dir)
        except UserError as error:
            report = _refused(error, directory)
        self._send(replace(report, overrides=words))
        if report.status == "interrupted":
            raise Interrupted(report.message, report.exit_code - 128)
        return report.primary

    def _send(self, report: Report) -> None:
        path = Path(self.outbox) / f"{uuid.uuid4().hex}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(report)), encoding="utf-8")
        os.replace(part, path)


def execute(
    plain: Mapping[str, Any],
    directory: Path,
    trust: tuple[str, ...] = (),
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    former_hash: str = "",
) -> Report:
    """Check the resolved config, train in `directory`, and report; a directory where nothing ran is removed.

    A directory that already holds an unfinished run of the same config is continued, or one of the config
    with `former_hash`; a finished run is left as it is. `overrides` are the words of the user in that
    config, some of which may name choices in `config_dir`, for messages.
    """
    with StopAtOnce():
        place = directory
        if plain.get("resume") == "auto" and not is_run(directory):
            place = earlier(plain, directory)
        if place != directory:
            _remove_empty(directory)
        try:
            # First of all: who comes second leaves before torch is imported.
            lock = _lock(place) if is_run(place) else None
        except UserError as error:
            return _refused(error, place)
        try:
            return _execute(plain, place, trust, overrides, config_dir, former_hash, lock)
        finally:
            if lock is not None:
                lock.release()


def _lock(run: Path) -> RunLock:
    refuse_links(run)  # the lock itself may be one
    return RunLock(run)


def _execute(
    plain: Mapping[str, Any],
    directory: Path,
    trust: tuple[str, ...],
    overrides: Sequence[str],
    config_dir: Path | None,
    former_hash: str,
    lock: RunLock | None,
) -> Report:
    from attnrun.runs.failures import one_line
    from attnrun.runs.run import Run

    try:
        if lock is not None and (primary := finished(directory, config_hash(plain))) is not None:
            return Report("done", 0, str(directory), f"{directory} is finished; nothing to do", primary)
        with StopAtOnce():  # a signal that tears an import is no fault of the config
            plan = check(plain, trust, overrides, config_dir)
            plan.require_fit()
        run = Run.open(
            directory,
            experiment=plan.common.experiment,
            config=plan.plain,
            config_hash=plan.config_hash,
            seed=plan.common.seed,
            runtime=plan.runtime,
            primary=plan.module.PRIMARY,
            lock=lock,
            former_hash=former_hash,
        )
    except UserError as error:
        return _refused(error, directory)
    except OSError as error:
        return _refused(UserError(f"cannot open the run {directory}: {one_line(error, {})}"), directory)
    with run:
        return _train(plan, run)


def _train(plan: Plan, run: "Run") -> Report:
    from attnrun.runs.failures import one_line
    from attnrun.runs.opening import has_checkpoints

    where = str(run.directory)
    try:
        with StopAtOnce():
            metrics = plan.module.train(plan.config, run)
        run.finish(metrics)
        return Report("done", 0, where, primary=metrics.get(plan.module.PRIMARY[0]))
    except UserError as error:
        if has_checkpoints(run.directory):  # what was trained is not thrown away
            return _failed(str(error), run)
        run.discard()
        return _refused(error, run.directory)
    except Interrupted as stop:
        with suppress(OSError):
            run.interrupt()
        state = (
            f"its state is saved in {where}" if has_checkpoints(run.directory) else "no state is saved yet"
        )
        return Report("interrupted", stop.exit_code, where, f"{stop}; {state}")
    except Exception as error:
        log.error("%s", traceback.format_exc())
        return _failed(one_line(error, plan.plain), run)


def _failed(message: str, run: "Run") -> Report:
    first_line = message.strip().split("\n")[0]
    with suppress(OSError):  # a full disk, for one: the message must still get out
        run.fail(first_line)
    return Report("failed", 1, str(run.directory), f"{first_line} (log: {run.directory / 'job.log'})")


def _refused(error: UserError, directory: Path) -> Report:
    _remove_empty(directory)
    return Report("refused", UserError.exit_code, None, str(error), place=str(directory))


def remove_sweep(directory: Path) -> None:
    """Remove what Hydra wrote for a sweep of which no job ran."""
    record = directory / "multirun.yaml"
    if [path.name for path in directory.glob("*")] == [record.name]:
        record.unlink()
        _remove_empty(directory)


def _remove_empty(directory: Path) -> None:
    """Remove the directory if it is empty, and its empty parents up to `outputs`."""
    names = [parent.name for parent in directory.parents]
    above = directory.parents[: names.index("outputs") + 1] if "outputs" in names else ()
    for place in (directory, *above):
        if place.is_dir():
            if any(place.iterdir()):
                break
            place.rmdir()
