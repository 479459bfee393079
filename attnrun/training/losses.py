"""The loss of predicting tokens, as (sum, count), so that batches of unequal size add up to an exact mean.

Letters: B batch, T target length, D state size, K vocabulary size, R real (not padding) positions.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from attnrun.attention.dense import linear, outer, whole

# Logits held at one time. On a CPU they stay in its cache; a GPU wants large products.
_FEW, _MANY = 2**21, 2**26


def linear_cross_entropy(
    states: Tensor, output: nn.Linear, targets: Tensor, pad_id: int, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of `output(states)` in nats, summed over the real targets, and their number.

    Only real positions are projected, a block of them at a time: the logits (R, K), by far the largest
    tensor of a small model, are never held at once, and the gradient is made while a block is at hand. It
    can be taken once.

    Args:
        states: (B, T, D) before the projection to the vocabulary.
        output: from D to K.
        targets: (B, T) token ids; those equal to `pad_id` do not count.
        label_smoothing: share of the target distribution spread evenly over all K
            (Szegedy et al. 2016, section 7).
    """
    real = targets != pad_id
    graded = torch.is_grad_enabled()  # a function of autograd cannot tell
    inputs = states[real], output.weight, output.bias, targets[real], label_smoothing, graded
    total: Tensor = _LinearCrossEntropy.apply(*inputs)  # type: ignore[no-untyped-call]
    return total, real.sum()


class _LinearCrossEntropy(torch.autograd.Function):
    """states (R, D), weight (K, D), bias (K,) or None, targets (R,) -> the sum.

    With p the softmax of a row's logits z, t its target and ε the smoothing, the loss of the row is
    log Σ exp z - (1 - ε) z_t - ε mean(z), and its gradient by z is p - (1 - ε) [t] - ε / K.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        graded: bool,
    ) -> Tensor:
        total = states.new_zeros((), dtype=torch.promote_types(states.dtype, torch.float32))
        wanted = graded and any(ctx.needs_input_grad)
        parts = (states, weight.t(), bias)  # the way round in which the weight's gradient is made fastest
        gradients = [x.new_zeros(x.shape) for x in parts if x is not None and wanted]
        rows = whole(max(1, (_FEW if states.is_cpu else _MANY) // len(weight)))
        for start in range(0, len(states), rows):
            block = slice(start, start + rows)
            made = linear(states[block], weight, bias)  # (rows, K), by autocast in a half type
            logits = made.to(total.dtype)
            total += _loss_and_gradient(logits, targets[block, None], smoothing)
            if wanted:
                _add_gradients(gradients, block, logits.to(made.dtype), states[block], weight)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:
        by_states, by_weight, *by_bias = (made * factor.to(made.dtype) for made in ctx.saved_tensors)
        return by_states, by_weight.t(), by_bias[0] if by_bias else None, None, None, None


def _loss_and_gradient(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the loss of logits (rows, K) at targets (rows, 1), and turn the logits into its gradient."""
    at_targets = logits.gather(1, targets)
    evenly = logits.mean(1, keepdim=True) if smoothing else 0.0
    greatest = logits.amax(1, keepdim=True)
    sums = logits.sub_(greatest).exp_().sum(1, keepdim=True)
    losses = greatest + sums.log() - (1 - smoothing) * at_targets - smoothing * evenly
    logits.div_(sums)
    if smoothing:
        logits.sub_(smoothing / logits.shape[1])
    logits.scatter_add_(1, targets, torch.full_like(at_targets, smoothing - 1))
    return losses.sum()


def _add_gradients(
    gradients: list[Tensor], block: slice, by_logits: Tensor, states: Tensor, weight: Tensor
) -> None:
    """Add what the rows of a block, with their gradient (rows, K), give to states, weight (D, K) and bias."""
    by_states, by_weight, *by_bias = gradients
    by_states[block] = linear(by_logits, weight.t())
    by_weight += outer(states, by_logits)
    if by_bias:
        by_bias[0] += by_logits.sum(0)
