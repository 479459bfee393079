"""One step of an optimiser: loss, gradient, clipping, and weights that stay finite."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from attnrun.errors import RunFailed
from attnrun.runs.device import reseed
from attnrun.training.distributed import ALONE, Team
from attnrun.training.scaler import Scaler

Loss = Callable[[Any], tuple[Tensor, Tensor | int]]


class NonFinite(Exception):
    """The loss or its gradient is NaN or infinite; the message names the first bad tensor."""


class Overflow(NonFinite):
    """The gradient left the range of float16; the loss will be scaled up by less from now on."""


@dataclass(frozen=True)
class Figures:
    """Loss sum, count and gradient norm of a step, as they were before it."""

    total: float
    count: float
    norm: float


@dataclass
class Stepper:
    """Makes steps: the gradient is that of loss sum over count, clipped to a norm of `clip_norm`.

    The sums are over all batches of the step, so that several count as one that holds them all.

    The optimiser gets a closure, since LBFGS asks for several gradients a step. Each of them is computed
    under the same seed, so that its line search sees one function, dropout and all.
    """

    model: nn.Module
    optimiser: Optimizer
    loss: Loss
    autocast: Callable[[], AbstractContextManager[object]]
    clip_norm: float | None = None
    scaler: Scaler | None = None
    team: Team = ALONE
    _unseen: bool = False  # a step was made since the weights were last looked at

    def step(self, batches: Sequence[Any], seed: int) -> Figures:
        """Make one step on all batches, those of the other processes of the team included.

        A batch of which nothing is this process's is None. What is raised is raised in all processes alike.

        Raises:
            NonFinite: nothing was changed, except that LBFGS forgot its history.
            Overflow: the same, and a smaller scale of the loss may help.
            RunFailed: the step before had a finite gradient, and was so large that a weight is no more.
        """
        seen: list[Figures] = []

        def closure() -> Tensor:
            reseed(seed)
            mean, figures = self._gradient(batches)
            seen.append(figures)
            return mean

        if isinstance(self.optimiser, LBFGS):
            self._guarded_step(closure)
        else:
            self.optimiser.step(closure)  # type: ignore[arg-type]
            self._unseen = True
        if self.scaler is not None:
            self.scaler.succeeded()
        return seen[0]

    def check_weights(self) -> None:
        """Raise RunFailed where the last step left a weight that is not finite; the next step looks, too."""
        if self._unseen:
            self._judge_weights(float(self._weight_norm()))

    def _gradient(self, batches: Sequence[Any]) -> tuple[Tensor, Figures]:
        self.optimiser.zero_grad(set_to_none=True)
        total, count, divisor = self._backward(batches)
        if self.team.size > 1:
            total, count, divisor = self._with_others(total, count, divisor)
        gradients = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
        if divisor is not None:
            torch._foreach_mul_(gradients, divisor / count.clamp(min=1))
        if self.scaler is not None:
            torch._foreach_mul_(gradients, 1 / self.scaler.scale)
        norm = nn.utils.get_total_norm(gradients).to(total)
        # One transfer from the device for all the figures that Python needs.
        numbers = torch.stack([total, count, norm, self._weight_norm().to(total)]).tolist()
        self._judge_weights(numbers[3])
        figures = Figures(*numbers[:3])
        if not (math.isfinite(figures.total) and math.isfinite(figures.norm)):
            self._refuse(total)
        if self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self._parameters(), self.clip_norm, norm)
        return total / count.clamp(min=1), figures

    def _backward(self, batches: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Add up the gradients of the loss sums, and return loss sum, count, and what each was divided by.

        That is the first batch's count, since that of all is known in the end alone; None where both are one.
        """
        totals, counts = [], []
        for batch in batches:
            if batch is None:
                continue
            with self.autocast():
                total, count = self.loss(batch)
            total = total.float() if total.dtype in (torch.bfloat16, torch.float16) else total
            counts.append(torch.as_tensor(count, device=total.device, dtype=total.dtype))
            mean = total / counts[0].clamp(min=1)
            torch.autograd.backward(mean if self.scaler is None else mean * self.scaler.scale)
            totals.append(total.detach())
        if not totals:
            nothing = torch.zeros_like(self._parameters()[0]).sum()
            return nothing, nothing, None
        if len(totals) == 1:
            return totals[0], counts[0], None
        return torch.stack(totals).sum(), torch.stack(counts).sum(), counts[0].clamp(min=1)

    def _with_others(
        self, total: Tensor, count: Tensor, divisor: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `_backward`, for the whole team: gradients of the loss sums themselves, divided by one."""
        mine = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
        if mine:
            torch._foreach_mul_(mine, count.clamp(min=1) if divisor is None else divisor)
        total, count = self.team.add_up(self._parameters(), total, count)
        return total, count, torch.ones_like(count)

    def _refuse(self, total: Tensor) -> NoReturn:
        bad = first_bad(self.model, total)
        if self.scaler is not None and bool(total.isfinite()) and self.scaler.reduced():
            raise Overflow(bad)
        raise NonFinite(bad)

    def _weight_norm(self) -> Tensor:
        # The norm of all is quick to compute, and finite only where every weight is.
        return nn.utils.get_total_norm([parameter.detach() for parameter in self._parameters()])

    def _judge_weights(self, norm: float) -> None:
        made, self._unseen = self._unseen, False
        if made and not math.isfinite(norm) and (bad := _first(self.model.named_parameters())):
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
