"""The directory of a sweep: a run for each job, and a note of how each job stands.

    SWEEP/sweep.json        what was asked for
    SWEEP/jobs/NAME.json    the report of a job, NAME a digest of its words, from its start on
    SWEEP/HASH/             the run of a job, HASH that of its config

Whatever launcher starts the jobs, here or on other machines that share the disk, in whatever order: a job
whose run is finished is done, one that was interrupted goes on.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.launch.share import plugin_of
from attnrun.runs import layout
from attnrun.runs.files import read_json, remove_empty, write_json
from attnrun.runs.layout import OUTPUTS
from attnrun.runs.sweeps import find_sweep, newest_sweep

NOTES = "jobs"
_ELSEWHERE = ("hydra.", "hydra/", "runtime.", "runtime=", "resume=")  # words that change no result
# What a sweep leaves where no job has a run; all else there is somebody else's.
_OURS = (layout.SWEEP, "multirun.yaml", "optimization_results.yaml")
_OWN = re.compile(r"[0-9a-f]{16}\.json|[0-9a-f]{16}\.part\.\d+|slot-\d+|stop-[0-9a-f]{32}")
_LONGEST = 60  # letters of swept keys in a name


@dataclass(frozen=True)
class Asked:
    """What the words of a sweep ask for."""

    keys: list[str]  # that are swept
    fixed: list[str]  # the words that all jobs have
    jobs: list[list[str]] | None  # the words of each job, None where the sweeper is to find them


@dataclass(frozen=True)
class SweepRecord:
    """A sweep as its directory tells it."""

    directory: Path

    @property
    def notes(self) -> Path:
        """Where the notes are."""
        return self.directory / NOTES

    @property
    def asked(self) -> dict[str, list[str]]:
        """The words of all jobs that were ever asked for, by the names of their notes."""
        found = _read(self.directory / layout.SWEEP).get("jobs")
        return found if isinstance(found, dict) else {}

    def ask(self, experiment: str, asked: Asked) -> None:
        """Write down what is asked for now, beside what was before, and forget of that what went wrong."""
        new = {note_name(words): words for words in asked.jobs or ()}
        jobs = self.asked | new
        self.notes.mkdir(parents=True, exist_ok=True)
        for name in new:
            note = self.notes / f"{name}.json"
            if _read(note).get("status") not in ("done", "running"):  # which another call may have made
                note.unlink(missing_ok=True)
        write_json(self.directory / layout.SWEEP, {"experiment": experiment, "jobs": jobs})

    def reports(self, known: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the reports of jobs that have begun by the names of their notes, without those `known`."""
        paths = [path for path in sorted(self.notes.glob("*.json")) if path.stem not in known]
        return {path.stem: report for path in paths if (report := _read(path))}

    def remove_if_empty(self) -> None:
        """Remove what was written for a sweep of which no job has a run."""
        if not self.directory.is_dir() or any(self.directory.glob(f"*/{layout.CONFIG}")):
            return
        names = [path.name for path in self.notes.glob("*") if _OWN.fullmatch(path.name)]
        for path in (*(self.notes / name for name in names), *(self.directory / name for name in _OURS)):
            path.unlink(missing_ok=True)
        remove_empty(self.notes)
        remove_empty(self.directory)


def asked_for(experiment: str, words: Sequence[str]) -> Asked:
    """Read the words of a sweep as Hydra's own sweeper does."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_overrides([f"experiment={experiment}", *words])
        swept = [one for one in parsed if one.is_sweep_override()]
        fixed = [one for one in parsed if not one.is_sweep_override()]
        keys, plain = [one.get_key_element() for one in swept], [_word(one) for one in fixed]
        return Asked(keys, plain, _jobs(parsed, words))
    except HydraException:  # which Hydra is to report
        return Asked([], list(words), None)


def directory_of(experiment: str, asked: Asked, name: str | None, config_dir: Path | None) -> Path:
    """Return where a sweep lands: the same place for the same swept keys and the same fixed words.

    Other values of a swept key extend the sweep. Words that say where or how fast to compute do not count.

    Raises UserError for a name that is no plain one.
    """
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"--name {name!r}: a name is of letters, digits, '.', '_' and '-'")
    if name is None:
        told = [sorted(asked.keys), sorted(word for word in asked.fixed if not word.startswith(_ELSEWHERE))]
        digest = hashlib.sha256(json.dumps([*told, config_dir and str(config_dir)]).encode()).hexdigest()[:8]
        keys = "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", key) for key in sorted(asked.keys))[:_LONGEST]
        name = f"sweep-{keys}-{digest}" if keys else f"sweep-{digest}"
    return OUTPUTS / experiment / name


def note_name(words: Sequence[str]) -> str:
    """Return the name of a job's note: the same for the same words in any order."""
    return hashlib.sha256(json.dumps(sorted(words)).encode()).hexdigest()[:16]


def find_record(root: Path, name: str) -> SweepRecord:
    """Return the sweep that `name` means, as `find_sweep` takes it; `latest` is the one called for last.

    Raises UserError where there is none, or several.
    """
    newest = newest_sweep(root)
    if newest is None:
        raise UserError(f"there is no sweep in {root}; attnrun sweep makes one")
    found = newest if name == "latest" else find_sweep(root, name)
    if found is None:
        known = [path.parent.name for path in root.glob(f"*/*/{layout.SWEEP}")]
        raise UserError(f"no sweep {name!r} in {root}{suggest(name, known)}")
    return SweepRecord(found)


def _jobs(parsed: Sequence[Any], words: Sequence[str]) -> list[list[str]] | None:
    """The words of each job, None for a sweeper other than Hydra's own, and for values that it looks up."""
    from hydra.core.override_parser.types import Glob

    if plugin_of("sweeper", words) != "basic":
        return None
    if any(isinstance(one.value(), Glob) for one in parsed):
        return None
    axes = {  # of a key that is given twice the last word holds
        one.get_key_element(): _values(one) for one in parsed if not one.key_or_group.startswith("hydra")
    }
    return [list(job) for job in product(*axes.values())]


def _values(override: Any) -> list[str]:
    if not override.is_sweep_override():
        return [_word(override)]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def _word(override: Any) -> str:
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path)
    return found if isinstance(found, dict) else {}
