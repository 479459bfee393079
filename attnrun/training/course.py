"""How an experiment trains any model: the config keys of it, and the weights that are kept in the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from attnrun.ranges import PositiveInt
from attnrun.runs.checkpoints import load_best
from attnrun.runs.run import Run
from attnrun.training.batches import Batches
from attnrun.training.loop import Trainer, fit
from attnrun.training.step import Loss


@dataclass(frozen=True, kw_only=True)
class Course:
    """The config keys that say how a model is trained; `eval_batch_size` counts examples."""

    optim: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    trainer: Trainer
    eval_batch_size: PositiveInt = 128


class Watch(Protocol):
    """Who looks at a model while it trains, and writes down what there is to see."""

    def evaluated(self, step: int) -> None:
        """Look, after an evaluation."""

    def ended(self) -> None:
        """Look at the weights that are kept in the end."""


def fit_best(
    run: Run,
    course: Course,
    model: nn.Module,
    batches: Batches,
    *,
    loss: Loss,
    evaluate: Callable[[], Mapping[str, float]],
    fingerprint: Mapping[str, str],
    unit: str,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Train the model, which ends with the weights of the best evaluation, or their average.

    `loss` and the rest are those of `loop.fit`; `watch` looks only where `runtime.watch` says so. Returns
    which weights they are as {"weights": "best" or "average"} where `trainer.average` left it open, else
    nothing.
    """
    watch = watch if run.runtime.watch else None
    optimiser = course.optim(model.parameters())
    ended = fit(
        run,
        course.trainer,
        model=model,
        optimiser=optimiser,
        schedule=course.schedule(optimiser, course.trainer.total_steps(len(batches.order(0)))),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        fingerprint=fingerprint,
        unit=unit,
        watch=None if watch is None else watch.evaluated,
    )
    restore_best(model, run.directory)
    if watch is not None:
        watch.ended()
    return {} if course.trainer.average is None else {"weights": ended.kept}


def restore_best(model: nn.Module, directory: Path) -> None:
    """Give the model the weights that the training kept, and leave it in evaluation mode."""
    model.load_state_dict(load_best(directory)["model"])
    model.eval()
