"""Statements about the size of dot products and what softmax makes of it (Vaswani et al. 2017, 3.2.1)."""

from typing import Any

import torch
from torch import Tensor

from attnrun.attention import Dot, ScaledDot, masked_softmax
from attnrun.claims.trial import Trial
from attnrun.ranges import PositiveFloat, PositiveInt


def variance(seed: int, *, sizes: list[PositiveInt], pairs: PositiveInt) -> Trial:
    """The variance of q·k for standard normal q and k of each size, as it is and divided by √d and by d.

    `ratio` is that of q·k to d at the largest size; `by_root`, `by_size` are the variances of the quotients.
    """
    generator = torch.Generator().manual_seed(seed)
    curves: dict[str, list[tuple[float, float]]] = {"q·k": [], "q·k / √d": [], "q·k / d": []}
    for size in sizes:
        query, key = torch.randn(2, pairs, size, generator=generator, dtype=torch.float64)
        dots = (query * key).sum(-1)
        for name, divisor in zip(curves, (1.0, size**0.5, float(size)), strict=True):
            curves[name].append((size, float((dots / divisor).var())))
    plain, root, whole = (points[-1][1] for points in curves.values())
    return Trial({"ratio": plain / sizes[-1], "by_root": root, "by_size": whole}, curves)


def saturation(seed: int, *, keys: PositiveInt, factors: list[PositiveFloat]) -> Trial:
    """Softmax of logits times each factor: its largest weight, and the largest derivative that is left.

    `largest_weight` and `derivative_large` are those of the largest factor, `derivative_unit` is that of the
    logits as they are. `shift` is the largest change of a weight where 1,000 is added to all logits,
    `jacobian` the largest difference between the derivatives of `masked_softmax` and p_i (δ_ij - p_j).
    """
    logits = torch.randn(keys, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    curves: dict[str, list[tuple[float, float]]] = {"largest weight": [], "largest derivative": []}
    for factor in factors:
        weights = masked_softmax(logits * factor, None)
        curves["largest weight"].append((factor, float(weights.max())))
        curves["largest derivative"].append((factor, float(_jacobian(weights).abs().max())))
    weights = masked_softmax(logits, None)
    jacobian: Any = torch.autograd.functional.jacobian
    found: Tensor = jacobian(lambda x: masked_softmax(x, None), logits)
    figures = {
        "largest_weight": curves["largest weight"][-1][1],
        "derivative_unit": float(_jacobian(weights).abs().max()),
        "derivative_large": curves["largest derivative"][-1][1],
        "shift": float((masked_softmax(logits + 1000, None) - weights).abs().max()),
        "jacobian": float((found - _jacobian(weights)).abs().max()),
    }
    return Trial(figures, curves)


def harms(
    seed: int, *, size: PositiveInt, keys: PositiveInt, queries: PositiveInt, noise: PositiveFloat
) -> Trial:
    """What dividing by √d changes for normal queries and keys: `…_dot` is without it, `…_scaled` with it.

    The largest weight; the entropy in nats; the L1 change of the weights where keys get normal noise of the
    deviation `noise`; the norm of the Jacobian of the softmax, by which a gradient passes it. All in the mean
    over queries; `worst_…` is the greatest change of one of them.
    """
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(queries, size, generator=generator, dtype=torch.float64)
    key, shaken = torch.randn(2, keys, size, generator=generator, dtype=torch.float64)
    figures: dict[str, float] = {}
    for name, score in {"dot": Dot(size, size), "scaled": ScaledDot(size, size)}.items():
        weights = masked_softmax(score(query, key), None)
        noisy = masked_softmax(score(query, key + noise * shaken), None)
        changes = (noisy - weights).abs().sum(-1)
        jacobians = torch.stack([_jacobian(row) for row in weights])
        figures |= {
            f"largest_{name}": float(weights.max(-1).values.mean()),
            f"entropy_{name}": float(torch.special.entr(weights).sum(-1).mean()),
            f"change_{name}": float(changes.mean()),
            f"worst_{name}": float(changes.max()),
            f"gradient_{name}": float(jacobians.norm(dim=(-2, -1)).mean()),
        }
    return Trial(figures)


def _jacobian(weights: Tensor) -> Tensor:
    """p_i (δ_ij - p_j), (M, M), of weights (M,)."""
    return weights.diag() - weights[:, None] * weights
