"""One step of an optimiser: loss, gradient, clipping, and weights that stay finite."""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from attnrun.errors import RunFailed
from attnrun.runs.device import reseed

Loss = Callable[[Any], tuple[Tensor, Tensor | int]]


class NonFinite(Exception):
    """The loss or its gradient is NaN or infinite; the message names the first bad tensor."""


@dataclass
class Stepper:
    """Makes steps: the gradient is that of loss sum over count, clipped to a norm of `clip_norm`.

    The optimiser gets a closure, since LBFGS asks for several gradients a step. Each of them is computed
    under the same seed, so that its line search sees one function, dropout and all.
    """

    model: nn.Module
    optimiser: Optimizer
    loss: Loss
    autocast: Callable[[], AbstractContextManager[object]]
    clip_norm: float | None = None

    def step(self, batch: Any, seed: int) -> tuple[float, float, float]:
        """Make one step; return loss sum, count and gradient norm as they were before it.

        Raises:
            NonFinite: nothing was changed, except that LBFGS forgot its history.
            RunFailed: the gradient was finite, and so large a step on it that a weight is no more.
        """
        seen: list[tuple[float, float, float]] = []

        def closure() -> Tensor:
            reseed(seed)
            mean, figures = self._gradient(batch)
            seen.append(figures)
            return mean

        if isinstance(self.optimiser, LBFGS):
            self._guarded_step(closure)
        else:
            self.optimiser.step(closure)  # type: ignore[arg-type]
            self._check_weights()
        return seen[0]

    def _gradient(self, batch: Any) -> tuple[Tensor, tuple[float, float, float]]:
        self.optimiser.zero_grad(set_to_none=True)
        with self.autocast():
            total, count = self.loss(batch)
        total = total.float() if total.dtype in (torch.bfloat16, torch.float16) else total
        count = torch.as_tensor(count, device=total.device, dtype=total.dtype)
        mean = total / count.clamp(min=1)
        torch.autograd.backward(mean)
        gradients = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
        norm = nn.utils.get_total_norm(gradients).to(total)
        # One transfer from the device for all the figures that Python needs.
        figures = torch.stack([total.detach(), count, norm]).tolist()
        if not (math.isfinite(figures[0]) and math.isfinite(figures[2])):
            raise NonFinite(first_bad(self.model, total.detach()))
        if self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self._parameters(), self.clip_norm, norm)
        return mean, (figures[0], figures[1], figures[2])

    def _check_weights(self) -> None:
        # The norm of all is quick to compute, and finite only where every weight is.
        norm = nn.utils.get_total_norm([parameter.detach() for parameter in self._parameters()])
        if not math.isfinite(float(norm)) and (bad := _first(self.model.named_parameters())):
            raise RunFailed(f"weight {bad} is not finite after a step on a finite gradient; lower optim.lr")

    def _guarded_step(self, closure: Callable[[], Tensor]) -> None:
        """Step by LBFGS, which moves the weights before it asks for a gradient: back again if it is bad."""
        before = [parameter.detach().clone() for parameter in self._parameters()]
        try:
            self.optimiser.step(closure)  # type: ignore[arg-type]
            if not all(bool(parameter.isfinite().all()) for parameter in self._parameters()):
                raise NonFinite(first_bad(self.model, torch.zeros(())))
        except NonFinite:
            with torch.no_grad():
                for parameter, value in zip(self._parameters(), before, strict=True):
                    parameter.copy_(value)
            self.optimiser.state.clear()
            raise

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]


def first_bad(model: nn.Module, loss: Tensor) -> str:
    """Return the name of the first tensor that is not finite: a weight, the loss, or a gradient."""
    named = list(model.named_parameters())
    weight = _first(named)
    if weight:
        return f"weight {weight}"
    if not bool(loss.isfinite().all()):
        return f"the loss ({float(loss)})"
    gradient = _first((name, parameter.grad) for name, parameter in named if parameter.grad is not None)
    return f"the gradient of {gradient}" if gradient else "the norm of the gradient"


def _first(named: Iterable[tuple[str, Tensor]]) -> str:
    return next((name for name, tensor in named if not bool(tensor.isfinite().all())), "")
