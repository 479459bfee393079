"""Layers of a Transformer on top of one another, with what stands under the first and over the last.

Letters: B batch, N queries, M keys, S source length, L layers, H heads, E model size, G heads of keys and
values, D the size of a head. A past holds, layer by layer, keys and values (B, G, places so far, D) of the
self-attention.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attnrun.attention import Dropout, causal_mask
from attnrun.models.layers import DecoderLayer, EncoderLayer, Parts, Projected

Tensors = tuple[Tensor, ...]


class Stack(nn.Module):
    """What the two stacks share: the way in, the way out, and the empty past.

    One position scheme serves all layers, as in Raffel et al. 2020, section 2.1. With pre-norm the output,
    a sum nothing has normalised, is normalised once more (Xiong et al. 2020, table 1).
    """

    layers: Sequence[EncoderLayer] | Sequence[DecoderLayer]  # an nn.ModuleList

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.position = parts.mechanism.position(parts.size, parts.mechanism.heads.count)
        self.size = parts.size
        self.dropout = Dropout(parts.dropout)
        self.norm = nn.LayerNorm(parts.size) if parts.norm == "pre" else nn.Identity()

    @property
    def longest(self) -> float:
        """The greatest number of tokens that positions and self-attention know places for."""
        return min(
            self.position.longest, *(made.self_attention.attention.score.longest for made in self.layers)
        )

    def embed(self, embedding: nn.Embedding, tokens: Tensor, offset: int = 0) -> Tensor:
        """tokens (B, N) -> √E times their embeddings, marked with their places, (B, N, E).

        Vaswani et al. 2017, sections 3.4 and 3.5. The first token stands at place `offset`.
        """
        marked: Tensor = self.dropout(self.position.embed(embedding(tokens) * math.sqrt(self.size), offset))
        return marked

    def start(self, sequences: int) -> Tensors:
        """Return a past of no places for so many sequences."""
        one = next(self.parameters()).new_zeros(sequences, 1, self.size)
        pairs = (layer.self_attention.attention.project(one, one) for layer in self.layers)
        return tuple(part[..., :0, :] for pair in pairs for part in pair)


class EncoderStack(Stack):
    """Self-attention layers; under a causal mask also a decoder without a source."""

    layers: Sequence[EncoderLayer]

    def __init__(self, parts: Parts, layers: int) -> None:
        super().__init__(parts)
        self.layers = nn.ModuleList(  # type: ignore[assignment]
            EncoderLayer(parts, self.position) for _ in range(layers)
        )

    def forward(
        self, x: Tensor, mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> states of the same shape, and the weights (B, L, H, N, N) where asked for."""
        looks = []
        for layer in self.layers:
            x, weights = layer(x, mask, need_weights)
            looks.append(weights)
        return self.norm(x), _stacked(looks)

    def extend(
        self, x: Tensor, past: Tensors, need_weights: bool = False
    ) -> tuple[Tensor, Tensors, Tensor | None]:
        """Go on from `past` with x (B, N, E): its states, the longer past, the weights (B, L, H, N, M)."""
        looks: list[Tensor | None] = []
        known: list[Tensor] = []
        for layer, before in zip(self.layers, _pairs(past), strict=True):
            x, now, weights = layer.extend(x, before, need_weights)
            known += now
            looks.append(weights)
        return self.norm(x), tuple(known), _stacked(looks)


class DecoderStack(Stack):
    """Layers that look at what stands before them and at the source."""

    layers: Sequence[DecoderLayer]

    def __init__(self, parts: Parts, layers: int) -> None:
        super().__init__(parts)
        self.layers = nn.ModuleList(  # type: ignore[assignment]
            DecoderLayer(parts, self.position) for _ in range(layers)
        )

    def project(self, states: Tensor) -> Tensors:
        """Keys and values (B, G, S, D) of the encoder's states (B, S, E), layer by layer."""
        pairs = (layer.cross_attention.attention.project(states, states) for layer in self.layers)
        return tuple(part for pair in pairs for part in pair)

    def forward(
        self, x: Tensor, source: Tensors, source_mask: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> states of the same shape, and the weights (B, L, H, N, S) over the source.

        `source` is what `project` returned, source_mask (B, 1, S).
        """
        mask = causal_mask(x.shape[-2], device=x.device)
        looks = []
        for layer, projected in zip(self.layers, _pairs(source), strict=True):
            x, weights = layer(x, mask, projected, source_mask, need_weights)
            looks.append(weights)
        return self.norm(x), _stacked(looks)

    def look(self, x: Tensor, source: Tensors, source_mask: Tensor) -> Tensor:
        """Return the weights (B, L, H, N, N) of the self-attention, for the arguments of `forward`."""
        mask = causal_mask(x.shape[-2], device=x.device)
        looks = []
        for layer, projected in zip(self.layers, _pairs(source), strict=True):
            x, weights = layer.look(x, mask, projected, source_mask)
            looks.append(weights)
        return torch.stack(looks, 1)

    def extend(
        self, x: Tensor, past: Tensors, source: Tensors, source_mask: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensors, Tensor | None]:
        """As `forward`, for places that follow `past`; also return the longer past."""
        looks: list[Tensor | None] = []
        known: list[Tensor] = []
        for layer, before, projected in zip(self.layers, _pairs(past), _pairs(source), strict=True):
            x, now, weights = layer.extend(x, before, projected, source_mask, need_weights)
            known += now
            looks.append(weights)
        return self.norm(x), tuple(known), _stacked(looks)


def _pairs(tensors: Tensors) -> list[Projected]:
    """Two tensors a layer, in a row as a memory or a state keeps them -> one pair a layer."""
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def _stacked(looks: list[Tensor | None]) -> Tensor | None:
    """L weights (B, H, N, M) -> (B, L, H, N, M)."""
    kept = [weights for weights in looks if weights is not None]
    return torch.stack(kept, 1) if kept else None
