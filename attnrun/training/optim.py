"""Optimisers as config factories: `parameters` come from the experiment, the rest from the config."""

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from attnrun.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, Probability

Parameters = Iterable[nn.Parameter]
Adaptive = TypeVar("Adaptive", torch.optim.Adam, torch.optim.AdamW)


def sgd(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.5,
    momentum: Probability = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.SGD:
    """Stochastic gradient descent (Robbins and Monro 1951), with momentum as in Sutskever et al. 2013."""
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def adam(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 1e-3,
    beta1: Probability = 0.9,
    beta2: Probability = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Adam:
    """Adam (Kingma and Ba 2015, algorithm 1); weight decay is an L2 term of the loss."""
    keys = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay}
    return _fused(torch.optim.Adam, parameters, **keys)


def adamw(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 1e-3,
    beta1: Probability = 0.9,
    beta2: Probability = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.01,
) -> torch.optim.AdamW:
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2)."""
    keys = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay}
    return _fused(torch.optim.AdamW, parameters, **keys)


def lbfgs(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 1.0,
    max_iter: PositiveInt = 20,
    history_size: PositiveInt = 10,
    line_search: Literal["strong_wolfe"] | None = "strong_wolfe",
) -> torch.optim.LBFGS:
    """Limited-memory BFGS (Liu and Nocedal 1989), for few parameters and one batch of all data."""
    return torch.optim.LBFGS(
        parameters, lr=lr, max_iter=max_iter, history_size=history_size, line_search_fn=line_search
    )


def _fused(optimiser: type[Adaptive], parameters: Parameters, **keys: Any) -> Adaptive:
    """One pass over the weights a step, where torch has code that makes it: on CPUs and NVIDIA GPUs."""
    weights = list(parameters)
    fused = all(weight.is_cpu or weight.is_cuda for weight in weights)
    return optimiser(weights, fused=fused or None, **keys)
