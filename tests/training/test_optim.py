"""Optimisers against their papers' algorithms, number by number."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from attnrun.training.optim import adam, adamw

KEYS = {"lr": 0.03, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.2}


def by_hand(weight: float, gradients: list[float], apart: bool) -> float:
    """Adam, algorithm 1; decay in the gradient, or `apart` from it: AdamW, algorithm 2."""
    lr, beta1, beta2, eps, decay = KEYS.values()
    m = v = 0.0
    for step, gradient in enumerate(gradients, 1):
        if apart:
            weight -= lr * decay * weight
        slope = gradient if apart else gradient + decay * weight
        m, v = beta1 * m + (1 - beta1) * slope, beta2 * v + (1 - beta2) * slope**2
        weight -= lr * (m / (1 - beta1**step)) / (math.sqrt(v / (1 - beta2**step)) + eps)
    return weight


@pytest.mark.parametrize(("make", "apart"), [(adam, False), (adamw, True)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_adam_by_its_algorithm(make: Callable[..., Any], apart: bool, dtype: torch.dtype) -> None:
    chance = torch.Generator().manual_seed(0)
    start, gradients = (torch.randn(*shape, generator=chance, dtype=dtype) for shape in ((7,), (5, 7)))
    weight = nn.Parameter(start.clone())
    optimiser = partial(make, **KEYS)(iter([weight]))
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimiser.step()
    expected = [
        by_hand(first, column, apart)
        for first, column in zip(start.tolist(), gradients.t().tolist(), strict=True)
    ]
    torch.testing.assert_close(
        weight.detach().double(),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-5 if dtype == torch.float32 else 1e-12,
        atol=0,
    )
