"""Baselines of attention: contexts in whose making the content of the query has no part.

Letters: N queries, M keys, D query size, V value size.
"""

import torch
from torch import Tensor, nn

from attnrun.attention.masks import blank
from attnrun.attention.scores import Score, require_places, scores_shape
from attnrun.ranges import PositiveInt

BLOCK = 2**20  # numbers compared at once


class Uniform(Score):
    """Every key scores 0, so that attention is average pooling over the permitted keys."""

    by_content = False

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Zeros (..., N, M), whatever the features."""
        return query.new_zeros(scores_shape(query, projected))


class Max(Uniform):
    """Max pooling: each feature of the context is its greatest value over the permitted keys.

    Of those, over the keys that the normaliser gives a weight above 0. The weights reported are the shares of
    the features whose greatest value the key holds; where several do, the first. Over the words of a sentence
    it is the max-over-time pooling of Kim 2014, section 2.
    """

    def pool(self, weights: Tensor, value: Tensor) -> Tensor:
        """The greatest of values (..., M, V): (..., N, V), zero for a query without a weight above 0."""
        if not value.shape[-2]:
            return weights @ value
        holders = _holders(weights, value)
        greatest = value.expand(*holders.shape[:-2], *value.shape[-2:]).gather(-2, holders)
        return blank(greatest, (weights > 0).any(-1))

    def shares(self, weights: Tensor, value: Tensor) -> Tensor:
        """Of each key the share of the V features whose greatest value it holds: (..., N, M)."""
        if not value.shape[-2]:
            return weights
        holders = _holders(weights, value)
        held = weights.new_zeros(*holders.shape[:-1], weights.shape[-1])
        each = weights.new_full((), 1 / value.shape[-1]).expand(holders.shape)
        return blank(held.scatter_add(-1, holders, each), (weights > 0).any(-1))


class FullyConnected(Score):
    """score(q, key j) = b_j: one learned number a place, the same for all queries and keys.

    The fully connected layer over the values that attention takes the place of, its weights made a
    distribution by the normaliser (Zhang et al., Dive into Deep Learning, zh, section 10.1). b has a number
    for each of `maximum_length` places, drawn as `nn.Linear` draws.

    Raises UserError when scoring more keys than that.
    """

    by_place = True
    by_content = False

    def __init__(self, query_size: int, key_size: int, *, maximum_length: PositiveInt = 256) -> None:
        super().__init__(query_size, key_size)
        self.longest = maximum_length
        self.b = nn.Parameter(torch.empty(maximum_length))
        nn.init.uniform_(self.b, -(maximum_length**-0.5), maximum_length**-0.5)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """The numbers of the keys' places for every query: (..., N, M)."""
        keys = projected.shape[-2]
        require_places("fully-connected", keys, len(self.b))
        return self.b[:keys].to(query.dtype).expand(scores_shape(query, projected))


@torch.no_grad()
def _holders(weights: Tensor, value: Tensor) -> Tensor:
    """Which key of a weight above 0 holds the greatest value of each feature: (..., N, V)."""
    each = weights[..., :1, :, None].numel() * value.shape[-1]  # numbers compared for one query
    blocks = torch.split(weights, max(1, BLOCK // max(1, each)), -2)
    least = value.clamp(min=torch.finfo(value.dtype).min)  # above what stands for a key of no weight
    found = [torch.where(w.unsqueeze(-1) > 0, least.unsqueeze(-3), -torch.inf).argmax(-2) for w in blocks]
    return torch.cat(found, -2)
