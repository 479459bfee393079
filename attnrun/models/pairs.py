"""Averages by a Gaussian over all pairs of points in space, by products of matrices.

-|q - k|² / 2 is q · k - |k|² / 2 - |q|² / 2, a product of [q, 1, -|q|² / 2] and [k, -|k|² / 2, 1]. The parts
cancel, and what rounding leaves of it is small where all lie within a few widths of the origin. So the middle
of the queries is the origin, and queries that lie far apart have products in float64.

Letters: N queries, M keys, D dimensions.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.dense import pairwise

NEAR = 4.0  # widths: keys beyond it weigh too little for their rounding to count beside one within it
# Widths from their middle, within which queries may lie for quick products, and for careful ones in float64:
# exponents are then rounded by 1e-5 in float32, by 1e-11 and 1e-7 in float64.
WIDEST, CAREFUL = {torch.float32: 7.0, torch.float64: 200.0}, 2e4
QUERIES, KEYS = 2048, 512  # of a product: it stays in the cache
EVEN = 64  # a product has a multiple of so many queries: oneDNN keeps code for every size, see `dense`
# Powers of 2 are four times as fast as those of e on a processor that Intel did not make; less than this is a
# denormal, four times as slow.
LOWEST = -125.0


def averages(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor | None:
    """Return Σ_i K_i y_i / Σ_i K_i, K_i = exp(-(|q - k_i| / width)² / 2), at each query: (N,).

    query (N, D), key (M, D) and y (M,) are finite, of one type, float32 or float64, and have no derivatives;
    sums of y are finite too. None where the queries lie so far apart that rounding would tell.
    """
    sums = _sums(query, key, y, width)
    if sums is None:
        return _careful_averages(query, key, y, width)
    found, far = (sums[0] / sums[1]).to(y.dtype), sums[1] < math.exp(-(NEAR**2) / 2)
    if bool(far.any()):
        careful = _careful_averages(query[far], key, y, width)
        if careful is None:
            return None
        found[far] = careful
    return found


def _sums(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor | None:
    """Numerators and denominators (2, N), None where the queries lie too far apart.

    Rounding tells as well where a denominator is less than the kernel of one key NEAR by.
    """
    centre = (query.amin(0) + query.amax(0)) / 2
    scale = math.sqrt(math.log2(math.e)) / width
    left, radius = _with_heights((query - centre) * scale, last=True)
    if not _within(radius, WIDEST[query.dtype]):
        return None
    left = F.pad(left, (0, 0, 0, -len(query) % EVEN))
    right, farthest = _with_heights((key - centre) * scale, last=False)
    low = not (radius + farthest) ** 2 / -2 >= LOWEST
    sums = query.new_zeros(2, len(left), dtype=torch.float64)
    for keys, columns in _parts(right, y):
        exponents = pairwise(keys, left)  # (keys, N)
        if low:
            exponents.clamp_(min=LOWEST)
        sums += columns @ exponents.exp2_()
    return sums[:, : len(query)]


def _careful_averages(query: Tensor, key: Tensor, y: Tensor, width: float) -> Tensor | None:
    """The averages (N,) by products in float64, from kernels beside the greatest of each query."""
    centre = (query.amin(0) + query.amax(0)).double() / 2
    scale = math.sqrt(math.log2(math.e)) / width
    left, radius = _with_heights((query.double() - centre) * scale, last=True)
    if not _within(radius, CAREFUL):
        return None
    right, _ = _with_heights((key.double() - centre) * scale, last=False)
    greatest = left.new_full((len(query),), -torch.inf)
    sums = left.new_zeros(2, len(query))
    for keys, columns in _parts(right, y):
        exponents = keys @ left.t()  # (keys, N)
        before, greatest = greatest, torch.maximum(greatest, exponents.amax(0))
        kernels = exponents.sub_(greatest).clamp_(min=LOWEST).to(y.dtype).exp2_()
        sums = sums * (before - greatest).exp2() + columns @ kernels
    return (sums[0] / sums[1]).to(y.dtype)


def _parts(keys: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some keys at a time, each time with what their kernels weigh, (2, keys): measurements and ones."""
    columns = torch.stack([y, torch.ones_like(y)])
    return zip(torch.split(keys, KEYS), torch.split(columns, KEYS, 1), strict=True)


def _with_heights(points: Tensor, last: bool) -> tuple[Tensor, float]:
    """Points p (N, D) as [p, -|p|² / 2, 1], or with the `last` two swapped, and the greatest |p|."""
    heights = points.square().sum(1, keepdim=True) / -2
    ones = torch.ones_like(heights)
    parts = (points, ones, heights) if last else (points, heights, ones)
    return torch.cat(parts, 1), math.sqrt(float(-2 * heights.min()))


def _within(radius: float, widths: float) -> bool:
    """Whether a scaled radius is of so many widths at most, and a number."""
    return radius <= 1.01 * math.sqrt(math.log2(math.e)) * widths
