"""Runs that are there already: which one `resume=auto` goes on with, and how far one may be extended."""

import itertools
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.launch.config import Plan, check, config_hash
from attnrun.launch.quoting import read_value
from attnrun.launch.trained import newest_match
from attnrun.runs.find import RunRecord
from attnrun.runs.result import STATUSES

_ENDS = ("trainer.epochs", "trainer.max_steps")


def earlier(plain: Mapping[str, Any], directory: Path) -> Path:
    """Return the newest run of this very config that nobody writes now, `directory` where there is none.

    Looked through is the folder of the experiment in which `directory` lies, sweeps included.
    """
    folder = next((parent for parent in directory.parents if parent.name == plain["experiment"]), None)
    found = newest_match(folder.parent, config_hash(plain), STATUSES) if folder else None
    return found or directory


def finished(directory: Path, wanted_hash: str) -> float | None:
    """Return the primary metric (NaN for none) where the run there is done and of that config, else None."""
    record = RunRecord(directory)
    if record.config_hash != wanted_hash or (record.result or {}).get("status") != "done":
        return None
    primary = (record.result or {}).get("primary") or {}
    value = record.metrics.get(str(primary.get("name")))
    return float("nan") if value is None else float(value)


def changed(
    record: RunRecord, words: Sequence[str], trust: tuple[str, ...] = ()
) -> tuple[dict[str, Any], str]:
    """Return the config of a run with a later end or another runtime, and the hash of the one that it has.

    Raises UserError for a word that changes anything else, and where the run, trained on to that end, would
    not equal one that had it from the start.
    """
    if not words or record.status == "running":
        return record.config, ""
    plain = _with(record.config, words)
    _require_exact(record, check(record.config, trust), check(plain, trust))
    return plain, config_hash(record.config)


def _with(config: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    plain = deepcopy(dict(config))
    for word in words:
        key = word.partition("=")[0]
        if key not in _ENDS and not key.startswith("runtime."):
            known = [*_ENDS, *(f"runtime.{name}" for name in plain.get("runtime", {}))]
            raise UserError(
                f"a resumed run takes {', '.join(_ENDS)} and runtime.…, not {word!r}{suggest(key, known)}"
            )
        group, _, name = key.partition(".")
        node = plain.get(group) or {}
        before, value = node.get(name), read_value(word)
        if key in _ENDS and isinstance(before, int) and isinstance(value, int) and value < before:
            raise UserError(f"{word}: a run cannot end before its {key}={before}; start a new one")
        plain[group] = {**node, name: value}
    return plain


def _require_exact(record: RunRecord, before: Plan, after: Plan) -> None:
    old, new = (getattr(plan.config, "trainer", None) for plan in (before, after))
    rows = [row for row in record.metrics_rows() if "train/epoch_loss" in row]
    if old is None or new is None or (old.epochs, old.max_steps) == (new.epochs, new.max_steps):
        return
    fresh = f"start a new run: attnrun train {record.experiment} …"
    if not rows:
        raise UserError(f"{record.directory} has not finished an epoch yet; {fresh}")
    step, epoch = rows[-1]["step"], rows[-1]["epoch"]
    if record.status == "done" and not old.end(step, epoch):
        raise UserError(f"{record.directory} was stopped by trainer.patience, and would be again")
    if record.status == "done" and (old.end(step, epoch) == "max_steps" or epoch % new.evaluate_every):
        raise UserError(f"{record.directory} was evaluated where a longer run would not be; {fresh}")
    batches = rows[0]["step"] * old.accumulate  # of an epoch
    if _factors(before, old.total_steps(batches), step) != _factors(after, new.total_steps(batches), step):
        raise UserError(f"the schedule of {record.directory} depends on where the training ends; {fresh}")


def _factors(plan: Plan, total: int, steps: int) -> list[float]:
    """The learning rates of the steps so far, as factors of the optimiser's own."""
    import torch

    if not hasattr(plan.config, "schedule"):
        return []
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = plan.config.schedule(optimiser, total)
    if not hasattr(schedule, "lr_lambdas"):  # one of the user's own, which may depend on anything
        return [total]
    return [factor(step) for factor, step in itertools.product(schedule.lr_lambdas, range(steps + 1))]
