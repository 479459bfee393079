"""Where a training stands: everything, beside the weights, that resuming exactly needs; and how it ended."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kept = Literal["average", "best", "last"]  # which weights a training leaves to be used


@dataclass
class LoopState:
    """The counters of the loop; a checkpoint holds them as a plain dict.

    Attributes:
        step: batches seen so far.
        epoch: epochs finished; `position` batches of the next one are done.
        sums: loss sum and count of the running epoch; `recent` those since the last row.
        best: the evaluation that was best, with "step" and "epoch"; empty before the first.
        last: the newest evaluation.
        waited: evaluations since the best.
        skipped: steps in a row without a finite loss and gradient.
        stopped: why the training is over; empty while it is not.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])
    recent: list[float] = field(default_factory=lambda: [0.0, 0.0])
    best: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    waited: int = 0
    skipped: int = 0
    stopped: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, total: float, count: float) -> None:
        """Add the loss of one step to the running sums."""
        for sums in (self.sums, self.recent):
            sums[0] += total
            sums[1] += count

    def improved(self, value: float, name: str, goal: str) -> bool:
        """Tell whether `value` beats the best so far; NaN never does."""
        if math.isnan(value):
            return False
        if not self.best:
            return True
        before = float(self.best[name])
        return value < before if goal == "min" else value > before


@dataclass(frozen=True)
class FitResult:
    """How a training ended.

    Attributes:
        step, epoch: steps made and epochs finished.
        best: the metrics of the best evaluation, with its "step" and "epoch"; empty where none was best.
        last: the metrics of the last evaluation.
        stopped: `epochs`, `max_steps` or `patience`.
        average: the metrics of the averaged weights; empty without `trainer.average`.
        kept: what `load_best` gives: `average`, `best`, or `last` where nothing was compared.
    """

    step: int
    epoch: int
    best: dict[str, Any]
    last: dict[str, Any]
    stopped: str
    average: dict[str, Any]
    kept: Kept


def mean(sums: list[float]) -> float:
    """Return sum over count; NaN where nothing was counted."""
    return sums[0] / sums[1] if sums[1] else math.nan
