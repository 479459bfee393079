"""Which runs `attnrun compare` compares: read, counted once each, and put into groups."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import UserError, suggest
from attnrun.launch.labels import label
from attnrun.runs.alike import Configs
from attnrun.runs.board import is_number
from attnrun.runs.find import RunRecord
from attnrun.runs.sweeps import find_runs

if TYPE_CHECKING:
    from attnrun.analysis.comparing import Goal

_SHOWN = 8  # names in one line
_GOALS: dict[str, str] = {"seconds": "min"}  # of what is not among a run's own metrics


@dataclass(frozen=True)
class Member:
    """A finished run in a group; `rest` is what tells it from others there beside its seed."""

    record: RunRecord
    config: dict[str, Any]
    group: str = ""
    rest: tuple[tuple[str, str], ...] = ()

    @cached_property
    def result(self) -> dict[str, Any]:
        return self.record.result or {}

    @property
    def seed(self) -> int | str:
        seed = self.result.get("seed")
        return seed if isinstance(seed, int) else str(seed)

    @property
    def config_hash(self) -> str:
        return str(self.result.get("config_hash") or "")

    @cached_property
    def texts(self) -> dict[str, str]:
        """The metrics that are text, such as the signature of a score."""
        return {name: value for name, value in self._metrics.items() if isinstance(value, str)}

    @cached_property
    def figures(self) -> dict[str, float]:
        """The metrics that are finite numbers, and the seconds that the run took."""
        given = self._metrics | {"seconds": self.result.get("seconds")}
        return {name: float(value) for name, value in given.items() if is_number(value)}

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        metrics = self.result.get("metrics")
        return metrics if isinstance(metrics, dict) else {}


@dataclass
class Gathered:
    """Finished runs by group, and what there is to say of those that are not among them."""

    by: Sequence[str]
    members: list[Member] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)  # with what they are instead
    notes: list[str] = field(default_factory=list)

    @cached_property
    def groups(self) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = {}
        for member in self.members:
            found.setdefault(member.group, []).append(member)
        return found

    @cached_property
    def figures(self) -> list[str]:
        """The names of all numbers that some run gave."""
        return list(dict.fromkeys(name for member in self.members for name in member.figures))

    @cached_property
    def primary(self) -> tuple[str, str] | None:
        """The primary metric with its goal, None where the runs have several."""
        found = {member.record.primary for member in self.members}
        return found.pop() if len(found) == 1 else None

    def goal(self, metric: str) -> "Goal | None":
        """The goal of a metric, None where nothing tells it."""
        goal = dict(member.record.primary for member in self.members).get(metric, _GOALS.get(metric))
        return "min" if goal == "min" else "max" if goal == "max" else None

    def values(self, metric: str) -> dict[str, dict[Any, float]]:
        """The values of a metric by group, and by seed in each; groups without any are left out."""
        found: dict[str, dict[Any, float]] = {}
        for group, members in self.groups.items():
            given = [(member, member.figures[metric]) for member in members if metric in member.figures]
            if given:
                seen: Counter[Any] = Counter()
                found[group] = {}
                for member, value in given:
                    key = (member.seed, member.rest)
                    found[group][*key, seen[key]] = value
                    seen[key] += 1
        return found


def gather(
    root: Path, names: Sequence[str], by: Sequence[str] = (), config_dir: Path | None = None
) -> Gathered:
    """Return the finished runs among those that `names` mean, by the keys in which they differ, or by `by`.

    Raises UserError where none is finished, or a run or key is unknown.
    """
    places = {run.resolve(): run for name in names for run in find_runs(root, name)}
    gathered = Gathered(by)
    members = list(_done(places.values(), gathered))
    if not members:
        raise UserError(f"none of these runs is finished{_listed(gathered.left_out)}")
    kept = _newest(members, gathered)
    labels = label([member.config for member in kept], by, config_dir)
    for member, found in zip(kept, labels, strict=True):
        name = " ".join(found.words) or str(member.config.get("experiment"))
        gathered.members.append(Member(member.record, member.config, name, found.rest))
    gathered.notes += _pooled(gathered)
    gathered.notes += _twice(gathered)
    gathered.notes += _signatures(gathered)
    return gathered


def metric_goal(gathered: Gathered, metric: str | None, goal: "Goal | None") -> "tuple[str, Goal | None]":
    """Return the metric to compare by, the primary one where none is given, and its goal as far as known.

    Raises UserError for a metric that no run has, or where there are several primary ones.
    """
    if metric is None:
        if gathered.primary is None:
            names = sorted({member.record.primary[0] for member in gathered.members})
            raise UserError(
                f"these runs have several primary metrics: {', '.join(names)}; choose by --metric"
            )
        metric = gathered.primary[0]
    if metric not in gathered.figures:
        raise UserError(f"no run gave a finite {metric!r}{suggest(metric, gathered.figures)}")
    return metric, goal or gathered.goal(metric)


def named(paths: Iterable[Path]) -> str:
    """Return the paths in one line, the first few of many."""
    from attnrun.cli.tables import shown_path

    shown = list(map(shown_path, paths))
    return ", ".join(shown[:_SHOWN]) + (f", … ({len(shown)} in all)" if len(shown) > _SHOWN else "")


def _done(directories: Iterable[Path], gathered: Gathered) -> Iterable[Member]:
    """Yield the finished runs; a run that changes or goes meanwhile is left out."""
    configs = Configs()
    for directory in directories:
        record, status = RunRecord(directory), "unreadable"
        with suppress(UserError, OSError):
            config = configs.read(directory)
            status = record.status
            if status == "done":
                yield Member(record, config)
                continue
        gathered.left_out.append((directory, status))
    if gathered.left_out:
        gathered.notes.append(f"not compared{_listed(gathered.left_out)}")


def _listed(left_out: Sequence[tuple[Path, str]]) -> str:
    counts = Counter(status for _, status in left_out)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f": {told}: {named(path for path, _ in left_out)}" if left_out else ""


def _newest(members: Sequence[Member], gathered: Gathered) -> list[Member]:
    """Return the runs, of several of the same config the newest alone."""
    found: dict[Any, list[Member]] = {}
    for member in members:
        found.setdefault(member.config_hash or member.record.directory, []).append(member)
    older = list[Path]()
    for same in found.values():
        if len(same) > 1:
            same.sort(key=_started, reverse=True)
            older += [member.record.directory for member in same[1:]]
    if older:
        gathered.notes.append(f"of runs of the same config and seed the newest counts, not: {named(older)}")
    return [same[0] for same in found.values()]


def _started(member: Member) -> str:
    with suppress(OSError):
        return member.record.started.isoformat()
    return ""


def _pooled(gathered: Gathered) -> Iterable[str]:
    """Say in which keys runs differ that stand in one group."""
    keys = dict.fromkeys(
        key
        for members in gathered.groups.values()
        for key in _differing([dict(member.rest) for member in members])
    )
    if keys:
        shown = ", ".join(list(keys)[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
        yield f"--by {','.join(gathered.by)} puts runs into one group that differ in {shown}"


def _differing(rests: Sequence[dict[str, str]]) -> list[str]:
    keys = dict.fromkeys(key for rest in rests for key in rest)
    return [key for key in keys if len({rest.get(key) for rest in rests}) > 1]


def _twice(gathered: Gathered) -> Iterable[str]:
    for group, members in gathered.groups.items():
        counts = Counter((member.seed, member.rest) for member in members)
        if seeds := [seed for (seed, _), count in counts.items() if count > 1]:
            shown = ", ".join(map(str, seeds[:_SHOWN]))
            yield f"{group}: several runs of seed {shown} all count; a data file has changed between them"


def _signatures(gathered: Gathered) -> Iterable[str]:
    for name in dict.fromkeys(name for member in gathered.members for name in member.texts):
        found = {member.texts[name] for member in gathered.members if name in member.texts}
        if name.endswith("signature") and len(found) > 1:
            yield f"these figures are not comparable: {name} is {' or '.join(sorted(found)[:3])}"
