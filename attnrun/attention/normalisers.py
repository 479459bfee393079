"""Normalisers beside the softmax: what turns scores (..., N, M) into weights of the same shape.

Each is called as `name(scores, mask=None, *, keys of its config)`; `mask` is what `as_mask` takes, boolean
(True = may attend) or valid lengths. What all of them keep to:
- masked weights are exactly 0, whatever the score there, NaN included; a score of -inf counts as masked;
- a row without a permitted key is all zeros and passes back a gradient of zero;
- half types are computed in float32 and returned in their own.

Letters: N queries, M keys; z the scores of a row, w its weights, τ its threshold.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from attnrun.attention.masks import permitted
from attnrun.attention.softmax import masked_softmax, wide
from attnrun.ranges import PositiveInt


def sparsemax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """w = [z - τ]₊: of all weights that sum to 1 those nearest to the scores, many of them exactly 0.

    Scores (..., N, M) -> weights (..., N, M). Martins and Astudillo 2016, algorithm 1. Adding a constant to a
    row of scores changes nothing.

    Raises ValueError where the mask does not fit the scores.
    """
    return _on_permitted(_sparsemax, scores, mask)


def entmax15(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """w = [z / 2 - τ]₊², the 1.5-entmax: between softmax and sparsemax, with exact zeros.

    Scores (..., N, M) -> weights (..., N, M). Peters, Niculae and Martins 2019, algorithm 2. Adding a
    constant to a row of scores changes nothing.

    Raises ValueError where the mask does not fit the scores.
    """
    return _on_permitted(_entmax15, scores, mask)


def masked_sigmoid(scores: Tensor, mask: Tensor | None = None, *, bias: float | None = None) -> Tensor:
    """w = sigmoid(z + b): each key is weighed by itself, and the weights need not sum to 1.

    Scores (..., N, M) -> weights (..., N, M). Ramapuram et al. 2024, section 2. Without a `bias`, b is their
    -log M, so that weights start near 1 / M; M is here the number of keys that the query may attend to: then
    neither padding nor decoding step by step changes a weight.

    Raises ValueError where the mask does not fit the scores.
    """
    attends = permitted(scores, mask)
    kept = scores.to(wide(scores)).masked_fill(~attends, 0.0)
    offset = -attends.sum(-1, keepdim=True).clamp(min=1).to(kept.dtype).log() if bias is None else bias
    return (kept + offset).sigmoid().masked_fill(~attends, 0.0).to(scores.dtype)


def top_k_softmax(scores: Tensor, mask: Tensor | None = None, *, k: PositiveInt = 8) -> Tensor:
    """Softmax over the `k` permitted keys of largest score; the other weights are 0.

    Scores (..., N, M) -> weights (..., N, M). Gupta et al. 2021. With k or fewer keys permitted it is the
    softmax. Keys that tie for the last place all stay: which of them a sort puts first depends on their order
    and on the device, and weights should not.

    Raises ValueError where `k` is not positive or the mask does not fit the scores.
    """
    if k < 1:
        raise ValueError(f"top-k needs a k of at least 1, got {k}")
    attends = permitted(scores, mask)
    ranked = scores.detach().masked_fill(~attends, -torch.inf).topk(min(k, scores.shape[-1])).values
    return masked_softmax(scores, attends & ~(scores < ranked[..., -1:]))  # so put, a NaN is not dropped


def _on_permitted(rule: Callable[[Tensor], Tensor], scores: Tensor, mask: Tensor | None) -> Tensor:
    """Apply a rule that takes scores of largest value 0 in each row, -inf where a key is masked."""
    masked = ~permitted(scores, mask)
    if not scores.numel():
        return scores.clone()
    # An empty row goes through the rule as zeros: of -inf alone its derivatives would be NaN.
    empty = masked.all(-1, keepdim=True)
    finite = scores.to(wide(scores)).masked_fill(masked, -torch.inf).masked_fill(empty, 0.0)
    weights = rule(finite - finite.detach().amax(-1, keepdim=True))
    return weights.masked_fill(masked, 0.0).to(scores.dtype)


# Both rules find their support first, by sorting and without a gradient. Given the support, τ has a closed
# form in the scores, and its derivative is that of the whole: autograd needs no help.


def _sparsemax(shifted: Tensor) -> Tensor:
    support = _support(shifted, power=1)
    size = support.sum(-1, keepdim=True)
    threshold = (_kept(shifted, support).sum(-1, keepdim=True) - 1) / size
    return (shifted - threshold).relu()


def _entmax15(shifted: Tensor) -> Tensor:
    half = shifted / 2
    support = _support(half, power=2)
    size = support.sum(-1, keepdim=True)
    mean = _kept(half, support).sum(-1, keepdim=True) / size
    spread = _kept(half - mean, support).square().sum(-1, keepdim=True)
    threshold = mean - ((1 - spread) / size).sqrt()  # under the root stands mean(√w)², at least 1 / M²
    return (half - threshold).relu().square()


def _support(shifted: Tensor, *, power: int) -> Tensor:
    """Return which keys have weights above 0 where w = [z - τ]₊ to the `power` 1 or 2.

    A key is one of them when the larger ones, with the threshold put at its own score z_k, would weigh less
    than 1 together: Σ_j (z_j - z_k)^power < 1 over z_j > z_k. Summed up from the gaps between neighbours in
    the sorted row, every term is positive; in sums of scores and of their squares much would cancel.
    """
    ranked = shifted.detach().sort(-1, descending=True).values
    gaps = -ranked.diff(dim=-1, prepend=ranked[..., :1])
    steps = gaps * torch.arange(ranked.shape[-1], device=ranked.device)
    above = steps.cumsum(-1)  # Σ_j (z_j - z_k)
    if power == 2:
        above = (gaps * (2 * above - steps)).cumsum(-1)  # Σ_j (z_j - z_k)²
    size = (above < 1).sum(-1, keepdim=True).clamp(min=1)
    smallest = ranked.gather(-1, size - 1)
    return ~(shifted < smallest)  # so put, NaN is in the support and makes the row NaN: it is not hidden


def _kept(values: Tensor, support: Tensor) -> Tensor:
    return torch.where(support, values, 0.0)
