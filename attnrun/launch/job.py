"""One job: a composed config in, a run directory and a report out, whatever happens in between."""

import json
import logging
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import Interrupted, UserError, first_line
from attnrun.launch.config import Plan, check, config_hash, to_plain
from attnrun.launch.resume import earlier, finished
from attnrun.launch.share import share_cores, slot
from attnrun.launch.sweep import note_name
from attnrun.runs import layout
from attnrun.runs.files import remove_empty
from attnrun.runs.find import is_run, refuse_links
from attnrun.runs.lock import RunBusy, RunLock
from attnrun.runs.signals import StopAtOnce, ending_with

if TYPE_CHECKING:
    from attnrun.runs.run import Run

log = logging.getLogger("attnrun")


@dataclass(frozen=True)
class Report:
    """How a job ended; `directory` is None where nothing ran."""

    status: str  # running, done, failed, refused, busy, skipped or interrupted
    exit_code: int
    directory: str | None
    message: str = ""
    primary: float | None = None
    overrides: Sequence[str] = ()  # the user's, with this job's values of a sweep
    number: int = 0  # of the job in its sweep
    call: str = ""  # the call of a sweep that it belongs to


@dataclass(frozen=True)
class Job:
    """What Hydra calls, here or wherever its launcher runs it; leaves one report a job in `outbox`.

    It raises nothing but an interruption, so that one failed job does not hide the others of a sweep.

    Attributes:
        outbox: a directory that the launching process reads.
        call: names the call of a sweep, "" for a single job.
        caller: the process that waits for the jobs, where they are to end with it; 0 for none.
        together: how many jobs of the sweep run at once on one machine, which share its cores.
        slots: how many may, where the launcher itself sees to no limit; 0 where it does.
        fail_fast: begin no job after one has failed.
    """

    outbox: str
    trust: tuple[str, ...] = ()
    config_dir: Path | None = None
    call: str = ""
    caller: int = 0
    together: int = 1
    slots: int = 0
    fail_fast: bool = False

    def __call__(self, composed: Any) -> float | None:
        """Run the composed config; return the primary metric, None for a job that failed.

        A NaN would end a study of Optuna's.
        """
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        words, directory = list(hydra.overrides.task), Path(hydra.runtime.output_dir)
        number = hydra.job.num if self.call else 0
        begun = Report("running", 0, None, overrides=words, number=number, call=self.call)
        with ending_with(self.caller), slot(Path(self.outbox), self.slots):
            report = self._report(composed, directory, begun)
        self._send(replace(report, overrides=words, number=number, call=self.call))
        if report.status == "interrupted":
            raise Interrupted(report.message, report.exit_code - 128)
        return report.primary

    @property
    def stop(self) -> Path:
        """The file that says, by being there, that no further job of the call is to begin."""
        return Path(self.outbox) / f"stop-{self.call}"

    def _report(self, composed: Any, directory: Path, begun: Report) -> Report:
        if self.fail_fast and self.stop.exists():
            return Report("skipped", 0, None)
        try:
            plain = to_plain(composed)
            if self.call:
                directory = directory.parent / config_hash(plain)
                self._send(replace(begun, directory=str(directory)))
                share_cores(plain, self.together)
            report = self._settled(plain, directory, begun.overrides)
        except UserError as error:
            report = refused(error, directory)
        if self.fail_fast and report.status in ("failed", "refused"):
            self.stop.touch()
        return report

    def _settled(self, plain: dict[str, Any], directory: Path, words: Sequence[str]) -> Report:
        """Execute; in a sweep a run that somebody else makes at the moment is waited for."""
        while True:
            quiet = bool(self.call)
            report = execute(plain, directory, self.trust, words, self.config_dir, quiet=quiet)
            if not self.call or report.status != "busy":
                return report
            time.sleep(1)

    def _send(self, report: Report) -> None:
        name = note_name(report.overrides) if self.call else "job"
        part = Path(self.outbox) / f"{name}.part.{os.getpid()}"
        part.write_text(json.dumps(asdict(report)), encoding="utf-8")
        os.replace(part, Path(self.outbox) / f"{name}.json")


def execute(
    plain: Mapping[str, Any],
    directory: Path,
    trust: tuple[str, ...] = (),
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    former_hash: str = "",
    quiet: bool = False,
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
            remove_empty(directory)
        try:
            # First of all: who comes second leaves before torch is imported.
            lock = _lock(place) if is_run(place) else None
        except UserError as error:
            return refused(error, place)
        try:
            return _execute(plain, place, trust, overrides, config_dir, former_hash, quiet, lock)
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
    quiet: bool,
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
        if plan.runtime.processes > 1:
            from attnrun.launch.ranks import train_by_several

            if lock is not None:
                lock.release()  # the first of the processes takes it
            return train_by_several(plan, directory, trust, former_hash, quiet)
        run = open_run(Run, plan, directory, former_hash, quiet, lock)
    except UserError as error:
        return refused(error, directory)
    except OSError as error:
        return refused(UserError(f"cannot open the run {directory}: {one_line(error, {})}"), directory)
    with run:
        return train(plan, run)


def open_run(
    kind: "type[Run]",
    plan: Plan,
    directory: Path,
    former_hash: str = "",
    quiet: bool = False,
    lock: RunLock | None = None,
) -> "Run":
    """Open `directory` as a run of that kind and plan.

    Raises UserError as `Run.open` does, OSError where the directory cannot be written.
    """
    return kind.open(
        directory,
        experiment=plan.common.experiment,
        config=plan.plain,
        config_hash=plan.config_hash,
        seed=plan.common.seed,
        runtime=plan.runtime,
        primary=plan.module.PRIMARY,
        quiet=quiet,
        lock=lock,
        former_hash=former_hash,
    )


def train(plan: Plan, run: "Run") -> Report:
    """Train in an open run, and say in it and in the report how that ended."""
    from attnrun.runs.failures import one_line
    from attnrun.runs.opening import has_checkpoints

    try:
        with StopAtOnce():
            metrics = plan.module.train(plan.config, run)
        run.finish(metrics)
        return Report("done", 0, str(run.directory), primary=metrics.get(plan.module.PRIMARY[0]))
    except UserError as error:
        if has_checkpoints(run.directory):  # what was trained is not thrown away
            return _failed(str(error), run)
        run.discard()
        return refused(error, run.directory)
    except Interrupted as stop:
        with suppress(OSError):
            run.interrupt()
        return interrupted(stop, run.directory)
    except Exception as error:
        log.error("%s", traceback.format_exc())
        return _failed(one_line(error, plan.plain), run)


def _failed(message: str, run: "Run") -> Report:
    line = first_line(message)
    with suppress(OSError):  # a full disk, for one: the message must still get out
        run.fail(line)
    return failed(line, run.directory)


def failed(message: str, directory: Path) -> Report:
    """Report that the run in `directory` failed."""
    return Report("failed", 1, str(directory), f"{message} (log: {directory / layout.LOG})")


def interrupted(stop: Interrupted, directory: Path) -> Report:
    """Report that the run in `directory` was interrupted."""
    from attnrun.runs.opening import has_checkpoints

    state = f"its state is saved in {directory}" if has_checkpoints(directory) else "no state is saved yet"
    return Report("interrupted", stop.exit_code, str(directory), f"{stop}; {state}")


def refused(error: UserError, directory: Path) -> Report:
    """Report that nothing ran in `directory`, which goes where it is empty."""
    remove_empty(directory)
    status = "busy" if isinstance(error, RunBusy) else "refused"
    return Report(status, UserError.exit_code, None, str(error))
