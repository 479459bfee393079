"""Linear layers, by the quicker of the two libraries that torch has for products of float32 matrices.

torch multiplies float32 by MKL, which leaves AVX-512 unused on a processor that Intel did not make. oneDNN,
in the same build of torch, uses it: twice as many products a second were measured on a Zen 5 core.
`torch.backends.mkldnn.enabled = False` switches it off.
"""

import platform
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from attnrun.processor import told

# With fewer rows, columns of either side, or multiplications, the way to oneDNN takes longer than it saves.
SHORT, FEW = 32, 2**22
# Of rows with so many columns, but fewer than SHORT, so many products are made up to four times as fast.
LEAST, PAIRS = 4, 2**17
# oneDNN makes code for every number of rows that it meets, in 2 ms, and keeps it, half a megabyte. So rows go
# to it in blocks of MOST, and the rest is filled up to the next of few sizes.
MOST = 1024


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I), weight (O, I), bias (O,) -> x weightᵀ + bias (..., O), as `torch.nn.functional.linear`."""
    if not _quicker(x, weight) or not _usual(bias, weight):
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled():
        made: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return made
    return _onednn(x, weight, bias)


def outer(x: Tensor, y: Tensor) -> Tensor:
    """x (R, I), y (R, O) -> xᵀ y (I, O), the sum over the rows of their outer products."""
    if torch.is_grad_enabled() or not _quicker(x.t(), y.t()):
        return x.t() @ y
    if y.shape[1] < x.shape[1]:  # oneDNN copies what stands first
        return outer(y, x).t()
    total, *rest = (_product(a.t(), b.t()) for a, b in zip(_blocks(x), _blocks(y), strict=True))
    for made in rest:
        total += made
    return total


def pairwise(x: Tensor, y: Tensor) -> Tensor:
    """x (R, I), y (O, I) -> the products of their rows (R, O), where nothing has a gradient."""
    few = LEAST <= x.shape[1] < SHORT and len(x) * len(y) >= PAIRS
    return _onednn(x, y, None) if few and mkl_leaves_avx512_unused() and _takes(x, y) else linear(x, y)


class Linear(nn.Linear):
    """`torch.nn.Linear`, made by `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """input (..., I) -> (..., O)."""
        return linear(input, self.weight, self.bias)


class _Linear(Function):
    """`linear` by oneDNN, whose function in torch has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        in_x, in_weight, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if in_weight else None, weight if in_x else None)
        ctx.shape = x.shape
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows = upstream.reshape(-1, upstream.shape[-1])
        return (
            None if weight is None else linear(rows, weight.t()).view(ctx.shape),
            None if x is None else outer(rows, x.reshape(-1, x.shape[-1])),
            rows.sum(0) if ctx.needs_input_grad[2] else None,
        )


def _quicker(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN multiplies x (..., I) and weight (O, I) sooner, and nothing else is asked for."""
    return bool(
        not (torch.compiler.is_compiling() or torch._C._is_tracing())
        and mkl_leaves_avx512_unused()
        and weight.dim() == 2
        and x.numel() * weight.size(0) >= FEW
        and min(weight.shape) >= SHORT
        and x.numel() >= SHORT * weight.shape[1]
        and _takes(x, weight)
    )


def _takes(x: Tensor, weight: Tensor) -> bool:
    """Whether this build's oneDNN multiplies what x and weight are, and is to."""
    return bool(
        x.is_cpu
        and x.dtype == weight.dtype == torch.float32
        and torch.backends.mkldnn.enabled
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._are_functorch_transforms_active()
    )


def _usual(bias: Tensor | None, weight: Tensor) -> bool:
    return bias is None or (bias.is_cpu and bias.dtype == weight.dtype and bias.shape == weight.shape[:1])


@cache
def mkl_leaves_avx512_unused() -> bool:
    """Whether this processor has AVX-512, and torch multiplies by an MKL that does without it there."""
    capable = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return capable and "AuthenticAMD" in maker() and _has_both()


def maker() -> str:
    """Return the words by which the system says who made the processor."""
    return told("vendor_id") or platform.processor()


def _has_both() -> bool:
    libraries = torch.backends.mkl.is_available(), torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return all(libraries) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    weight, bias = _dense(weight), None if bias is None else bias.contiguous()
    count = x.numel() // x.shape[-1]
    if count == whole(count) <= MOST:
        return _product(x.contiguous(), weight, bias)
    made = [_product(block, weight, bias) for block in _blocks(x.reshape(-1, x.shape[-1]))]
    rows = made[0] if len(made) == 1 else torch.cat(made)
    shaped = rows[:count].view(*x.shape[:-1], len(weight))
    return shaped.detach()  # autograd lets nobody change a view in place


def whole(rows: int) -> int:
    """Return the next size that has no more than three digits in binary beside its zeros at the end."""
    step = 1 << max((rows - 1).bit_length() - 3, 3)
    return -(-rows // step) * step


def _blocks(rows: Tensor) -> Iterator[Tensor]:
    for block in torch.split(_dense(rows), MOST):
        missing = whole(len(block)) - len(block)
        yield F.pad(block, (0, 0, 0, missing)) if missing else block


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return made


def _dense(x: Tensor) -> Tensor:
    """x, or a copy of it where neither it nor its transpose is contiguous."""
    return x if x.is_contiguous() or x.t().is_contiguous() else x.contiguous()
