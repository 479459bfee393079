"""Dropout, with cheap random numbers on a CPU, where torch's take as long as the layer that they fall on."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEPS = 2**16  # values of a random number


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each number with probability `p` and scale the rest by 1 / (1 - p) (Srivastava et al. 2014).

    On a CPU `p`, at least 0 and below 1, is rounded to a multiple of 2^-16: one draw of 64 random bits
    serves four numbers.
    """
    if not p:
        return x
    if not x.is_cpu:
        return F.dropout(x, p)
    dropped = min(round(p * _STEPS), _STEPS - 1)
    draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - _STEPS // 2
    return x * kept.to(x.dtype).mul_(_STEPS / (_STEPS - dropped))


class Dropout(nn.Module):
    """`dropout` in training, nothing in evaluation."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., F), or x with some of its numbers zero."""
        return dropout(x, self.p) if self.training else x

    def extra_repr(self) -> str:
        return f"p={self.p}"
