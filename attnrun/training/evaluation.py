"""Measuring a model while it trains, without a trace in the training itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnrun.runs import checkpoints, signals
from attnrun.runs.device import keyed_seed, reseed
from attnrun.runs.run import Run


@dataclass(frozen=True)
class Evaluation:
    """What is measured, and by which metric and goal ("min" or "max") two measurements are compared.

    `watch` writes to the run what else there is to see, called with the step.
    """

    run: Run
    model: nn.Module
    metrics: Callable[[], Mapping[str, float]]
    monitor: tuple[str, str] | None
    watch: Callable[[int], None] | None = None

    @property
    def primary(self) -> tuple[str, str]:
        """Name and goal of the metric to compare by: the monitor, else what the run reports first."""
        return self.monitor or self.run.primary

    def measure(self, kind: str, step: int) -> dict[str, float]:
        """Return the metrics, found in evaluation mode, under a seed of its own and without gradients.

        Raises:
            Interrupted: by a signal, at once.
        """
        reseed(keyed_seed(self.run.seed, kind, step))
        self.model.eval()
        try:
            with signals.StopAtOnce(), torch.no_grad(), self.run.autocast():
                return {name: float(value) for name, value in self.metrics().items()}
        finally:
            self.model.train()

    def look(self, step: int) -> None:
        """Let `watch` look at the model as `measure` does. A signal waits: what is shown is shown once."""
        if self.watch is None:
            return
        reseed(keyed_seed(self.run.seed, "watch", step))
        self.model.eval()
        try:
            with torch.no_grad(), self.run.autocast():
                self.watch(step)
        finally:
            self.model.train()

    def measure_average(self, number: int, step: int) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Return the metrics of the mean of the last `number` evaluated weights, and that mean.

        The model has the weights that it had, in the end.
        """
        trained = {name: value.clone() for name, value in self.model.state_dict().items()}
        mean = mean_weights(self.run, number)
        self.model.load_state_dict(mean)
        try:
            return self.measure("average", step), mean
        finally:
            self.model.load_state_dict(trained)


def mean_weights(run: Run, number: int) -> dict[str, Tensor]:
    """Return the mean of the weights of the last `number` evaluations (Vaswani et al. 2017, section 6.1).

    Summed in float64, in the order of the evaluations; whole numbers are those of the last.

    Raises:
        UserError: none of their checkpoints can be read.
    """
    count, last = 0, dict[str, Tensor]()
    sums = dict[str, Tensor]()
    for found in checkpoints.load_evaluated(run.directory, number, run.warn):
        count, last = count + 1, found["model"]
        for name, value in last.items():
            sums[name] = sums[name] + value.double() if name in sums else value.double()
    if not count:
        raise checkpoints.none_readable(run.directory)
    return {
        name: (sums[name] / count).to(value) if value.is_floating_point() else value
        for name, value in last.items()
    }
