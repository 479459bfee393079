"""Attention: values averaged by how well their keys answer the query. The eager reference."""

import torch
from torch import Tensor

from attnrun.attention.backends import fused_context
from attnrun.attention.dropout import dropout as dropped
from attnrun.attention.masks import as_mask, blank
from attnrun.attention.scores import Score, checked_shape
from attnrun.attention.softmax import Normaliser, masked_softmax


def attend(
    score: Score,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    normaliser: Normaliser = masked_softmax,
    projected: Tensor | None = None,
    dropout: float = 0.0,
    training: bool = False,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Return the context (..., N, V), and the weights (..., N, M) where `need_weights`, else None.

    query (..., N, D), key (..., M, Dk), value (..., M, V); leading axes broadcast. `mask` is anything
    `as_mask` takes: boolean (True = may attend) or valid lengths. `bias`, which broadcasts to (..., N, M), is
    added to the scores. `normaliser(scores, mask)` makes weights of scores. `dropout` falls on the weights,
    only where `training`; the weights returned are those before it.

    A query without a permitted key gets a zero context and a zero gradient. Keys and values that no query
    may attend to take no part, be they NaN or infinite.

    For keys that meet many queries, `projected` takes `score.project_keys(key)`, computed once. Keys and
    values are then used as they come: where their padding may not be finite, `blank` it first.

    Where fused code makes the same context faster, it does; `backend` forces the choice.

    Raises ValueError where the shapes do not go together.

    >>> from attnrun.attention import ScaledDot
    >>> query, key, value = torch.zeros(1, 1, 4), torch.zeros(1, 3, 4), torch.tensor([[[1.0], [2.0], [6.0]]])
    >>> context, weights = attend(ScaledDot(4, 4), query, key, value, torch.tensor([2]), need_weights=True)
    >>> context, weights
    (tensor([[[1.5000]]]), tensor([[[0.5000, 0.5000, 0.0000]]]))
    """
    shape = checked_shape(query, key, value, key if projected is None else projected)
    if mask is not None:
        mask = as_mask(mask, shape)
        if torch.is_grad_enabled():  # for the gradient of a query that sees nothing
            query = blank(query, mask.any(-1))
        if projected is None:  # a decoder prepares its keys once, not at every step
            key, value = blank(key, mask.any(-2)), blank(value, mask.any(-2))
    keys = score.checked_keys(query, key) if projected is None else projected
    dropout = dropout if training else 0.0
    context = fused_context(score, query, keys, value, mask, bias, normaliser, dropout, need_weights)
    if context is not None and not need_weights:
        return context, None
    scores = score.score_projected(query, keys)
    if bias is not None:
        scores = (scores + bias).to(scores.dtype)  # a bias may be wider than scores of a half type
    weights = normaliser(scores, mask)  # (..., N, M)
    if context is None:
        context = score.pool(dropped(weights, dropout), value)  # (..., N, V)
    return context, score.shares(weights, value) if need_weights else None
