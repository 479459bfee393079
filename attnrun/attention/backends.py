"""Backends: which code makes the context, where there is more than one.

"eager" is the reference in `attend`: scores, weights, context one after the other. "fused" makes the context
without ever holding the weights (..., N, M): torch's scaled dot product for scores that are dot products,
sums over the keys for linear attention. "auto" takes the fused code where there is some that is faster.

Letters: B batch, H heads, N queries, M keys, F size of features, V value size.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.linear import linear_context
from attnrun.attention.masks import blank
from attnrun.attention.scores import Score, scores_shape
from attnrun.attention.softmax import HALF, Normaliser, exactly, is_softmax

Backend = Literal["auto", "eager", "fused"]

# Measured on a CPU: with fewer scores, or queries to a row of keys, fused code is no faster, or slower.
FEW_SCORES = 2**15
FEW_QUERIES = 8
# On a CPU, torch's gradient in half types is slower than in float32 below so many keys, up to 6 times.
MANY_KEYS = 512

_backend: ContextVar[Backend] = ContextVar("attention_backend", default="auto")


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Choose what makes the contexts of every `attend` within: "auto", "eager" or "fused".

    Where "fused" has no code for an attention, `attend` raises ValueError and says why. Weights are always
    those of the eager reference. Second derivatives need "eager", and scores small enough to be made at once.

    Raises ValueError where there is no backend of that name.

    >>> from attnrun.attention import ScaledDot, attend
    >>> with backend("fused"):
    ...     attend(ScaledDot(2, 2), torch.zeros(1, 2), torch.zeros(2, 2), torch.tensor([[1.0], [3.0]]))
    (tensor([[2.]]), None)
    """
    if name not in get_args(Backend):
        raise ValueError(f"no attention backend {name!r}; there are {', '.join(get_args(Backend))}")
    token = _backend.set(name)
    try:
        yield
    finally:
        _backend.reset(token)


def eager_alone() -> bool:
    """Return whether every context is the eager reference's now."""
    return _backend.get() == "eager"


def fused_context(
    score: Score,
    query: Tensor,
    keys: Tensor,
    value: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    normaliser: Normaliser,
    dropout: float,
    need_weights: bool,
) -> Tensor | None:
    """Return the context (..., N, V), or None where the eager reference is to make it.

    keys (..., M, P) are projected; mask is boolean with the axes of the scores. Raises ValueError where
    "fused" is forced and there is no such code.
    """
    choice = _backend.get()
    if choice == "eager" or (choice == "auto" and (need_weights or not _pays(query, keys, bias, dropout))):
        return None
    made = _fused(score, query, keys, value, mask, bias, normaliser, dropout)
    if isinstance(made, Tensor):
        return made
    if choice == "fused":
        raise ValueError(f"attention has no fused form here: {made}; backend 'auto' takes the eager one")
    return None


def _pays(query: Tensor, keys: Tensor, bias: Tensor | None, dropout: float) -> bool:
    """Return whether fused code is expected to be faster."""
    if not query.is_cpu:
        return True
    if dropout or (bias is not None and bias.requires_grad):
        return False  # torch's fast code for a CPU has neither
    return query.shape[-2] >= FEW_QUERIES and math.prod(scores_shape(query, keys)) >= FEW_SCORES


def _fused(
    score: Score,
    query: Tensor,
    keys: Tensor,
    value: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    normaliser: Normaliser,
    dropout: float,
) -> Tensor | str:
    """The context by fused code, or the reason why there is none."""
    if not is_softmax(normaliser):
        name = getattr(getattr(normaliser, "func", normaliser), "__name__", "given")  # a partial has a func
        return f"the normaliser {name} is not the softmax"
    if mask is not None and not torch.is_grad_enabled():  # with gradients `attend` has done so
        query = blank(query, mask.any(-1))  # NaN would go through torch's masks
    dot = score.as_dot(query, keys)
    if dot is not None:
        return _dot_context(*dot, value, mask, bias, dropout)
    features = score.as_features(query, keys)
    if features is None:
        return f"{type(score).__name__} is no dot product, or none that is exact for these inputs"
    if bias is not None or dropout:
        return "linear attention has no place for a bias or for dropout"
    if mask is not None and mask.shape[-2] != 1:
        return "linear attention needs a mask (..., 1, M), the same for every query"
    phi_q, phi_k = features
    return linear_context(phi_q, phi_k if mask is None else blank(phi_k, mask.squeeze(-2)), value)[0]


def _dot_context(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, bias: Tensor | None, dropout: float
) -> Tensor:
    """The context of the masked softmax over q · k: query (..., N, F), key (..., M, F), value (..., M, V)."""
    added = _added(mask, bias, query.dtype)
    size, features = value.shape[-1], query.shape[-1]
    if size != features:  # torch's fast code knows one size; zeros change neither products nor contexts
        query, key, value = (F.pad(x, (0, max(size, features) - x.shape[-1])) for x in (query, key, value))
    parts = (query, key, value)
    given = torch.broadcast_shapes(*(x.shape[:-2] for x in parts))  # type: ignore[no-untyped-call]
    leading = (1,) * (2 - len(given)) + given
    query, key, value = (_four_axes(x, (*leading, *x.shape[-2:])) for x in parts)
    if added is not None:
        rows = added.shape[-3:] if added.dim() > 2 else (1, *added.shape)
        added = _four_axes(added, (*leading[:-1], *rows))
    seen = None
    if added is not None and not added.is_cpu:
        added, seen = sighted(added)
    context = _scaled_dot(query, key, value, added, dropout)
    context = context if seen is None else blank(context, seen)
    return context.reshape(*given, *context.shape[-2:])[..., :size]


def _scaled_dot(query: Tensor, key: Tensor, value: Tensor, added: Tensor | None, dropout: float) -> Tensor:
    """The context by torch's code, (B, H, N, V)."""
    half = _half_type(query)
    if half is None or not query.is_cpu or not torch.is_grad_enabled() or key.shape[-2] >= MANY_KEYS:
        return F.scaled_dot_product_attention(query, key, value, added, dropout, scale=1.0)
    query, key, value = (part.float() for part in (query, key, value))
    added = added.float() if added is not None and added.is_floating_point() else added
    with exactly(query):
        return F.scaled_dot_product_attention(query, key, value, added, dropout, scale=1.0).to(half)


def _half_type(query: Tensor) -> torch.dtype | None:
    """Return the half type, if any, in which torch's code computes: the query's own, or that of autocast."""
    if query.dtype in HALF:
        return query.dtype
    device = query.device.type
    by_autocast = query.dtype == torch.float32 and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if by_autocast else None


def sighted(added: Tensor) -> tuple[Tensor, Tensor]:
    """Let queries that see no key see all of them; return also which do see one, (..., N or 1).

    Of such a query torch's code for a CPU makes zeros, that for other devices may make NaN.
    """
    boolean = added.dtype == torch.bool
    seen = (added if boolean else added != -torch.inf).any(-1)
    return added.masked_fill(~seen.unsqueeze(-1), True if boolean else 0.0), seen


def _four_axes(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Broadcast to a shape of four axes or more and make the first ones one."""
    return x.expand(shape).flatten(0, -4)


def _added(mask: Tensor | None, bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what torch takes for mask and bias, (..., N or 1, M)."""
    if bias is None:
        return mask
    return bias.to(dtype) if mask is None else torch.where(mask, bias.to(dtype), -torch.inf)
