"""Heads: features parted and joined, and one score for each head.

Letters: B batch, H heads, G groups, N queries, M keys, D the size of a head, P the size of a projected key.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attnrun.attention.scores import Score


class PerHead(Score):
    """One score a head, each with parameters of its own: query (..., H, N, D), key (..., H, M, D)."""

    def __init__(
        self, query_size: int, key_size: int, heads: int, score: Callable[[int, int], Score]
    ) -> None:
        super().__init__(query_size, key_size)
        self.scores = nn.ModuleList(score(query_size, key_size) for _ in range(heads))

    def project_keys(self, key: Tensor) -> Tensor:
        """Each head's own projection: (..., H, M, D) -> (..., H, M, P)."""
        heads = zip(self.scores, key.unbind(-3), strict=True)
        return torch.stack([score.project_keys(k) for score, k in heads], -3)  # type: ignore[operator]

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Each head's own scores: (..., H, N, D) and (..., H, M, P) -> (..., H, N, M)."""
        heads = zip(self.scores, query.unbind(-3), projected.unbind(-3), strict=True)
        return torch.stack([score.score_projected(q, k) for score, q, k in heads], -3)  # type: ignore[operator]


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
