"""Attention alone, forward and backward: additive, and a multi-head block with padding.

Letters: B batch, N queries, M keys, L tokens, E model size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnrun.attention import Additive, MultiHead, ScaledDot, attend
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.texts import GetTexts


@dataclass(frozen=True)
class Inputs:
    """What attention is given, and the gradient that comes back to its output."""

    query: Tensor  # (B, N, E)
    key: Tensor  # (B, M, E)
    value: Tensor  # (B, M, E)
    lengths: Tensor  # (B,) of the keys that are real
    upstream: Tensor  # (B, N, E)
    heads: int = 1

    @property
    def real(self) -> Tensor:
        """Which keys are real, (B, M)."""
        return torch.arange(self.key.shape[1]) < self.lengths[:, None]

    def both_ways(self, module: nn.Module, forward: Callable[[], Tensor]) -> Callable[[], None]:
        """Return a call of `forward` and of its backward pass, gradients made anew."""

        def call() -> None:
            module.zero_grad(set_to_none=True)
            for tensor in (self.query, self.key, self.value):
                tensor.grad = None
            forward().backward(self.upstream)  # type: ignore[no-untyped-call]

        return call


def attention(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """Additive attention, then multi-head blocks of several lengths; the inputs are `Inputs`."""
    batch, queries, keys, size = sizes.additive
    inputs = additive_inputs(batch, queries, keys, size)
    title = f"additive attention, forward + backward, B={batch} {queries}x{keys} hidden {size}"
    yield Table("additive", title, "", {OURS: Row(_additive(inputs))}, inputs, with_memory=True)
    for length in sizes.block_lengths:
        inputs = block_inputs(max(1, sizes.block_tokens // length), length, sizes)
        shape = f"B={len(inputs.query)} length {length}, size {sizes.block_model}, {inputs.heads} heads"
        title = f"multi-head block with padding, forward + backward, {shape}"
        rows = {OURS: Row(block(inputs))}
        yield Table(f"block-{length}", title, "", rows, inputs, with_memory=True)


def additive_inputs(batch: int, queries: int, keys: int, size: int) -> Inputs:
    """Return random queries, keys and values; between half and all keys of a batch are real."""
    make = torch.Generator().manual_seed(0)
    parts = [torch.randn(batch, n, size, generator=make) for n in (queries, keys, keys, queries)]
    lengths = torch.randint(keys // 2, keys + 1, (batch,), generator=make)
    query, key, value = (part.requires_grad_() for part in parts[:3])
    return Inputs(query, key, value, lengths, parts[3])


def block_inputs(batch: int, length: int, sizes: Sizes) -> Inputs:
    """Return random sequences that attend to themselves; between half and all tokens of each are real."""
    make = torch.Generator().manual_seed(0)
    x, upstream = (torch.randn(batch, length, sizes.block_model, generator=make) for _ in range(2))
    lengths = torch.randint(length // 2, length + 1, (batch,), generator=make)
    x.requires_grad_()
    return Inputs(x, x, x, lengths, upstream, sizes.block_heads)


def _additive(inputs: Inputs) -> Callable[[], None]:
    size = inputs.query.shape[-1]
    score = Additive(size, size, hidden=size)

    def forward() -> Tensor:
        return attend(score, inputs.query, inputs.key, inputs.value, inputs.lengths)[0]

    return inputs.both_ways(score, forward)


def block(inputs: Inputs) -> Callable[[], None]:
    """Return a call of the whole block, projections included, and of its backward pass."""
    size = inputs.query.shape[-1]
    module = MultiHead(size, size, size, size, inputs.heads, ScaledDot)

    def forward() -> Tensor:
        output: Tensor = module(inputs.query, inputs.key, inputs.value, inputs.lengths)[0]
        return output

    return inputs.both_ways(module, forward)
