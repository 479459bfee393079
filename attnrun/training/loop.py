"""The one training loop. An interrupted and resumed training equals an uninterrupted one, bit by bit.

What that rests on: the order of the data is a pure function of the seed and the epoch, so resuming is
slicing; every batch, step and evaluation starts its random numbers from a seed derived from (seed, kind,
position), so that no generator state has to be saved and nothing that draws numbers elsewhere (an
evaluation, a figure, a worker) can shift those of the training; all else is in the checkpoint.
"""

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.runs import signals
from attnrun.runs.device import compiled, keyed_seed, reseed
from attnrun.runs.run import Run
from attnrun.training import checkpoint
from attnrun.training.batches import Batches, iterate
from attnrun.training.distributed import Team, team_of_process
from attnrun.training.evaluation import Evaluation
from attnrun.training.keeping import Keeper
from attnrun.training.progress import Progress, make_progress
from attnrun.training.scaler import Scaler
from attnrun.training.state import FitResult, Kept, LoopState, mean
from attnrun.training.step import Loss, NonFinite, Overflow, Stepper
from attnrun.training.trainer import Trainer

__all__ = ["FitResult", "Trainer", "fit"]

MOST_SKIPPED = 100  # steps in a row: by then it is no longer a bad batch but a bad model

logger = logging.getLogger("attnrun")


def fit(
    run: Run,
    trainer: Trainer,
    *,
    model: nn.Module,
    optimiser: Optimizer,
    batches: Batches,
    loss: Loss,
    schedule: LRScheduler | None = None,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    monitor: tuple[str, str] | None = None,
    fingerprint: Mapping[str, str] | None = None,
    unit: str = "items",
    watch: Callable[[int], None] | None = None,
) -> FitResult:
    """Train `model` in place, on from the newest checkpoint of the run; at most one training a run.

    Args:
        model, optimiser, schedule: built alike each time; the model is on the run's device already.
        batches: the training data, of which each process of a team takes its part; `collate` draws random
            numbers, if any, from the global generators.
        loss: (batch on the device) to (sum, count); the gradient is that of sum / count.
        evaluate: metrics by name, called in evaluation mode without gradients; logged as valid/NAME.
        monitor: which metric of `evaluate` says what is best, and its goal "min" or "max"; by default
            the run's primary metric, if `evaluate` has one of that name.
        fingerprint: hashes of what the weights depend on, such as the vocabulary.
        unit: what the loss counts, for the display.
        watch: called with the step once an evaluation is logged, as `evaluate` is, to show more of the model.

    Raises:
        Interrupted: by a signal, after the step was finished and saved.
        Released: in all processes of a team but the first, once the training is over.
        RunFailed: a loss or gradient was not finite; the message names the first bad tensor.
        UserError: there are no batches, or the checkpoint has another fingerprint.
    """
    if evaluate is None:
        trainer.require_no_evaluations()
    team = team_of_process()
    scaler = Scaler() if run.runtime.precision == "float16" else None
    loss = compiled(loss) if run.runtime.compile else loss
    stepper = Stepper(model, optimiser, loss, run.autocast, trainer.clip_norm, scaler, team)
    parts = {"model": model, "optimiser": optimiser, "schedule": schedule, "scaler": scaler}
    keeper = Keeper(
        run=run,
        trainer=trainer,
        parts={name: part for name, part in parts.items() if part is not None},
        fingerprint=dict(fingerprint or {}),
        team=team,
    )
    loop = _Loop(
        run=run,
        trainer=trainer,
        stepper=stepper,
        batches=batches,
        schedule=schedule,
        evaluation=None if evaluate is None else Evaluation(run, model, evaluate, monitor, watch),
        keeper=keeper,
        team=team,
        state=keeper.restore(),
    )
    if not loop.state.stopped:
        total = trainer.total_steps(len(batches.order(loop.state.epoch)))
        progress = make_progress(total, loop.state.step, unit, run.quiet)
        with signals.StopRequest() as stop, closing(progress):
            loop.train(stop, progress)
    team.release()
    loop.average()
    reseed(keyed_seed(run.seed, "after", loop.state.step))
    return loop.result()


@dataclass(kw_only=True)
class _Loop:
    run: Run
    trainer: Trainer
    stepper: Stepper
    batches: Batches
    schedule: LRScheduler | None
    evaluation: Evaluation | None
    keeper: Keeper
    team: Team
    state: LoopState
    averaged: dict[str, float] = field(default_factory=dict)
    kept: Kept = "last"

    def train(self, stop: signals.StopRequest, progress: Progress) -> None:
        while not self.state.stopped:
            self._epoch(stop, progress)
            self._end_epoch(progress)
            if number := self.team.agreed(stop.taken() or 0):
                self._interrupted(number)

    def average(self) -> None:
        """Measure the mean of the last evaluated weights, and keep it where it beats the best ones.

        The loss tells, where there is one: of many evaluations the best by a metric of few samples, such as
        BLEU, is the luckiest too. The training is over by then: no checkpoint of it knows of this, and a
        resumed run makes it again.
        """
        state, number = self.state, self.trainer.average
        self.kept = "best" if state.best else "last"
        if number is None or self.evaluation is None:
            return
        self.averaged, weights = self.evaluation.measure_average(number, state.step)
        values = {f"average/{name}": value for name, value in self.averaged.items()}
        self.run.log(state.step, values, epoch=state.epoch)
        name, goal = ("loss", "min") if "loss" in self.averaged else self.evaluation.primary
        if state.improved(self.averaged[name], name, goal):
            checkpoint.save_average(self.run.directory, weights, step=state.step)
            self.kept = "average"

    def result(self) -> FitResult:
        state = self.state
        ends = state.step, state.epoch, dict(state.best), dict(state.last), state.stopped
        return FitResult(*ends, self.averaged, self.kept)

    def _epoch(self, stop: signals.StopRequest, progress: Progress) -> None:
        """Make the steps that are left of the running epoch, until max_steps."""
        state, run = self.state, self.run
        self.stepper.model.train()
        length = len(self.batches.order(state.epoch))
        if not length:
            raise UserError("there are no batches to train on")
        rest = iterate(
            self.batches,
            seed=run.seed,
            epoch=state.epoch,
            start=state.position,
            workers=run.runtime.data_workers,
            team=self.team,
        )
        with closing(rest):
            while state.position < length and not self.trainer.end(state.step, state.epoch):
                parts = islice(rest, self.trainer.accumulate)
                self._step([None if part is None else part.to(run.device) for part in parts], progress)
                if number := self.team.agreed(stop.taken() or 0):
                    self._save()
                    self._interrupted(number)
        self.stepper.check_weights()

    def _step(self, batches: list[Any], progress: Progress) -> None:
        state = self.state
        norm, rate = math.nan, float(self.stepper.optimiser.param_groups[0]["lr"])
        try:
            made = self.stepper.step(batches, keyed_seed(self.run.seed, "step", state.step, *self.team.key))
            state.add(made.total, made.count)
            state.skipped, norm = 0, made.norm
            progress.step(state.step + 1, state.epoch, made.total / max(made.count, 1), made.count)
        except NonFinite as error:
            self._skip(error)
        if self.schedule is not None:
            self.schedule.step()
        state.step, state.position = state.step + 1, state.position + len(batches)
        self.run.step = state.step
        if state.step % self.trainer.log_every == 0:
            self._log_step(norm, rate)
        if self.trainer.checkpoint_every and state.step % self.trainer.checkpoint_every == 0:
            self._save()

    def _skip(self, error: NonFinite) -> None:
        state = self.state
        state.skipped += 1
        if isinstance(error, Overflow):
            logger.info("step %d skipped: too large for float16; the loss is scaled by less", state.step + 1)
            return
        if self.trainer.non_finite == "stop" or state.skipped > MOST_SKIPPED:
            raise RunFailed(f"step {state.step + 1}: {error} is not finite") from error
        logger.warning("step %d skipped: %s is not finite", state.step + 1, error)
        self.run.warn("steps were skipped because their loss or gradient was not finite")

    def _log_step(self, norm: float, rate: float) -> None:
        """Log the mean loss since the last row; a skipped step has no gradient to tell of."""
        state = self.state
        values = {"train/learning_rate": rate}
        if state.recent[1]:
            values["train/loss"] = mean(state.recent)
        if not state.skipped:
            values["train/gradient_norm"] = norm
        self.run.log(state.step, values, epoch=state.epoch)
        state.recent = [0.0, 0.0]

    def _end_epoch(self, progress: Progress) -> None:
        state, trainer = self.state, self.trainer
        whole = state.position == len(self.batches.order(state.epoch))
        epoch = state.epoch + whole
        stopped = trainer.end(state.step, epoch)
        values = {"train/epoch_loss": mean(state.sums)} if state.sums[1] else {}
        due = stopped or epoch % trainer.evaluate_every == 0
        found = self.team.from_first(self._evaluation) if due else None
        self.team.require_same_weights(self.stepper.model)
        state.epoch, state.position, state.stopped = epoch, 0 if whole else state.position, stopped
        improved = False
        if self.evaluation is not None and found is not None:
            state.last = found
            values |= {f"valid/{name}": value for name, value in found.items()}
            improved = self._judge(self.evaluation)
        self.run.log(state.step, values, epoch=state.epoch)
        if self.evaluation is not None and found is not None and not self.team.rank:
            self.evaluation.look(state.step)
        progress.evaluated(state.step, state.epoch, values)
        state.sums = [0.0, 0.0]
        evaluated = found is not None
        if state.stopped or improved or not trainer.checkpoint_every or (evaluated and trainer.average):
            self._save(best=improved, evaluated=evaluated)

    def _evaluation(self) -> dict[str, float] | None:
        """Evaluate, with the counters as the last step left them: one that is interrupted is made again."""
        if self.evaluation is None:
            return None
        try:
            return self.evaluation.measure("evaluate", self.state.step)
        except Interrupted as error:
            self._save()
            self._interrupted(error.signal_number)

    def _judge(self, evaluation: Evaluation) -> bool:
        """Compare the newest evaluation with the best; return whether it is the new best."""
        name, goal = evaluation.primary
        state, patience = self.state, self.trainer.patience
        if name not in state.last:
            if evaluation.monitor or patience or self.trainer.average:
                raise ValueError(f"no metric {name!r} among those of the evaluation: {', '.join(state.last)}")
            return False
        if state.improved(state.last[name], name, goal):
            state.best, state.waited = {**state.last, "step": state.step, "epoch": state.epoch}, 0
            return True
        state.waited += 1
        if patience and state.waited >= patience and not state.stopped:
            state.stopped = "patience"
        return False

    def _save(self, best: bool = False, evaluated: bool = False) -> None:
        self.stepper.check_weights()
        self.keeper.save(self.state, best, evaluated)

    def _interrupted(self, number: int) -> NoReturn:
        raise Interrupted(f"interrupted by {signals.name(number)} after step {self.state.step}", number)
