"""Linear layers, by the quicker of the two libraries that torch has for products of float32 matrices.

torch multiplies float32 by MKL, which leaves AVX-512 unused on a processor that Intel did not make. oneDNN,
in the same build of torch, uses it: twice as many products a second were measured on a Zen 5 core.
"""

import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

FEW = 2**20  # multiplications, below which the way to oneDNN takes longer than it saves
# oneDNN makes code for every size that it meets, in 2 ms, and keeps it, half a megabyte. So rows go to it in
# blocks of few sizes, filled up with zeros.
ROWS, STEP = 1024, 32


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I), weight (O, I), bias (O,) -> x weightᵀ + bias (..., O), as `torch.nn.functional.linear`."""
    if not _quicker(x, weight):
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


class Linear(nn.Linear):
    """`torch.nn.Linear`, made by `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """input (..., I) -> (..., O)."""
        return linear(input, self.weight, self.bias)


class _Linear(Function):
    """`linear` by oneDNN, whose function in torch has no gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _onednn(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows, above = x.reshape(-1, x.shape[-1]), upstream.reshape(-1, upstream.shape[-1])
        in_x, in_weight, in_bias = ctx.needs_input_grad
        return (
            linear(above, weight.t()).view(x.shape) if in_x else None,
            outer(above, rows) if in_weight else None,
            above.sum(0) if in_bias else None,
        )


def _quicker(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN is the quicker one here, and torch's own ways with a linear layer lose nothing by it."""
    return (
        leaves_avx512_unused()
        and x.is_cpu
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * len(weight) >= FEW
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


@cache
def leaves_avx512_unused() -> bool:
    """Whether MKL does, on the processor that this process runs on."""
    capable = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return capable and "AMD" in vendor() and _has_both()


def vendor() -> str:
    """Return the words by which the system says who made the processor."""
    if (file := Path("/proc/cpuinfo")).exists():
        with file.open() as lines:
            return next((line for line in lines if line.startswith("vendor_id")), "")
    return platform.processor()


def _has_both() -> bool:
    libraries = torch.backends.mkl.is_available(), torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return all(libraries) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows, weight = x.reshape(-1, x.shape[-1]), _dense(weight)
    made = [_product(block, weight, bias) for block in _blocks(rows)]
    whole = made[0] if len(made) == 1 else torch.cat(made)
    return whole[: len(rows)].view(*x.shape[:-1], len(weight))


def _blocks(rows: Tensor) -> Iterator[Tensor]:
    for block in torch.split(_dense(rows), ROWS):
        missing = -len(block) % STEP
        yield F.pad(block, (0, 0, 0, missing)) if missing else block


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return made


def _dense(x: Tensor) -> Tensor:
    """x, or a copy of it where neither it nor its transpose is contiguous."""
    return x if x.is_contiguous() or x.t().is_contiguous() else x.contiguous()
