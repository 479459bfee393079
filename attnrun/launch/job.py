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

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.launch.config import Plan, check, to_plain

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

    def __call__(self, composed: Any) -> float:
        """Run the composed config; return the primary metric, NaN for a job that failed."""
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
        return float("nan") if report.primary is None else report.primary

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
) -> Report:
    """Check the resolved config, train in `directory`, and report; a directory where nothing ran is removed.

    A directory that already holds an unfinished run of the same config is continued. `overrides` are the
    words of the user in that config, some of which may name choices in `config_dir`, for messages.
    """
    from attnrun.runs.run import Run

    try:
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
        )
    except UserError as error:
        return _refused(error, directory)
    except OSError as error:
        return _refused(UserError(f"cannot write the run {directory}: {error.strerror or error}"), directory)
    with run:
        return _train(plan, run)


def _train(plan: Plan, run: "Run") -> Report:
    from attnrun.runs.opening import has_checkpoints

    where = str(run.directory)
    try:
        metrics = plan.module.train(plan.config, run)
        run.finish(metrics)
        return Report("done", 0, where, primary=metrics.get(plan.module.PRIMARY[0]))
    except UserError as error:
        if has_checkpoints(run.directory):  # what was trained is not thrown away
            return _failed(str(error), run)
        run.discard()
        return _refused(error, run.directory)
    except Interrupted as stop:
        run.interrupt()
        return Report("interrupted", stop.exit_code, where, str(stop))
    except Exception as error:
        log.error("%s", traceback.format_exc())
        message = str(error) if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
        return _failed(message, run)


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
