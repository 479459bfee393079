"""Attention: values averaged by how well their keys answer the query. The eager reference."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.masks import as_mask, blank
from attnrun.attention.scores import Score, scores_shape
from attnrun.attention.softmax import masked_softmax

Normaliser = Callable[[Tensor, Tensor | None], Tensor]


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

    Raises ValueError where the shapes do not go together.
    """
    keys = key if projected is None else projected
    shape = checked_shape(query, key, value, keys)
    if mask is not None:
        mask = as_mask(mask, shape)
        query = blank(query, mask.any(-1))
        if projected is None:  # a decoder prepares its keys once, not at every step
            keys, value = blank(keys, mask.any(-2)), blank(value, mask.any(-2))
    scores = score(query, keys) if projected is None else score.score_projected(query, keys)
    if bias is not None:
        scores = (scores + bias).to(scores.dtype)  # a bias may be wider than scores of a half type
    weights = normaliser(scores, mask)  # (..., N, M)
    context = F.dropout(weights, dropout, training) @ value  # (..., N, V)
    return context, weights if need_weights else None


def checked_shape(query: Tensor, key: Tensor, value: Tensor, projected: Tensor) -> tuple[int, ...]:
    """Return the shape (..., N, M) of the scores; raise ValueError where the shapes do not go together."""
    shapes = {"query": query.shape, "key": key.shape, "value": value.shape, "projected": projected.shape}
    told = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items() if name != "projected")
    if min(len(shape) for shape in shapes.values()) < 2:
        raise ValueError(f"attend takes query (..., N, D), key (..., M, Dk), value (..., M, V); got {told}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"key has M = {key.shape[-2]} rows and value {value.shape[-2]}: {told}")
    if projected.shape[-2] != key.shape[-2]:
        raise ValueError(f"projected {tuple(projected.shape)} is not of these keys: {told}")
    try:
        scores_shape(key, value)
        return scores_shape(query, key)
    except RuntimeError:
        raise ValueError(f"leading axes do not broadcast: {told}") from None
