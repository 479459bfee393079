"""How the jobs of a sweep stand: what was asked for, what was reported, and what the runs tell so far."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.launch.sweep import SweepRecord
from attnrun.runs import layout
from attnrun.runs.find import RunRecord, is_run
from attnrun.runs.rows import read_last_rows

STATES = ("running", "waiting", "interrupted", "done", "failed", "refused", "skipped")
ENDED = STATES[3:]  # an interrupted job may go on at any moment


@dataclass(frozen=True)
class Standing:
    """How one job stands.

    Attributes:
        words: its overrides.
        state: one of STATES; a job that was killed is interrupted.
        share: of its training that is done, None where that cannot be told.
        metric: the newest figure of its run by name; of one that is done the primary metric.
        seconds: that its run has taken.
    """

    words: list[str]
    state: str
    directory: str | None = None
    message: str = ""
    share: float | None = None
    metric: tuple[str, float] | None = None
    seconds: float | None = None

    def plain(self) -> dict[str, Any]:
        """Return the standing as plain data."""
        return asdict(self)


def standing(sweep: SweepRecord, before: Mapping[str, Standing] | None = None) -> dict[str, Standing]:
    """Return how each job stands by the name of its note, in the order in which they were asked for.

    What had ended `before`, which is what this function gave last, is not read again.
    """
    ended = {name: job for name, job in (before or {}).items() if job.state in ENDED}
    begun = ended | {name: _standing(report) for name, report in sweep.reports(ended).items()}
    waiting = {name: Standing(list(words), "waiting") for name, words in sweep.asked.items()}
    return waiting | begun


def counts(jobs: Iterable[Standing]) -> dict[str, int]:
    """Return how many jobs are in each state that there is."""
    states = [job.state for job in jobs]
    return {state: states.count(state) for state in STATES if state in states}


def _standing(report: dict[str, Any]) -> Standing:
    words, state, directory = list(report["overrides"]), report["status"], report["directory"]
    if not directory or not is_run(Path(directory)):
        return Standing(words, state, None, report["message"])
    record = RunRecord(Path(directory))
    if state == "running" and record.status != "running":
        state = "interrupted" if record.status == "interrupted" else "running"  # its report is on the way
    rows = read_last_rows(record.directory / layout.METRICS)
    result = record.result or {}
    seconds = result.get("seconds", rows[-1].get("time") if rows else None)
    share = 1.0 if state == "done" else _share(record, rows)
    return Standing(words, state, directory, report["message"], share, _metric(record, rows), seconds)


def _metric(record: RunRecord, rows: Sequence[dict[str, Any]]) -> tuple[str, float] | None:
    primary, _ = record.primary
    value = record.metrics.get(primary)
    if isinstance(value, int | float):
        return primary, float(value)
    for row in reversed(rows):
        found = [(name, row[name]) for name in row if name.startswith(("valid/", "train/loss"))]
        wanted = [one for one in found if one[0] == f"valid/{primary}"] or found
        if wanted and isinstance(wanted[0][1], int | float):
            return wanted[0][0], float(wanted[0][1])
    return None


def _share(record: RunRecord, rows: Sequence[dict[str, Any]]) -> float | None:
    """How much of the training is done, by the end that comes first."""
    trainer = None
    with suppress(UserError):  # a run that goes meanwhile
        trainer = record.config.get("trainer") if rows else None
    if not isinstance(trainer, dict):
        return None
    last = rows[-1]
    ends = ((last.get("step"), trainer.get("max_steps")), (last.get("epoch"), trainer.get("epochs")))
    shares = [now / end for now, end in ends if isinstance(now, int) and isinstance(end, int) and end > 0]
    return min(1.0, max(shares)) if shares else None
