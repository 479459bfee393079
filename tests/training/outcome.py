"""What a training left behind that must not depend on interruptions, and whether two of it are equal."""

from pathlib import Path
from typing import Any

import torch

from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord


def outcome(directory: Path) -> dict[str, Any]:
    """Weights, optimiser and schedule, the state of the loop, and the rows of metrics but for their time."""
    found = load_newest(directory)
    rows = [{k: v for k, v in row.items() if k != "time"} for row in RunRecord(directory).metrics_rows()]
    return {"parts": found.state["parts"], "loop": found.state["loop"], "rows": rows}


def curves(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the curves that TensorBoard shows: steps and values by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory), {"scalars": 0}).Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def equal(one: object, other: object) -> bool:
    """Tell whether they are equal, tensors bit by bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(equal(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    return one == other
