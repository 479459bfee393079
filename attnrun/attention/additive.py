"""Scores by a small network, vᵀ tanh(q + k) of each pair, and how to compute them without all pairs at once.

Letters: N queries, M keys, L all leading axes as one.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from attnrun.attention.dense import Linear, linear
from attnrun.attention.scores import LARGE, Score, scores_shape
from attnrun.attention.softmax import exactly, wide
from attnrun.attention.tanh_series import gradients, points_needed
from attnrun.ranges import PositiveInt

BLOCK = 2**18  # numbers in a block: what a core's cache holds
_RANGE = {torch.float32: 40.0, torch.float64: 350.0}  # within it e^2x is neither 0 nor infinite


class Additive(Score):
    """score(q, k) = vᵀ tanh(W_q q + W_k k), without bias (Bahdanau et al. 2014, appendix A.1.2).

    `hidden` is the size of the sum. Of the sums (..., N, M, hidden) no more than 16 MiB are held at once.

    A decoder projects its keys once, and asks them at every step:

    >>> score, keys = Additive(3, 5, hidden=7), torch.randn(2, 11, 5)  # queries of 3 features, keys of 5
    >>> projected = score.project_keys(keys)
    >>> score.score_projected(torch.randn(2, 1, 3), projected).shape
    torch.Size([2, 1, 11])
    """

    def __init__(self, query_size: int, key_size: int, *, hidden: PositiveInt = 128) -> None:
        super().__init__(query_size, key_size)
        self.W_q = Linear(query_size, hidden, bias=False)
        self.W_k = Linear(key_size, hidden, bias=False)
        self.v = Linear(hidden, 1, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """W_k k: (..., M, Dk) -> (..., M, hidden)."""
        projected: Tensor = self.W_k(key)
        return projected

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against W_k k (..., M, hidden): (..., N, M)."""
        return _tanh_network(self.W_q(query), projected, self.v)


class Concat(Score):
    """score(q, k) = vᵀ tanh(W [q; k]), without bias (Luong et al. 2015, section 3.1, `concat`).

    `hidden` is the size of W [q; k]. The same function as the additive score: its two matrices side by side
    in one, which starts smaller, as its columns are more.
    """

    def __init__(self, query_size: int, key_size: int, *, hidden: PositiveInt = 128) -> None:
        super().__init__(query_size, key_size)
        self.W = Linear(query_size + key_size, hidden, bias=False)
        self.v = Linear(hidden, 1, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """The keys' share of W [q; k]: (..., M, Dk) -> (..., M, hidden)."""
        return linear(key, self.W.weight[:, self.query_size :])

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against the keys' share (..., M, hidden): (..., N, M)."""
        return _tanh_network(linear(query, self.W.weight[:, : self.query_size]), projected, self.v)


def _tanh_network(query: Tensor, key: Tensor, v: nn.Linear) -> Tensor:
    """vᵀ tanh(q + k) of each pair of (..., N, hidden) and (..., M, hidden): (..., N, M)."""
    shape = scores_shape(query, key)
    if math.prod(shape) * key.shape[-1] * key.element_size() <= LARGE:
        scores: Tensor = v(_tanh(query, key)).squeeze(-1)
        return scores
    flat = [
        part.to(key.dtype).expand(*shape[:-2], *part.shape[-2:]).reshape(-1, *part.shape[-2:])
        for part in (query, key)
    ]  # (L, N, hidden), (L, M, hidden)
    made: Tensor = TanhNetwork.apply(*flat, v.weight[0].to(key.dtype))  # type: ignore[no-untyped-call]
    return made.view(shape)


class TanhNetwork(Function):
    """v · tanh(q + k) of all pairs, in the memory of one block; on the way back tanh is computed again.

    In terms of the rest r = (1 - tanh) / 2 a score is Σ v - 2 v · r, and tanh' = 4 r (1 - r). Where keys do
    not lie too far apart, the gradients come from a series.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, v: Tensor) -> Tensor:
        """query (L, N, hidden), key (L, M, hidden), v (hidden,): scores (L, N, M)."""
        ctx.save_for_backward(query, key, v)
        scores = query.new_empty(*query.shape[:2], key.shape[1], dtype=wide(query))
        rest, v = _Rest(query, key), v.to(scores.dtype)
        with exactly(query):  # a product in a half type would leave noise of the difference below
            for items, rows in _blocks(query, key):
                scores[items, rows] = rest(items, rows) @ v
        return scores.mul_(-2).add_(v.sum()).to(query.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, ...]:
        """Gradients in query, key and v from that in the scores (L, N, M)."""
        query, key, v = ctx.saved_tensors
        if points := points_needed(query, key):
            return tuple(
                made.to(part.dtype)
                for made, part in zip(
                    gradients(query, key, v, upstream, points), (query, key, v), strict=True
                )
            )
        in_query, in_key, in_v = (torch.zeros_like(part, dtype=wide(part)) for part in (query, key, v))
        rest = _Rest(query, key)
        for items, rows in _blocks(query, key):
            r = rest(items, rows)  # (items, rows, M, hidden)
            above = upstream[items, rows].to(r.dtype)
            in_v += above.flatten() @ r.flatten(0, -2)
            slope = torch.addcmul(r, r, r, value=-1).mul_(above.unsqueeze(-1))
            in_query[items, rows] = slope.sum(2)
            in_key[items] += slope.sum(1)
        in_v = upstream.sum(dtype=in_v.dtype) - 2 * in_v
        return (4 * in_query * v).to(query.dtype), (4 * in_key * v).to(key.dtype), in_v.to(v.dtype)


class _Rest:
    """(1 - tanh(q + k)) / 2 = 1 / (1 + e^2q e^2k): an exponential for each query and key, none for each pair.

    That is many times faster where tanh is slow, on a CPU, as long as the exponentials stay in their range.
    """

    def __init__(self, query: Tensor, key: Tensor) -> None:
        self.parts = query, key
        self.powers = None
        if query.is_cpu and query.dtype in _RANGE:
            greatest = [float(part.abs().max()) if part.numel() else 0.0 for part in self.parts]
            if all(one <= _RANGE[query.dtype] for one in greatest):  # not so where one is NaN
                self.powers = query.mul(2).exp_(), key.mul(2).exp_()

    def __call__(self, items: slice, rows: slice) -> Tensor:
        """Return those of a block, (items, rows, M, hidden), half types as float32."""
        query, key = self.powers or self.parts
        query, key = query[items, rows].unsqueeze(-2), key[items].unsqueeze(-3)
        if self.powers is None:
            return (query + key).to(wide(query)).tanh_().neg_().add_(1).div_(2)
        return torch.addcmul(query.new_ones(()), query, key).reciprocal_()


def _tanh(query: Tensor, key: Tensor) -> Tensor:
    """tanh(q + k) of each pair: (..., N, M, hidden)."""
    return (query.unsqueeze(-2) + key.unsqueeze(-3)).tanh_()


def _blocks(query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice]]:
    """Cut (L, N) so that a block's sums (items, rows, M, hidden) have BLOCK numbers, or one row."""
    (leading, queries, _), row = query.shape, key[0].numel()
    rows = min(queries, max(1, BLOCK // row))
    items = max(1, BLOCK // (queries * row))
    for item in range(0, leading, items):
        for start in range(0, queries, rows):
            yield slice(item, item + items), slice(start, start + rows)
