"""The softmax over permitted keys, which turns scores into weights."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.masks import as_mask

HALF = (torch.float16, torch.bfloat16)

# torch's code for a CPU takes the exponentials of shorter rows one by one: many such rows are quicker padded.
ROW = 16
MANY = 1024  # scores

Normaliser = Callable[[Tensor, Tensor | None], Tensor]  # scores (..., N, M), mask -> weights (..., N, M)


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last axis, of the permitted keys alone: scores (..., N, M) -> weights (..., N, M).

    `mask` is anything `as_mask` takes: a boolean tensor that broadcasts to the scores (True = may attend), or
    valid lengths (B,) or (B, N). A score of -inf counts as masked, as a kernel of compact support gives it.

    Masked weights are exactly 0, whatever the score there, NaN included. A row without a permitted key is all
    zeros and passes back a gradient of zero. Half types are computed in float32 and returned in their own.

    Raises ValueError where the mask does not fit the scores.

    >>> masked_softmax(torch.tensor([[1.0, 1.0, 9.0], [5.0, 5.0, 5.0]]), torch.tensor([True, True, False]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    mask = None if mask is None else as_mask(mask, scores.shape)
    if scores.is_cpu and not torch.compiler.is_compiling():  # a GPU would have to be waited for
        # Most masks are smaller than the scores: adding is sooner done than filling, and has no gradient.
        added = scores if mask is None else scores + torch.where(mask, 0.0, -torch.inf).to(scores.dtype)
        weights = _softmax(added).to(scores.dtype)
        # Where a row has no permitted key, or NaN among its scores, all its weights are NaN: one look tells.
        if not math.isnan(weights[..., :1].sum().item()):
            return weights
    finite = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    masked = finite == -torch.inf
    # A row of -inf alone would be NaN, as would its derivative. Both are filled away in the end, but
    # torch.autograd.detect_anomaly would stop there: such a row goes through the softmax as zeros.
    empty = masked.all(-1, keepdim=True)
    return _softmax(finite.masked_fill(empty, 0.0)).masked_fill(masked, 0.0).to(scores.dtype)


def _softmax(finite: Tensor) -> Tensor:
    """The softmax over the last axis, half types as float32; rows of few scores are padded with -inf."""
    size = finite.shape[-1]
    if torch.compiler.is_compiling() or not finite.is_cpu or size >= ROW or finite.numel() < MANY:
        return finite.softmax(-1, dtype=wide(finite))
    padded = F.pad(finite, (0, ROW - size), value=-torch.inf)
    return padded.softmax(-1, dtype=wide(finite))[..., :size]


def is_softmax(normaliser: Normaliser) -> bool:
    """Return whether a normaliser is the masked softmax, by itself or as a config gives it."""
    if isinstance(normaliser, partial) and not normaliser.args and not normaliser.keywords:
        normaliser = normaliser.func
    return normaliser is masked_softmax


def wide(scores: Tensor) -> torch.dtype:
    """Return the type to compute in: float32 for half types, else the scores' own."""
    return torch.float32 if scores.dtype in HALF else scores.dtype


def exactly(x: Tensor) -> AbstractContextManager[None]:
    """Have products within made in the types of their parts, as `wide` gives them, under autocast too."""
    return torch.autocast(x.device.type, enabled=False)
