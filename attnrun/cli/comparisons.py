"""Groups of runs compared, metric by metric, and as one document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from attnrun.analysis.comparing import LEVEL, POWER, RESAMPLES, Goal, Row, compare
from attnrun.cli.gathering import Gathered, Member, metric_goal, named

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Comparison:
    """The groups compared in one metric, the best first."""

    metric: str
    goal: Goal | None
    rows: list[Row]
    seeds: bool  # each value of a group is of a seed of its own
    notes: list[str] = field(default_factory=list)


def compared(
    gathered: Gathered, metric: str | None, goal: Goal | None, all_metrics: bool
) -> Iterator[Comparison]:
    """Yield the comparison by one metric, the primary one first of all where all are wanted.

    A metric that nothing says the goal of is compared with the group that is best by the primary one.
    """
    first, first_goal = metric_goal(gathered, metric, goal)
    main = _compared(gathered, first, first_goal, None)
    main.notes.extend(_without(gathered, first))
    yield main
    best = main.rows[0].name
    for name in gathered.figures if all_metrics else ():
        if name != first:
            yield _compared(gathered, name, gathered.goal(name), best)


def _compared(gathered: Gathered, metric: str, goal: Goal | None, reference: str | None) -> Comparison:
    groups = gathered.values(metric)
    rows = compare(groups, goal, reference if reference in groups else None)
    seeds = all(len({key[0] for key in values}) == len(values) for values in groups.values())
    return Comparison(metric, goal, rows, seeds)


def _without(gathered: Gathered, metric: str) -> Iterator[str]:
    missing = [member.record.directory for member in gathered.members if metric not in member.figures]
    if missing:
        yield f"without a finite {metric}, and so not counted: {named(missing)}"


def representatives(gathered: Gathered, one: Comparison) -> "list[Path]":
    """Return a run with a scored test set from each group that has one, of one seed if that can be."""
    scored = {
        row.name: [member for member in gathered.groups[row.name] if _has_test_set(member)]
        for row in one.rows
    }
    seeds = [{member.seed for member in members} for members in scored.values() if members]
    shared = set.intersection(*seeds) if seeds else set()
    first = min(shared, key=repr) if shared else None
    return [
        next((one for one in members if one.seed == first), members[0]).record.directory
        for members in scored.values()
        if members
    ]


def _has_test_set(member: Member) -> bool:
    directory = member.record.directory
    return "bleu_signature" in member.texts and (directory / "samples" / "test.jsonl").is_file()


def document(gathered: Gathered, found: Sequence[Comparison]) -> dict[str, Any]:
    """Return everything as one JSON document."""
    return {
        "level": LEVEL,
        "power": POWER,
        "resamples": RESAMPLES,
        "by": list(gathered.by),
        "notes": [*gathered.notes, *(note for one in found for note in one.notes)],
        "left_out": [{"run": str(path), "status": status} for path, status in gathered.left_out],
        "metrics": [_metric_document(gathered, one) for one in found],
    }


def _metric_document(gathered: Gathered, one: Comparison) -> dict[str, Any]:
    return {
        "name": one.metric,
        "goal": one.goal,
        "groups": [_group_document(gathered.groups[row.name], one.metric, row) for row in one.rows],
    }


def _group_document(members: Sequence[Member], metric: str, row: Row) -> dict[str, Any]:
    runs = [
        {"run": str(member.record.directory), "seed": member.seed, "value": member.figures[metric]}
        for member in members
        if metric in member.figures
    ]
    return {"group": row.name, **figures_of(row), "runs": runs}


def figures_of(row: Row) -> dict[str, Any]:
    """The figures of a group, unrounded; None where there are too few seeds for one."""
    low, high = row.summary.interval or (None, None)
    difference = row.difference
    below, above = (difference and difference.interval) or (None, None)
    return {
        "seeds": row.summary.count,
        "mean": row.summary.mean,
        "median": median(row.values),
        "sd": row.summary.deviation,
        "low": low,
        "high": high,
        "best": row.best,
        "difference": difference and difference.mean,
        "difference_low": below,
        "difference_high": above,
        "paired": difference and difference.paired,
        "decided": difference and difference.decided,
        "seeds_needed": difference and difference.needed,
    }
