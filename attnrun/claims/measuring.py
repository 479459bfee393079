"""Measuring a claim over its seeds, and what then can be said of it."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any

import torch

from attnrun.analysis.comparing import Summary, summarise
from attnrun.claims.catalog import ReadClaim
from attnrun.claims.trial import Trial
from attnrun.claims.verdict import Judged, Verdict, judge, verdict
from attnrun.errors import RunFailed, UserError
from attnrun.runs.device import cores
from attnrun.runs.failures import one_line
from attnrun.runs.signals import ending_with


@dataclass(frozen=True)
class Measured:
    """A claim with the trials of its seeds, in their order."""

    claim: ReadClaim
    fast: bool
    trials: list[Trial]

    @property
    def figures(self) -> dict[str, list[float]]:
        """The values of each figure, one a seed."""
        return {name: [trial.figures[name] for trial in self.trials] for name in self.trials[0].figures}

    @property
    def summaries(self) -> dict[str, Summary]:
        """Mean, spread and interval of each figure."""
        return {name: summarise(values) for name, values in self.figures.items()}

    @property
    def columns(self) -> Sequence[str]:
        """How the names of those figures end that make a table; see `in_table`."""
        return self.trials[0].columns

    @property
    def judged(self) -> list[Judged]:
        """The conditions, each with what the seeds say of it."""
        return [judge(condition, self.figures) for condition in self.claim.conditions]

    @property
    def verdict(self) -> Verdict:
        """What all conditions together say."""
        return verdict(self.judged)

    def plain(self) -> dict[str, Any]:
        """Return everything as one JSON document."""
        claim = self.claim.claim
        return {
            "claim": self.claim.name,
            "statement": claim.statement,
            "zh": claim.zh,
            "source": self.claim.entry.source,
            "form": "fast" if self.fast else "full",
            "seeds": len(self.trials),
            "verdict": self.verdict,
            "depends": claim.depends if self.verdict == "DEPENDS" else "",
            "conditions": [_condition(one) for one in self.judged],
            "figures": {
                name: plain_summary(found, claim.published.get(name))
                for name, found in self.summaries.items()
            },
            "columns": list(self.columns),
            "curves": [trial.curves for trial in self.trials] if self.trials[0].curves else [],
        }


def measure(
    claim: ReadClaim,
    fast: bool = False,
    seeds: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
    jobs: int = 1,
) -> Measured:
    """Measure a claim for the seeds 0, 1, …; `tell` hears of each that is done, and of how many there are.

    `jobs` seeds at once, each in a process of its own, unless the claim measures time.

    Raises:
        UserError: a condition is about a figure that the function does not give.
        RunFailed: the function fails, or one of the processes dies.
    """
    count = seeds or claim.seeds(fast)
    work = partial(_called, claim, keys=claim.keys(fast))
    trials: list[Trial] = []
    tell(0, count)
    try:
        for trial in _side_by_side(work, count, 1 if claim.claim.timed else min(jobs, count)):
            trials.append(_checked(claim, trial, trials))
            tell(len(trials), count)
    except BrokenProcessPool:
        died = f"a process died that measured seed {len(trials)} or a later one"
        raise RunFailed(f"claim {claim.name}: {died}, for want of memory perhaps; try fewer --jobs") from None
    return Measured(claim, fast, trials)


def in_table(names: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the names ROW_COLUMN that are cells of a table: row -> column -> name."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for column in columns:
            if name.endswith(f"_{column}"):
                found.setdefault(name.removesuffix(f"_{column}"), {})[column] = name
    return {row: cells for row, cells in found.items() if len(cells) == len(columns)}


def _side_by_side(work: Callable[[int], Any], count: int, jobs: int) -> Iterator[Any]:
    """The work of each seed, in their order; of an interruption the processes hear themselves."""
    seeds = iter(range(count))
    if jobs == 1:
        yield from map(work, seeds)
        return
    share = max(1, cores() // jobs), os.getpid()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        begun = deque(pool.submit(_in_process, work, seed, *share) for seed in islice(seeds, jobs))
        while begun:
            yield begun.popleft().result()
            begun.extend(pool.submit(_in_process, work, seed, *share) for seed in islice(seeds, 1))


def _in_process(work: Callable[[int], Any], seed: int, threads: int, parent: int) -> Any:
    torch.set_num_threads(threads)
    with ending_with(parent):
        return work(seed)


def _called(claim: ReadClaim, seed: int, *, keys: dict[str, Any]) -> Any:
    try:
        return claim.function(seed, **keys)
    except (UserError, RunFailed):
        raise
    except Exception as error:  # whatever a function of the user's own does wrong
        reason = one_line(error, {})
        raise RunFailed(
            f"claim {claim.name}: {claim.claim.measure} fails for seed {seed}: {reason}"
        ) from error


def _checked(claim: ReadClaim, trial: Any, before: Sequence[Trial]) -> Trial:
    if not isinstance(trial, Trial) or not trial.figures:
        raise UserError(f"claim {claim.name}: {claim.claim.measure} gives no Trial with figures")
    if wrong := [name for name, value in trial.figures.items() if not isinstance(value, int | float)]:
        raise UserError(f"claim {claim.name}: the figure {wrong[0]!r} is no number")
    for what in ("figures", "curves"):
        if before and set(getattr(trial, what)) != set(getattr(before[0], what)):
            raise UserError(f"claim {claim.name}: the {what} of two seeds have different names")
    if not before:
        for condition in claim.conditions:
            judge(condition, {name: [value] for name, value in trial.figures.items()})
    return trial


def _condition(one: Judged) -> dict[str, Any]:
    condition = one.condition
    return {"when": condition.name, "condition": condition.text, "state": one.state, "margin": one.margin}


def plain_summary(found: Summary, published: float | None) -> dict[str, Any]:
    """Return a figure beside what was published as a part of a JSON document."""
    return {
        "mean": found.mean,
        "sd": found.deviation,
        "interval": found.interval,
        "published": published,
    }
