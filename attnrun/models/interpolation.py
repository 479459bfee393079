"""Sums of Gaussians on a line, at so many places that a curve through a few of them serves all.

Over a few widths Σ K(x - x_i) v_i is a smooth function of x: taken at n Chebyshev nodes it is known between
them to within 2 (h / 2)ⁿ / √n!, for a half length of h widths (Trefethen 2013, Approximation Theory and
Approximation Practice, chapters 3 and 8). So M keys cost n · M kernels, and each of N queries n
multiplications, where one by one they cost N · M kernels.

Letters: N queries, M keys, C columns of values, n nodes.
"""

import math

import torch
from torch import Tensor

SPAN = 2.0  # widths: of a stretch that is interpolated
NODES = 24
# With a key within so many widths of every query, a sum is not so small beside the same at the other end of
# its stretch that rounding would tell: quotients of sums are good to 1e-12.
FAR = 4.0
PART = 4096  # points worked on at a time: they stay in the cache


def gaussian_sums(query: Tensor, key: Tensor, values: Tensor, width: float) -> Tensor:
    """Return Σ_i exp(-((x - x_i) / width)² / 2) v_i at queries x (N,) of keys (M,), values (M, C): (N, C).

    In float64. The queries, at least one, lie in ascending order within SPAN widths, and none is farther than
    FAR from its nearest key.
    """
    first, last = query[0].double(), query[-1].double()
    middle = (first + last) / 2
    half = torch.maximum(last - middle, middle - first).clamp(min=width / 1e6)
    numbers = torch.arange(NODES, dtype=torch.float64, device=query.device)
    angles = (numbers + 0.5) * (math.pi / NODES)  # of the nodes, whose cosines lie between -1 and 1
    at_nodes = query.new_zeros(NODES, values.shape[1], dtype=torch.float64)
    for keys, added in zip(torch.split(key, PART), torch.split(values, PART), strict=True):
        away = middle - keys.double()  # exact; a node far from 0 would be rounded
        distances = half * angles.cos()[:, None] + away  # (n, part)
        at_nodes += distances.div_(width).square_().mul_(-0.5).exp_() @ added.double()
    series = (numbers[:, None] * angles).cos() @ at_nodes * (2 / NODES)  # coefficients of the polynomials
    series[0] /= 2
    places = ((query.double() - middle) / half).clamp(-1, 1)
    return torch.cat([(part.acos()[:, None] * numbers).cos() @ series for part in torch.split(places, PART)])
