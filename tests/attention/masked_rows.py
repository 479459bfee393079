"""Scores (B, N, M) for the tests of normalisers, and masks with a row of nothing and one of everything."""

import torch
from torch import Tensor

B, N, M = 2, 5, 7
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def random_scores(*shape: int, dtype: torch.dtype = torch.float64, spread: float = 1.0) -> Tensor:
    return (torch.randn(*shape, dtype=torch.float64) * spread).to(dtype)


def random_mask() -> Tensor:
    mask = torch.rand(B, N, M) < 0.6
    mask[0, 0] = False
    mask[1, 2] = True
    return mask
