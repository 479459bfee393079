"""Gradients of v · tanh(q + k) for all pairs of queries and keys, by products of matrices.

1 - tanh²(q + k) is parted into terms of q and terms of k, by interpolation in k at Chebyshev points
(Trefethen 2013, Approximation Theory and Approximation Practice, chapters 2 to 8). Pairs are never made.

Letters: N queries, M keys, L all leading axes as one, H features (`hidden`), P points.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from attnrun.attention.softmax import wide

BLOCK = 2**19  # numbers of the terms of a few features
MOST = 64  # points, from which on it is as quick to make the pairs
PAIRS = 2  # for each term, for its making to be worth it
_NARROW = 1e-3  # a range of keys that no fewer points serve


def points_needed(query: Tensor, key: Tensor) -> int | None:
    """Return how many points give the gradients to the precision of the type; None where pairs are quicker.

    query (L, N, H), key (L, M, H). The poles of tanh nearest to the reals are ±iπ/2: for keys no farther than
    h from their middle the error falls with each point by ρ = β + √(1 + β²), where β = π / 2h (theorem 8.2).
    """
    if not (query.is_cpu and query.numel() and key.numel()):
        return None  # a GPU would have to be waited for
    _, half = _range(key)
    if not math.isfinite(half):
        return None
    beta = math.pi / 2 / half
    digits = -math.log(torch.finfo(wide(key)).eps / 10)
    points = 1 + math.ceil(digits / math.asinh(beta))  # asinh β = log ρ
    queries, keys = query.shape[1], key.shape[1]
    worth = points <= MOST and PAIRS * points * (queries + keys) <= queries * keys
    return points if worth else None


def gradients(query: Tensor, key: Tensor, v: Tensor, upstream: Tensor, points: int) -> tuple[Tensor, ...]:
    """Return the gradients in query (L, N, H), key (L, M, H) and v (H,) from that in the scores (L, N, M).

    With `points` from `points_needed`; half types as float32.
    """
    query, key, v, upstream = (part.to(wide(part)) for part in (query, key, v, upstream))
    in_query, in_key, in_v = map(torch.zeros_like, (query, key, v))
    for item in range(len(key)):
        keys = _keys_seen(upstream[item])
        above = upstream[item, :, :keys]
        for part, tanh, shares in _terms(query[item], key[item, :keys], *_range(key), points):
            at_points = (above @ shares.flatten(1)).view_as(tanh)
            in_v[part] += (at_points * tanh).sum((0, 2))
            slope = tanh.square_().neg_().add_(1)
            in_query[item, :, part] = at_points.mul_(slope).sum(-1)
            at_points = (above.mT @ slope.flatten(1)).view_as(shares)
            in_key[item, :keys, part] = at_points.mul_(shares).sum(-1)
    return in_query.mul_(v), in_key.mul_(v), in_v


def _terms(
    query: Tensor, key: Tensor, middle: Tensor, half: float, points: int
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """For a part of the features after another tanh(q + point), (N, part, P), and shares of k, (M, part, P).

    The sum over points of the one times the other is tanh(q + k), and so for any smooth function of q + k.
    """
    order = torch.arange(points, dtype=key.dtype)
    angle = (order + 0.5) * (math.pi / points)
    cosines = torch.cos(order[:, None] * angle) * (2 / points)  # of each polynomial, at each point
    cosines[0] /= 2
    size = max(1, BLOCK // (points * max(len(query), len(key))))
    for start in range(0, key.shape[1], size):
        part = slice(start, start + size)
        at = ((key[:, part] - middle[part]) / half).clamp_(-1, 1).acos_()
        shares = (at.unsqueeze(-1) * order).cos_() @ cosines
        point = middle[part, None] + half * angle.cos()  # (part, P)
        yield part, (query[:, part, None] + point).tanh_(), shares


def _range(key: Tensor) -> tuple[Tensor, float]:
    """The middle of each feature of the keys (L, M, H), and how far from it any of them lies."""
    least, most = key.amin((0, 1)), key.amax((0, 1))
    return (least + most) / 2, max(float((most - least).max()) / 2, _NARROW)


def _keys_seen(upstream: Tensor) -> int:
    """The number of keys up to the last whose scores (N, M) have a gradient: those of padding have none."""
    seen = upstream.ne(0).any(0).nonzero()
    return int(seen[-1]) + 1 if len(seen) else 0
