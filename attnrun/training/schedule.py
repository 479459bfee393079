"""Learning-rate schedules as config factories; each returns a factor of the optimiser's own rate.

Positional arguments come from the experiment: the optimiser, and the number of steps of the training. Step
counts start at 0, and warm-up is linear from 1/warmup to 1.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from attnrun.ranges import Fraction, NonNegativeInt, PositiveInt


def constant(optimiser: Optimizer, total_steps: int, /, *, warmup: NonNegativeInt = 0) -> LambdaLR:
    """The optimiser's rate, after `warmup` steps."""
    return LambdaLR(optimiser, lambda step: _warm(step, warmup))


def inverse_sqrt(optimiser: Optimizer, total_steps: int, /, *, warmup: PositiveInt = 4000) -> LambdaLR:
    """The shape of Vaswani et al. 2017, equation 3: up for `warmup` steps, then down by 1/sqrt(step).

    The optimiser's rate is the peak, where the paper's is (model size * warmup)^-0.5.
    """
    return LambdaLR(optimiser, lambda step: min((step + 1) / warmup, math.sqrt(warmup / (step + 1))))


def cosine(
    optimiser: Optimizer,
    total_steps: int,
    /,
    *,
    warmup: NonNegativeInt = 0,
    final: Fraction = 0.0,
) -> LambdaLR:
    """Down along half a cosine to `final` of the rate (Loshchilov and Hutter 2017, equation 5)."""
    return _falling(optimiser, total_steps, warmup, final, lambda done: (1 + math.cos(math.pi * done)) / 2)


def linear(
    optimiser: Optimizer,
    total_steps: int,
    /,
    *,
    warmup: NonNegativeInt = 0,
    final: Fraction = 0.0,
) -> LambdaLR:
    """Down in a straight line to `final` of the rate at the last step."""
    return _falling(optimiser, total_steps, warmup, final, lambda done: 1 - done)


def _falling(
    optimiser: Optimizer, total: int, warmup: int, final: float, shape: Callable[[float], float]
) -> LambdaLR:
    def factor(step: int) -> float:
        if step < warmup:
            return _warm(step, warmup)
        done = min((step - warmup) / max(total - warmup, 1), 1.0)
        return final + (1 - final) * shape(done)

    return LambdaLR(optimiser, factor)


def _warm(step: int, warmup: int) -> float:
    return min((step + 1) / warmup, 1.0) if warmup else 1.0
