"""Attention of other libraries: d2l (the code of Dive into Deep Learning), torch itself, x-transformers."""

from typing import Any

import torch
from torch import Tensor, nn

from attnrun.bench.attention import Inputs
from attnrun.bench.tables import Row
from benchmarks.peers.common import without


def d2l_additive(inputs: Inputs) -> Row:
    """Return the row of d2l's additive attention."""
    module = _d2l().AdditiveAttention(inputs.query.shape[-1], 0.0)

    def forward() -> Tensor:
        output: Tensor = module(inputs.query, inputs.key, inputs.value, inputs.lengths)
        return output

    return _row(inputs, module, forward)


def d2l_block(inputs: Inputs) -> Row:
    """Return the row of d2l's multi-head attention."""
    module = _d2l().MultiHeadAttention(inputs.query.shape[-1], inputs.heads, 0.0)

    def forward() -> Tensor:
        output: Tensor = module(inputs.query, inputs.query, inputs.query, inputs.lengths)
        return output

    return _row(inputs, module, forward)


def torch_block(inputs: Inputs) -> Row:
    """Return the row of `nn.MultiheadAttention`, without weights, which is its quick way."""
    module = nn.MultiheadAttention(inputs.query.shape[-1], inputs.heads, batch_first=True, bias=False)
    padding = ~inputs.real

    def forward() -> Tensor:
        x = inputs.query
        output: Tensor = module(x, x, x, key_padding_mask=padding, need_weights=False)[0]
        return output

    return _row(inputs, module, forward)


def x_block(inputs: Inputs, flash: bool) -> Row:
    """Return the row of x-transformers, with or without torch's fused attention."""
    from x_transformers.x_transformers import Attention

    size = inputs.query.shape[-1]
    module = Attention(size, dim_head=size // inputs.heads, heads=inputs.heads, causal=False, flash=flash)
    real = inputs.real

    def forward() -> Tensor:
        found = module(inputs.query, mask=real)
        output: Tensor = found[0] if isinstance(found, tuple) else found
        return output

    return _row(inputs, module, forward)


def _row(inputs: Inputs, module: nn.Module, forward: Any) -> Row:
    with torch.no_grad():
        forward()  # some modules make their weights now
    return Row(inputs.both_ways(module, forward))


def _d2l() -> Any:
    """Import d2l without torchvision, which it wants for pictures alone."""
    with without("torchvision", "torchvision.transforms"):
        import d2l.torch
    return d2l.torch
