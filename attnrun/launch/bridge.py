"""From the command line's words through `hydra.main` to jobs, and back to their reports."""

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from attnrun.errors import UserError
from attnrun.launch.explain import explained, search_path
from attnrun.launch.hydra_words import check_words, of_each_job
from attnrun.launch.job import Job, Report
from attnrun.launch.plugins import of_plugins
from attnrun.launch.quoting import quote, read_value
from attnrun.launch.share import at_once, limit_words, plugin_of
from attnrun.launch.standing import Standing, standing
from attnrun.launch.sweep import NOTES, Asked, SweepRecord, asked_for, directory_of, note_name
from attnrun.launch.targets import check_trust
from attnrun.runs.files import read_json


def launch(
    experiment: str,
    overrides: Sequence[str],
    flags: Sequence[str] = (),
    *,
    trust: tuple[str, ...] = (),
    config_dir: Path | None = None,
) -> list[Report]:
    """Run the job that the overrides and Hydra's own flags ask for; report it as it ended.

    The list is empty where the words only ask to show something (`--cfg`, `--info`).
    `flags` are `--cfg=job` and their like; `--experimental-rerun`, which loads a pickle, is not to be among
    them.

    Raises UserError where nothing can be composed, Interrupted where a signal ends the job.
    """
    with tempfile.TemporaryDirectory(prefix="attnrun-") as outbox:
        words = of_each_job(overrides) if "--multirun" in flags else overrides
        _call_hydra(Job(outbox, trust, config_dir), experiment, words, flags, overrides)
        found = read_json(Path(outbox) / "job.json")
    return [Report(**found)] if found else []


@dataclass(frozen=True)
class Call:
    """One call of a sweep: its words, its place, and the job that each of them asks for."""

    experiment: str
    words: list[str]
    sweep: SweepRecord
    asked: Asked
    job: Job

    def run(self) -> list[Report]:
        """Run what is missing; report all jobs, in their order.

        Raises UserError where nothing can be composed, Interrupted where a signal ends the jobs.
        """
        place = f"hydra.sweep.dir={quote(str(self.sweep.directory.absolute()))}"  # a job may run elsewhere
        config_dir = self.job.config_dir
        with explained(self.experiment, self.words, config_dir):
            words = of_plugins(self.experiment, self.words, self.job.trust, config_dir)
        words += [*of_each_job(self.words), place, f"hydra.sweep.subdir={NOTES}"]
        self.sweep.ask(self.experiment, self.asked)
        try:
            _call_hydra(self.job, self.experiment, words, ["--multirun"], self.words)
        finally:
            self.job.stop.unlink(missing_ok=True)
        return self.reports()

    def standing(self, before: Mapping[str, Standing]) -> dict[str, Standing]:
        """Return how the jobs of this call stand, as `standing` does for all of the sweep."""
        jobs = standing(self.sweep, before)
        return {name: job for name, job in jobs.items() if self.asked.jobs is None or name in self._names}

    def reports(self) -> list[Report]:
        """Return the jobs of this call that have ended, in their order; another call may have told of one."""
        found = {name: Report(**report) for name, report in self.sweep.reports().items()}
        ended = {name: report for name, report in found.items() if report.status != "running"}
        if self.asked.jobs is not None:
            return [ended[name] for name in self._names if name in ended]
        own = (report for report in ended.values() if report.call == self.job.call)
        return sorted(own, key=lambda report: report.number)

    @cached_property
    def _names(self) -> dict[str, None]:
        """The names of the notes of the jobs asked for, in their order."""
        return dict.fromkeys(map(note_name, self.asked.jobs or ()))


def prepare_sweep(
    experiment: str,
    overrides: Sequence[str],
    *,
    name: str | None = None,
    limit: int | None = None,
    fail_fast: bool = False,
    trust: tuple[str, ...] = (),
    config_dir: Path | None = None,
) -> Call:
    """Read the words of a sweep, of which at most `limit` jobs are to run at once.

    Raises UserError for words that belong to no sweep, and a name or limit that cannot be.
    """
    given = [word for word in overrides if word.startswith("hydra.sweep.")]
    if wrong := [word for word in given if not word.startswith("hydra.sweep.dir=") or "${" in word]:
        raise UserError(f"{wrong[0]!r}: a sweep has a directory for each job; choose its own by --name")
    asked = asked_for(experiment, overrides)
    sweep = SweepRecord(_place(given[-1]) if given else directory_of(experiment, asked, name, config_dir))
    jobs = None if asked.jobs is None else len(asked.jobs)
    if jobs == 0:
        raise UserError("there is no job in this sweep; one of its values is an empty list or range")
    words = limit_words([word for word in overrides if word not in given], limit)
    slots = limit or 0 if plugin_of("launcher", words) == "submitit_local" else 0
    together = at_once(words, limit, jobs)
    outbox = str(sweep.notes.absolute())
    caller = os.getpid() if plugin_of("launcher", words) == "joblib" else 0  # its workers outlive a kill
    job = Job(outbox, trust, config_dir, uuid.uuid4().hex, caller, together, slots, fail_fast)
    return Call(experiment, words, sweep, asked, job)


def _place(word: str) -> Path:
    """Return the directory that hydra.sweep.dir=… names; a number is a name like any other."""
    value = read_value(word)
    name = value if isinstance(value, str) else word.partition("=")[2]
    if not name:
        raise UserError(f"{word!r} names no directory")
    return Path(name)


def _call_hydra(
    job: Job, experiment: str, words: Sequence[str], flags: Sequence[str], own: Sequence[str]
) -> None:
    """Let Hydra compose and start the job; `own` are the user's words among those."""
    import hydra

    from attnrun.launch.config import version_base

    config_dir = job.config_dir and job.config_dir.absolute()  # a job may run elsewhere
    job = replace(job, config_dir=config_dir)
    check_trust(job.trust)
    check_words(own, job.trust)
    # Flags first: Hydra's parser takes no flag between two overrides.
    line = [*flags, f"experiment={experiment}", *search_path(config_dir, job.trust), *words]
    main = hydra.main(config_path="pkg://attnrun.configs", config_name="config", **version_base())
    with _command_line(line), explained(experiment, own, config_dir):
        main(job)()


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Let `hydra.main` read `words` as the command line, and raise its errors instead of printing them."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["attnrun", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error
