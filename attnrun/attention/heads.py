"""Heads: features parted and joined, and one score for each head.

Letters: B batch, H heads, G groups, N queries, M keys, D the size of a head, P the size of a projected key.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.attention.scores import Score

Pair = tuple[Tensor, Tensor]


class PerHead(Score):
    """One score a head, each with parameters of its own: query (..., H, N, D), key (..., H, M, D)."""

    def __init__(
        self, query_size: int, key_size: int, heads: int, score: Callable[[int, int], Score]
    ) -> None:
        super().__init__(query_size, key_size)
        self.scores = nn.ModuleList(score(query_size, key_size) for _ in range(heads))
        self.longest = min(made.longest for made in self.scores)  # type: ignore[type-var, assignment]
        self.reach = min(made.reach for made in self.scores)  # type: ignore[type-var, assignment]

    def project_keys(self, key: Tensor) -> Tensor:
        """Each head's own projection: (..., H, M, D) -> (..., H, M, P)."""
        heads = zip(self.scores, key.unbind(-3), strict=True)
        return torch.stack([score.project_keys(k) for score, k in heads], -3)  # type: ignore[operator]

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Each head's own scores: (..., H, N, D) and (..., H, M, P) -> (..., H, N, M)."""
        return torch.stack(self._each("score_projected", query, projected), -3)

    def as_dot(self, query: Tensor, projected: Tensor) -> Pair | None:
        """Each head's own vectors, where all heads have them."""
        return _stacked(self._each("as_dot", query, projected))

    def as_features(self, query: Tensor, projected: Tensor) -> Pair | None:
        """Each head's own features, where all heads have them."""
        return _stacked(self._each("as_features", query, projected))

    def pool(self, weights: Tensor, value: Tensor) -> Tensor:
        """Each head's own way to a context: (..., H, N, M) and (..., H, M, V) -> (..., H, N, V)."""
        return torch.stack(self._each("pool", weights, value), -3)

    def shares(self, weights: Tensor, value: Tensor) -> Tensor:
        """Each key's part in each head's context, (..., H, N, M)."""
        return torch.stack(self._each("shares", weights, value), -3)

    def _each(self, method: str, first: Tensor, second: Tensor) -> list[Any]:
        """Call a method of each head's score with this head's part of two tensors."""
        heads = zip(self.scores, first.unbind(-3), second.unbind(-3), strict=True)
        return [getattr(score, method)(a, b) for score, a, b in heads]


def _stacked(pairs: list[Pair | None]) -> Pair | None:
    """Pairs (..., N, F), (..., M, F) of all heads as one pair with an axis of heads."""
    known = [pair for pair in pairs if pair is not None]
    if len(known) < len(pairs):
        return None
    queries, keys = zip(*known, strict=True)
    return torch.stack(queries, -3), torch.stack(keys, -3)


def split(joined: Tensor, heads: int) -> Tensor:
    """Part the features among the heads: (B, N, H · D) -> (B, H, N, D)."""
    return joined.reshape(*joined.shape[:-1], heads, joined.shape[-1] // heads).transpose(-3, -2)


def join(parted: Tensor) -> Tensor:
    """Put the heads side by side: (B, H, N, D) -> (B, N, H · D)."""
    return parted.transpose(-3, -2).flatten(-2)


def repeat(grouped: Tensor, heads: int) -> Tensor:
    """Give each group to its heads, consecutive ones: (B, G, M, D) -> (B, H, M, D)."""
    groups = grouped.shape[-3]
    return grouped if groups == heads else grouped.repeat_interleave(heads // groups, -3)


def divisors(number: int) -> str:
    """Name the numbers that divide `number`."""
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)
