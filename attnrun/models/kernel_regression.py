"""Kernel regression is attention: the query is where to predict, the keys are where something was measured.

Nadaraya 1964; Watson 1964: f(x) = sum_i K(x - x_i) y_i / sum_j K(x - x_j). Any score of `attnrun.attention`
whose weights are a function of query and key serves as log K under the softmax; other normalisers make other
weights of it.

Legend: N queries, M keys (training points).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from attnrun.attention import Normaliser, Score, attend, masked_softmax
from attnrun.models.bandwidth import fit_width, oracle_width

__all__ = ["collapsing_loss", "fit_width", "leave_one_out_loss", "oracle_width", "predict", "weights"]

BLOCK = 4_000_000  # elements of a block of weights: memory stays linear in N and M


def predict(
    score: Score, x_query: Tensor, x_key: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> Tensor:
    """Predict at x_query (N,) or (N, D) from the points x_key (M,) or (M, D), y (M,): (N,)."""
    # Into one tensor: small ones between the blocks would keep the allocator from using their memory again.
    predicted = y.new_empty(len(x_query))
    for rows in _blocks(len(x_query), len(x_key)):
        predicted[rows] = _attend(score, normaliser, x_query[rows], x_key, y)[0]
    return predicted


def weights(
    score: Score, x_query: Tensor, x_key: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> Tensor:
    """Return the whole matrix (N, M) of what each y (M,) has in the prediction at each x_query (N,).

    A row is zeros where no key is near enough. The others sum to 1 unless the normaliser has them sum to
    something else.
    """
    _, matrix = _attend(score, normaliser, x_query, x_key, y, need_weights=True)
    assert matrix is not None
    return matrix


def leave_one_out_loss(
    score: Score, x: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> tuple[Tensor, int]:
    """Sum of squared errors of predicting each y (M,) from the other points, and M."""
    return _training_loss(score, normaliser, x, y, leave_out=True)


def collapsing_loss(
    score: Score, x: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> tuple[Tensor, int]:
    """The same with the own key left in: the loss falls to 0 as the width does, and nothing is learned."""
    return _training_loss(score, normaliser, x, y, leave_out=False)


def _training_loss(
    score: Score, normaliser: Normaliser, x: Tensor, y: Tensor, leave_out: bool
) -> tuple[Tensor, int]:
    total = x.new_zeros(())
    for rows in _blocks(len(x), len(x)):
        others = _not_own(rows, x) if leave_out else None
        predicted, _ = _attend(score, normaliser, x[rows], x, y, others)
        total = total + (predicted - y[rows]).square().sum()
    return total, len(x)


def _not_own(rows: slice, x: Tensor) -> Tensor:
    """Mask (rows, M): every key but the query's own."""
    places = torch.arange(len(x), device=x.device)
    return places[rows, None] != places


def _attend(
    score: Score,
    normaliser: Normaliser,
    x_query: Tensor,
    x_key: Tensor,
    y: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Points as features, those of one dimension of size 1: context (N,), weights (N, M)."""
    query, key = (x.reshape(len(x), score.key_size) for x in (x_query, x_key))
    value = y[:, None]
    context, matrix = attend(score, query, key, value, mask, normaliser=normaliser, need_weights=need_weights)
    return context[:, 0], matrix


def _blocks(queries: int, keys: int) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, keys))
    return (slice(start, min(start + size, queries)) for start in range(0, queries, size))
