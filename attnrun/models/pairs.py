"""Averages by a Gaussian over all pairs of points in space, by products of matrices.

-|q - k|² / 2 is q · k - |k|² / 2 - |q|² / 2, a product of [q, 1, -|q|² / 2] and [k, -|k|² / 2, 1]. The parts
cancel, and what rounding leaves of it is small where all lie within a few widths of the origin. So the middle
of the queries is the origin, and queries that lie far apart have products in float64.

Letters: N queries, M keys, D dimensions.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.dense import linear
from attnrun.attention.kernels import CANCELS

NEAR = 4.0  # widths: keys beyond it weigh too little for their rounding to count beside one within it
QUERIES, KEYS = 2048, 512  # of a product: it stays in the cache
EVEN = 64  # a product has a multiple of so many queries: oneDNN keeps code for every size, see `dense`
# Powers of 2 are four times as fast as those of e on a processor that Intel did not make; less than this is a
# denormal, four times as slow.
LOWEST = -125.0


def widest(dtype: torch.dtype) -> float:
    """Return how many widths around their middle queries may lie for quick products in `dtype`."""
    return max(0.0, math.sqrt(CANCELS / torch.finfo(dtype).eps) - NEAR)


@torch.no_grad()
def averages(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor:
    """Return Σ_i K_i y_i / Σ_i K_i, K_i = exp(-(|q - k_i| / width)² / 2), at each query: (N,).

    query (N, D) and key (M, D) are finite, of the type of y (M,), whose sums are finite.
    """
    sums = _sums(query, key, y, width)
    if sums is None:
        return _careful_averages(query, key, y, width)
    found, far = (sums[0] / sums[1]).to(y.dtype), sums[1] < math.exp(-(NEAR**2) / 2)
    if bool(far.any()):
        found[far] = _careful_averages(query[far], key, y, width)
    return found


def _sums(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor | None:
    """Numerators and denominators (2, N), None where the queries lie too far apart.

    Rounding tells as well where a denominator is less than the kernel of one key NEAR by.
    """
    centre = (query.amin(0) + query.amax(0)) / 2
    scale = math.sqrt(math.log2(math.e)) / width
    left, radius = _with_heights((query - centre) * scale, last=True)
    if not radius <= 1.01 * scale * width * widest(query.dtype):  # so put, NaN is too far
        return None
    left = F.pad(left, (0, 0, 0, -len(query) % EVEN))
    sums = query.new_zeros(2, len(query), dtype=torch.float64)
    for keys, measured in zip(torch.split(key, KEYS), torch.split(y, KEYS), strict=True):
        right, farthest = _with_heights((keys - centre) * scale, last=False)
        exponents = linear(right, left)  # (keys, N)
        if (radius + farthest) ** 2 / -2 < LOWEST:
            exponents.clamp_(min=LOWEST)
        sums += _weighed(measured, exponents.exp2_())[:, : len(query)]
    return sums


def _careful_averages(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor:
    """The averages (N,) wherever the points lie, from kernels beside the greatest of each query."""
    values = y.to(torch.promote_types(y.dtype, torch.float32))
    centre = (query.amin(0) + query.amax(0)).double() / 2
    scale = math.sqrt(math.log2(math.e)) / width
    left, _ = _with_heights((query.double() - centre) * scale, last=True)
    greatest = left.new_full((len(query),), -torch.inf)
    sums = left.new_zeros(2, len(query))
    for keys, measured in zip(torch.split(key, KEYS), torch.split(values, KEYS), strict=True):
        right, _ = _with_heights((keys.double() - centre) * scale, last=False)
        exponents = right @ left.t()  # (keys, N)
        before, greatest = greatest, torch.maximum(greatest, exponents.amax(0))
        kernels = exponents.sub_(greatest).clamp_(min=LOWEST).to(values.dtype).exp2_()
        sums = sums * (before - greatest).exp2() + _weighed(measured, kernels)
    return (sums[0] / sums[1]).to(y.dtype)


def _weighed(y: Tensor, kernels: Tensor) -> Tensor:
    """What measurements y (M,) by kernels (M, N) add to numerators and denominators, (2, N)."""
    return (torch.stack([y, torch.ones_like(y)]) @ kernels).double()


def _with_heights(points: Tensor, last: bool) -> tuple[Tensor, float]:
    """Points p (N, D) as [p, -|p|² / 2, 1], or with the `last` two swapped, and the greatest |p|."""
    heights = points.square().sum(1, keepdim=True) / -2
    ones = torch.ones_like(heights)
    parts = (points, ones, heights) if last else (points, heights, ones)
    return torch.cat(parts, 1), math.sqrt(float(-2 * heights.min()))
