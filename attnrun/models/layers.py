"""The layers of a Transformer (Vaswani et al. 2017, sections 3.1 to 3.3), with any score in their attention.

Letters: B batch, N queries, M keys, S source length, E model size, H heads, G heads of keys and values, D the
size of a head.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism, MultiHead, causal_mask
from attnrun.attention.dense import Linear
from attnrun.attention.locality import Kind
from attnrun.attention.positions import Position
from attnrun.errors import UserError
from attnrun.models.seq2seq import consult

Projected = tuple[Tensor, Tensor]  # keys (B, G, M, D) and values (B, G, M, D), ready for queries

ACTIVATIONS: dict[str, type[nn.ReLU] | type[nn.GELU]] = {"relu": nn.ReLU, "gelu": nn.GELU}


@dataclass(frozen=True)
class Parts:
    """What all layers of a model are made of.

    Attributes:
        mechanism: the score, normaliser, positions, locality and heads of every attention.
        size: E; the number of heads must divide it.
        feedforward: size between the two matrices of a feed-forward layer.
        dropout: on embeddings, and on what each layer adds.
        attention_dropout: on the weights.
        norm: "post" normalises the sum of a layer and the way round it, "pre" the layer's input.
        activation: of the feed-forward layer.
        bias: whether the projections of an attention have one.

    Raises UserError without a score.
    """

    mechanism: Mechanism
    size: int
    feedforward: int
    dropout: float
    attention_dropout: float
    norm: Literal["pre", "post"]
    activation: Literal["relu", "gelu"]
    bias: bool

    def __post_init__(self) -> None:
        if self.mechanism.attention is None:
            raise UserError(
                "a Transformer cannot do without attention; choose attention=scaled-dot, attention=average "
                "where weights must not depend on content, or an RNN, as experiment translation does"
            )

    def attention(self, kind: Kind, position: Position | None = None) -> MultiHead:
        """Return an attention of vectors of size E to vectors of size E."""
        size = self.size
        return self.mechanism.build(
            size, size, size, kind, position, bias=self.bias, dropout=self.attention_dropout
        )


class Residual(nn.Module):
    """The way round a layer f: norm(x + f(x)), or x + f(norm(x)) where the norm comes first.

    Post-norm: Vaswani et al. 2017, section 3.1. Pre-norm: Xiong et al. 2020, table 1.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.first = parts.norm == "pre"
        self.norm = nn.LayerNorm(parts.size)
        self.dropout = Dropout(parts.dropout)

    def before(self, x: Tensor) -> Tensor:
        """What the layer reads."""
        read: Tensor = self.norm(x) if self.first else x
        return read

    def after(self, x: Tensor, made: Tensor) -> Tensor:
        """The sum of x and what the layer made of it."""
        total: Tensor = x + self.dropout(made)
        return total if self.first else self.norm(total)


class SelfAttention(nn.Module):
    """Every place of a sequence looks at its own sequence."""

    def __init__(self, parts: Parts, position: Position) -> None:
        super().__init__()
        self.attention = parts.attention("self", position)
        self.residual = Residual(parts)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> the same shape, and the weights (B, H, N, N) where asked for."""
        read = self.residual.before(x)
        made, weights = self.attention(read, read, read, mask, need_weights=need_weights)
        return self.residual.after(x, made), weights

    def extend(
        self, x: Tensor, past: Projected, need_weights: bool = False
    ) -> tuple[Tensor, Projected, Tensor | None]:
        """Go on with a causal sequence: x (B, N, E) stands after the places in `past`, none of which sees it.

        Return what `forward` under a causal mask gives at these places, and the past that holds them too.
        """
        read = self.residual.before(x)
        offset, new = past[0].shape[-2], x.shape[-2]
        keys, values = self.attention.project(read, read, offset)
        known = torch.cat([past[0], keys], -2), torch.cat([past[1], values], -2)
        mask = causal_mask(new, offset + new, device=x.device) if new > 1 else None
        made, weights = self.attention.attend(read, known, mask, offset=offset, need_weights=need_weights)
        return self.residual.after(x, made), known, weights


class CrossAttention(nn.Module):
    """Every place of a target looks at the source."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.attention = parts.attention("cross")
        self.residual = Residual(parts)

    def forward(
        self, x: Tensor, source: Projected, mask: Tensor, need_weights: bool = False, offset: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> the same shape, and the weights (B, H, N, S); mask (B, 1, S).

        The first of x stands at place `offset` of the target. Of one place a sentence may have several rows,
        as `seq2seq.consult` takes them.
        """
        read = self.residual.before(x)
        made, weights = consult(self.attention, read, source, mask, offset, need_weights)
        return self.residual.after(x, made), weights


class FeedForward(nn.Module):
    """activation(x W_1 + b_1) W_2 + b_2 at every place (Vaswani et al. 2017, section 3.3, eq. 2)."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.widen = Linear(parts.size, parts.feedforward)
        self.activation = ACTIVATIONS[parts.activation]()
        self.narrow = Linear(parts.feedforward, parts.size)
        self.residual = Residual(parts)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, N, E) -> the same shape."""
        made = self.narrow(self.activation(self.widen(self.residual.before(x))))
        return self.residual.after(x, made)


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward layer."""

    def __init__(self, parts: Parts, position: Position) -> None:
        super().__init__()
        self.self_attention = SelfAttention(parts, position)
        self.feedforward = FeedForward(parts)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> the same shape, and the weights (B, H, N, N) where asked for."""
        x, weights = self.self_attention(x, mask, need_weights)
        return self.feedforward(x), weights

    def extend(
        self, x: Tensor, past: Projected, need_weights: bool = False
    ) -> tuple[Tensor, Projected, Tensor | None]:
        """As `SelfAttention.extend`."""
        x, known, weights = self.self_attention.extend(x, past, need_weights)
        return self.feedforward(x), known, weights


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the source, and a feed-forward layer."""

    def __init__(self, parts: Parts, position: Position) -> None:
        super().__init__()
        self.self_attention = SelfAttention(parts, position)
        self.cross_attention = CrossAttention(parts)
        self.feedforward = FeedForward(parts)

    def forward(
        self, x: Tensor, mask: Tensor, source: Projected, source_mask: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, E) -> the same shape, and the weights (B, H, N, S) over the source where asked for."""
        x, _ = self.self_attention(x, mask)
        x, weights = self.cross_attention(x, source, source_mask, need_weights)
        return self.feedforward(x), weights

    def look(self, x: Tensor, mask: Tensor, source: Projected, source_mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, with the weights (B, H, N, N) of the self-attention."""
        x, own = self.self_attention(x, mask, need_weights=True)
        x, _ = self.cross_attention(x, source, source_mask)
        return self.feedforward(x), own

    def extend(
        self, x: Tensor, past: Projected, source: Projected, source_mask: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Projected, Tensor | None]:
        """As `SelfAttention.extend`; the weights are those over the source."""
        x, known, _ = self.self_attention.extend(x, past)
        x, weights = self.cross_attention(x, source, source_mask, need_weights, past[0].shape[-2])
        return self.feedforward(x), known, weights
