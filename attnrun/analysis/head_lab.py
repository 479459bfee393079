"""How much each head is worth, and how many a model can do without.

Michel, Levy and Neubig 2019, Are Sixteen Heads Really Better than One?, sections 3 and 4.
T heads, B examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnrun.errors import UserError


@dataclass(frozen=True)
class Measured:
    """What a model is worth on the development part while some heads are silent."""

    silent: tuple[int, ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Lab:
    """A trained model on its development part, an experiment's `Development`.

    Attributes:
        metric, goal: by which the training chose, and whether "min" or "max" of it is best.

    Raises:
        UserError: the model has no attention.
    """

    development: Any
    metric: str
    goal: str

    def __post_init__(self) -> None:
        if not self.heads:
            raise UserError("this model has no attention, and so no heads")

    @property
    def heads(self) -> list[Any]:
        """The T heads, each with `side`, `layer` and `head`."""
        found: list[Any] = self.development.heads.heads
        return found

    def measure(self, silent: Sequence[int] = ()) -> Measured:
        """Return the metrics while the heads with these numbers put out zeros (section 3.2).

        Raises:
            UserError: the metric is none of the evaluation, or not a finite number.
        """
        import torch

        gates = self._ones()
        gates[list(silent)] = 0.0
        with torch.no_grad(), self.development.heads.gated(gates):
            metrics = dict(self.development.evaluate())
        if self.metric not in metrics:
            raise UserError(f"the training of this run did not choose by {self.metric}; it has no evaluation")
        if not isfinite(metrics[self.metric]):
            without = f" without {len(silent)} of its heads" if silent else ""
            raise UserError(
                f"{self.metric} of this model is {metrics[self.metric]}{without}; nothing compares"
            )
        return Measured(tuple(silent), metrics)

    def gradients(self) -> NDArray[np.float64]:
        """Return I_h = E_x |∂L(x) / ∂ξ_h| of each head (T,), divided by their ℓ2 norm in each layer.

        Section 4.1: x is an example, L(x) its loss, summed over what it counts, and ξ_h a gate on what the
        head found, which is 1.
        """
        import torch

        lab, total, count = self.development, torch.zeros(len(self.heads), dtype=torch.float64), 0
        for indices in lab.batches.sequential():
            gates = self._ones(len(indices)).requires_grad_()
            with torch.enable_grad(), lab.heads.gated(gates):
                loss, _ = lab.loss(lab.batches.collate(indices).to(lab.device))
            (slopes,) = torch.autograd.grad(loss, gates)  # (B, T)
            total, count = total + slopes.abs().double().sum(0).cpu(), count + len(indices)
        return self._by_layer(total.numpy() / count)

    def ablations(self) -> list[Measured]:
        """Return what the model is worth without each head, in their order."""
        return [self.measure([number]) for number in range(len(self.heads))]

    def lost(self, whole: Measured, other: Measured) -> float:
        """Return by how much `other` is worse in the metric; negative where it is better."""
        change = other.metrics[self.metric] - whole.metrics[self.metric]
        return change if self.goal == "min" else -change

    def prune(self, order: Sequence[int], steps: int) -> list[Measured]:
        """Silence the heads in this order, in so many equal shares: section 4.2. The first has all heads."""
        counts = sorted({round(step * len(order) / steps) for step in range(steps + 1)})
        return [self.measure(order[:count]) for count in counts]

    def _ones(self, *batch: int) -> Any:
        import torch

        weight = next(self.development.model.parameters())
        return torch.ones(*batch, len(self.heads), dtype=weight.dtype, device=self.development.device)

    def _by_layer(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        layers = [(head.side, head.layer) for head in self.heads]
        norms = {
            layer: float(np.linalg.norm([v for v, own in zip(values, layers, strict=True) if own == layer]))
            for layer in layers
        }
        return np.array([v / (norms[own] or 1.0) for v, own in zip(values, layers, strict=True)])


def by_gradient(slopes: NDArray[np.float64]) -> list[int]:
    """From `Lab.gradients` return the heads' numbers, the least important first; of equals the earlier."""
    return sorted(range(len(slopes)), key=lambda number: float(slopes[number]))


def by_ablation(lab: Lab, whole: Measured, ablated: Sequence[Measured]) -> list[int]:
    """From `Lab.ablations` return the same as `by_gradient`; the metric counts, then the loss."""
    return sorted(
        range(len(ablated)),
        key=lambda number: (lab.lost(whole, ablated[number]), ablated[number].metrics.get("loss", 0.0)),
    )


def removable(lab: Lab, curve: Sequence[Measured], tolerance: float) -> int:
    """Return how many heads can go before more than this share of the whole model's metric is lost.

    At least so many: it is the last point of the `curve` that `Lab.prune` measured before a first loss.
    """
    allowed = tolerance * abs(curve[0].metrics[lab.metric])
    kept = takewhile(lambda point: lab.lost(curve[0], point) <= allowed, curve)
    return max(len(point.silent) for point in kept)
