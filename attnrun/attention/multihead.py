"""Multi-head attention over any score.

Letters: B batch, H heads, N queries, M keys, E = H · D the size inside, D the size of a head.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attnrun.attention.attend import Normaliser, attend
from attnrun.attention.masks import as_mask, blank
from attnrun.attention.scores import Score, scores_shape
from attnrun.attention.softmax import masked_softmax
from attnrun.errors import UserError
from attnrun.ranges import Probability


class PerHead(Score):
    """One score a head, each with parameters of its own: query (..., H, N, D), key (..., H, M, D)."""

    def __init__(self, size: int, heads: int, score: Callable[[int, int], Score]) -> None:
        super().__init__(size, size)
        self.scores = nn.ModuleList(score(size, size) for _ in range(heads))

    def project_keys(self, key: Tensor) -> Tensor:
        """Each head's own projection: (..., H, M, D) -> (..., H, M, P)."""
        heads = zip(self.scores, key.unbind(-3), strict=True)
        return torch.stack([score.project_keys(k) for score, k in heads], -3)  # type: ignore[operator]

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Each head's own scores: (..., H, N, D) and (..., H, M, P) -> (..., H, N, M)."""
        heads = zip(self.scores, query.unbind(-3), projected.unbind(-3), strict=True)
        return torch.stack([score.score_projected(q, k) for score, q, k in heads], -3)  # type: ignore[operator]


class MultiHead(nn.Module):
    """MultiHead(Q, K, V) = Concat(head_1 … head_H) W_o with head_i = attend(Q W_q^i, K W_k^i, V W_v^i).

    After Vaswani et al. 2017, section 3.2.2, with any score in place of the scaled dot product. `size` is E,
    shared out among the heads; the output has this size too. A score with parameters gets its own for each
    head, as the projections are each head's own; one without is shared.

    `score` builds a score from (query size, key size). `bias` adds one to W_q, W_k and W_v, `output_bias` to
    W_o. `dropout` falls on the weights in training.

    Raises UserError where `heads` does not divide `size`.
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        value_size: int,
        size: int,
        heads: int,
        score: Callable[[int, int], Score],
        normaliser: Normaliser = masked_softmax,
        *,
        bias: bool = False,
        output_bias: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        if heads < 1 or size % heads:
            divisors = ", ".join(str(n) for n in range(1, size + 1) if size % n == 0)
            raise UserError(f"{heads} heads do not divide the size {size}; choose from: {divisors}")
        self.heads = heads
        self.dropout = dropout
        self.normaliser = normaliser
        self.score = _head_score(size // heads, heads, score)
        self.W_q = nn.Linear(query_size, size, bias=bias)
        self.W_k = nn.Linear(key_size, size, bias=bias)
        self.W_v = nn.Linear(value_size, size, bias=bias)
        self.W_o = nn.Linear(size, size, bias=output_bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        *,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output (B, N, E), and the weights (B, H, N, M) where `need_weights`, else None.

        query (B, N, Dq), key (B, M, Dk), value (B, M, Dv). `mask` is anything `as_mask` takes for scores
        (B, N, M), the same for all heads, or a boolean mask (B, H, N, M) with an axis of heads. A query
        without a permitted key has a zero context in every head: its output is the bias of W_o, or zero.

        Raises ValueError where the mask does not fit.
        """
        if mask is not None:
            mask = self._head_mask(mask, query, key)
            shared = mask.any(-3)  # what at least one head may do
            query = blank(query, shared.any(-1))
            key, value = blank(key, shared.any(-2)), blank(value, shared.any(-2))
        context, weights = attend(
            self.score,
            self._split(self.W_q(query)),  # (B, H, N, D)
            self._split(self.W_k(key)),  # (B, H, M, D)
            self._split(self.W_v(value)),  # (B, H, M, D)
            mask,
            normaliser=self.normaliser,
            dropout=self.dropout,
            training=self.training,
            need_weights=need_weights,
        )
        output: Tensor = self.W_o(context.transpose(-3, -2).flatten(-2))  # (B, H, N, D) -> (B, N, E)
        return output, weights

    def _split(self, joined: Tensor) -> Tensor:
        parted = joined.reshape(*joined.shape[:-1], self.heads, -1)  # (B, N, H, D)
        return parted.transpose(-3, -2)  # (B, H, N, D)

    def _head_mask(self, mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
        shape = scores_shape(query, key)  # (B, N, M)
        if mask.dim() > len(shape):
            return as_mask(mask, (*shape[:-2], self.heads, *shape[-2:]))
        return as_mask(mask, shape).unsqueeze(-3)


def _head_score(size: int, heads: int, score: Callable[[int, int], Score]) -> Score:
    single = score(size, size)
    return PerHead(size, heads, score) if any(True for _ in single.parameters()) else single
