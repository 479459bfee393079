"""The settings of the training loop."""

from dataclasses import dataclass
from typing import Literal

from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat, PositiveInt


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """How long to train, and what to do on the way.

    Attributes:
        epochs, max_steps: where to stop, whichever comes first; at least one is given.
        accumulate: batches a step; the last step of an epoch may have fewer.
        clip_norm: largest norm of the whole gradient.
        evaluate_every: epochs between evaluations; there is one at the end in any case.
        checkpoint_every: steps between checkpoints; None for one each epoch.
        log_every: steps between rows of metrics.
        patience: evaluations without a better one before the training stops.
        average: last evaluations whose weights are averaged at the end; the mean is kept where its validation
            loss is less than that of the best ones.
        keep: newest checkpoints that stay, beside the best.
        non_finite: what a NaN or infinite loss or gradient does; `skip` leaves that batch out.

    Raises:
        UserError: neither epochs nor max_steps is given.
    """

    epochs: PositiveInt | None = None
    max_steps: PositiveInt | None = None
    accumulate: PositiveInt = 1
    clip_norm: PositiveFloat | None = None
    evaluate_every: PositiveInt = 1
    checkpoint_every: PositiveInt | None = None
    log_every: PositiveInt = 10
    patience: PositiveInt | None = None
    average: PositiveInt | None = None
    keep: PositiveInt = 2
    non_finite: Literal["stop", "skip"] = "stop"

    def __post_init__(self) -> None:
        if self.epochs is None and self.max_steps is None:
            raise UserError("a training needs an end: give trainer.epochs, trainer.max_steps or both")

    def require_no_evaluations(self) -> None:
        """Raise UserError where something rests on evaluations, in an experiment that makes none."""
        uses = {"patience": "counts evaluations", "average": "is over evaluations"}
        for name, use in uses.items():
            if getattr(self, name) is not None:
                raise UserError(f"trainer.{name} {use}, and this experiment makes none while it trains")

    def total_steps(self, batches: int) -> int:
        """Return how many steps a training makes that does not stop early, with `batches` an epoch."""
        if self.epochs is None:
            assert self.max_steps is not None
            return self.max_steps
        steps = self.epochs * -(-batches // self.accumulate)
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def end(self, step: int, epoch: int) -> str:
        """Return which limit is reached, by its name; empty for none."""
        if self.max_steps is not None and step >= self.max_steps:
            return "max_steps"
        if self.epochs is not None and epoch >= self.epochs:
            return "epochs"
        return ""
