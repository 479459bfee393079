"""Losses as (sum, count), so that batches of unequal size add up to an exact mean.

Letters: B batch, T target length, D state size, K vocabulary size, R real (not padding) positions.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, targets: Tensor, pad_id: int, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy in nats summed over the real targets, and their number.

    Args:
        logits: (..., K).
        targets: (...) token ids; those equal to `pad_id` do not count.
        label_smoothing: share of the target distribution spread evenly over all K
            (Szegedy et al. 2016, section 7).
    """
    real = targets != pad_id
    return _summed(logits[real], targets[real], label_smoothing), real.sum()


def projected_cross_entropy(
    states: Tensor,
    projection: Callable[[Tensor], Tensor],
    targets: Tensor,
    pad_id: int,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """As `cross_entropy` of `projection(states)`, but only the real positions are projected at all.

    Args:
        states: (B, T, D) before the vocabulary projection.
        projection: (R, D) -> (R, K).
        targets: (B, T).
    """
    real = targets != pad_id
    return _summed(projection(states[real]), targets[real], label_smoothing), real.sum()


def _summed(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """(R, K), (R,) -> scalar; half precision is summed in float32."""
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
