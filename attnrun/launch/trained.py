"""From a run directory back to the model it trained, and from a config to the run that trained it."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.launch.config import check
from attnrun.runs.find import RunRecord, records


def open_model(directory: Path, trust: tuple[str, ...] = ()) -> Any:
    """Return the model that was trained there, with `predict(inputs)` and `weights(inputs, layers, heads)`.

    One whose inputs are texts also has `unknown(inputs)`: their words that it does not know.

    Raises UserError where the run is not finished or is damaged, or its experiment predicts nothing.
    """
    from attnrun.runs.device import resolve_device
    from attnrun.runs.trained import TrainedRun

    record = RunRecord(directory)
    if record.status != "done":
        hint = f"; continue it: attnrun resume {directory}" if record.status == "interrupted" else ""
        raise UserError(f"the run {directory} is {record.status}, not finished{hint}")
    plan = check(record.config, trust)
    if not hasattr(plan.module, "load"):
        raise UserError(f"experiment {plan.common.experiment!r} has no model that predicts")
    try:  # on the best device that is here: a run may come from another machine
        return plan.module.load(TrainedRun(directory, plan.config, resolve_device("auto")))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        raise UserError(f"the run {directory} is damaged: {type(error).__name__}: {first_line}") from error


def newest_match(root: Path, config_hash: str, statuses: Collection[str] = ("done",)) -> Path | None:
    """Return the newest run below `root` of such a status whose config computes the same thing, or None."""
    matches = (record for record in records(root) if record.config_hash == config_hash)
    return next((record.directory for record in matches if record.status in statuses), None)
