"""Convolutional encoder-decoder: no recurrence, and attention in every layer of the decoder.

Gehring, Auli, Grangier, Yarats and Dauphin 2017, section 3. Its weight normalisation is left out.

Legend: B batch, S source length, T target length, N new target tokens, L decoder layers, H heads, E embedding
size, D size of a layer, W width of a convolution.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention import Dropout, Mechanism, Position, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.errors import UserError
from attnrun.models.seq2seq import DecoderState, Memory, consult, embeddings
from attnrun.ranges import PositiveInt, Probability

HALF = math.sqrt(0.5)  # a sum of two keeps the spread of one (section 3.4)


class GatedConvolution(nn.Module):
    """One half of what a convolution puts out lets the other through (section 3.2; Dauphin et al. 2017)."""

    def __init__(self, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.convolution = nn.Conv1d(size, 2 * size, width)
        nn.init.normal_(self.convolution.weight, std=math.sqrt(4 * (1 - dropout) / (width * size)))
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """x (B, N + W - 1, D) -> (B, N, D)."""
        return F.glu(self.convolution(self.dropout(x).mT), 1).mT


class DecoderLayer(nn.Module):
    """A convolution over the target so far, and attention to the source."""

    def __init__(self, mechanism: Mechanism, embedding: int, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.convolution = GatedConvolution(size, width, dropout)
        self.to_query = Linear(size, embedding)
        self.attention = mechanism.build(embedding, embedding, embedding, "cross")
        self.from_context = Linear(embedding, size)

    def forward(
        self,
        x: Tensor,
        past: Tensor,
        embedded: Tensor,
        source: tuple[Tensor, Tensor],
        mask: Tensor,
        place: int,
        need_weights: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Go on with x (B, N, D) after `past` (B, W - 1, D): the output, the new past, weights (B, H, N, S).

        embedded (B, N, E) are the target tokens, the first of which stands at `place`; `source` is what the
        attention projected, mask (B, 1, S).
        """
        window = torch.cat([past, x], 1)
        made = self.convolution(window)
        query = (self.to_query(made) + embedded) * HALF  # equation 1
        context, weights = consult(self.attention, query, source, mask, place, need_weights)
        # A mean of S vectors is √S times less spread than one of them (section 3.4).
        lengths = mask.sum(-1, keepdim=True, dtype=x.dtype).repeat_interleave(len(x) // len(mask), 0)
        made = (made + self.from_context(context * lengths.sqrt())) * HALF
        return (x + made) * HALF, window[:, x.shape[1] :], weights


class ConvolutionalSeq2Seq(nn.Module):
    """Translate by convolutions over both sides; satisfies `seq2seq.Seq2Seq`.

    `mechanism` joins every layer of the decoder to the encoder; its positions mark the embeddings. `joint`
    says that both sides have one vocabulary: they share one embedding.

    `hidden` is the size of a layer, `width` how many tokens a convolution sees: of the source on both sides,
    of the target itself and those before. Layers see width + (layers - 1) · (width - 1) tokens.
    `decoder_layers` is for None as many as `layers`. `tied` uses the target embeddings as output weights.

    Raises UserError without attention, for positions that mark no embeddings, and where the parts of the
    mechanism do not go together.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        mechanism: Mechanism,
        joint: bool = False,
        *,
        embedding: PositiveInt = 128,
        hidden: PositiveInt = 256,
        layers: PositiveInt = 4,
        decoder_layers: PositiveInt | None = None,
        width: PositiveInt = 3,
        dropout: Probability = 0.1,
        tied: bool = False,
    ) -> None:
        super().__init__()
        position = mechanism.position(embedding, mechanism.heads.count)
        _check(mechanism, position)
        both = embeddings(source_size, target_size, embedding, joint)
        self.source_embedding, self.target_embedding = both
        self.source_position = position
        self.target_position = mechanism.position(embedding, mechanism.heads.count)
        self.dropout = Dropout(dropout)
        self.width = width
        self.into_encoder = Linear(embedding, hidden)
        self.encoder = nn.ModuleList(GatedConvolution(hidden, width, dropout) for _ in range(layers))
        self.out_of_encoder = Linear(hidden, embedding)
        self.into_decoder = Linear(embedding, hidden)
        self.decoder = nn.ModuleList(
            DecoderLayer(mechanism, embedding, hidden, width, dropout)
            for _ in range(decoder_layers or layers)
        )
        self.out_of_decoder = Linear(hidden, embedding)
        self.output = Linear(embedding, target_size)
        reaches = [layer.attention.score.longest for layer in self._layers()]
        self.longest = min(self.target_position.longest, *reaches)  # target tokens that it can read
        _initialise(self)
        if tied:
            self.output.weight = self.target_embedding.weight

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        mask = lengths_mask(source_lengths, source.shape[1])  # (B, 1, S)
        beyond = ~mask.mT  # zeros, as there are before the first word
        embedded = self.dropout(self.source_position.embed(self.source_embedding(source)))  # (B, S, E)
        x = self.into_encoder(embedded)
        left = (self.width - 1) // 2
        for layer in self.encoder:
            padded = F.pad(x.masked_fill(beyond, 0.0), (0, 0, left, self.width - 1 - left))
            x = (x + layer(padded)) * HALF
        keys = self.out_of_encoder(x).masked_fill(beyond, 0.0)  # (B, S, E)
        values = ((keys + embedded) * HALF).masked_fill(beyond, 0.0)  # equation 2
        pairs = (layer.attention.project(keys, values) for layer in self._layers())
        return Memory(values, mask, tuple(part for pair in pairs for part in pair), initial=())

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Run the decoder over target_in (B, T) with teacher forcing: states (B, T, E) before the projection.

        With `need_weights` also the weights (B, L, H, T, S).
        """
        _, states, weights = self._extend(memory, self.start(memory), target_in, need_weights)
        return states, weights

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., target vocabulary)."""
        logits: Tensor = self.output(states)
        return logits

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step: zeros before the first token, in every layer."""
        nothing = memory.states.new_zeros(len(memory.states), self.width - 1, self.into_decoder.out_features)
        return DecoderState((nothing,) * len(self.decoder))

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read token (B · K,): the next state, the output (B · K, E), weights (B · K, L, H, S) or None."""
        following, states, weights = self._extend(memory, state, token[:, None], need_weights)
        return following, states[:, 0], None if weights is None else weights[..., 0, :]

    def _layers(self) -> Iterator[DecoderLayer]:
        return cast(Iterator[DecoderLayer], iter(self.decoder))

    def _extend(
        self, memory: Memory, state: DecoderState, tokens: Tensor, need_weights: bool
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Go on from `state` with tokens (B, N): the next state, the outputs (B, N, E), their weights."""
        marked = self.target_position.embed(self.target_embedding(tokens), state.place)
        embedded = self.dropout(marked)  # (B, N, E)
        x, after, looks = self.into_decoder(embedded), [], []
        sources = zip(memory.projected[::2], memory.projected[1::2], strict=True)
        for layer, past, source in zip(self._layers(), state.tensors, sources, strict=True):
            x, kept, look = layer(x, past, embedded, source, memory.mask, state.place, need_weights)
            after.append(kept)
            looks.append(look)
        output = self.dropout(self.out_of_decoder(x))
        following = DecoderState(tuple(after), state.place + tokens.shape[1])
        return following, output, torch.stack(looks, 1) if need_weights else None


def _check(mechanism: Mechanism, position: Position) -> None:
    if mechanism.attention is None:
        raise UserError(
            "a convolutional decoder hears of the source by attention alone; choose attention=dot, or "
            "model=gru, which does without"
        )
    if type(position) is not Position and type(position).embed is Position.embed:
        raise UserError(
            "position: this one acts within self-attention, which a convolutional network has not; choose "
            "position=learned, sinusoidal or none"
        )
    replace(mechanism, position=Position).require_use("a convolutional network", "cross")


@torch.no_grad()
def _initialise(model: ConvolutionalSeq2Seq) -> None:
    """Embeddings N(0, 0.1), matrices N(0, 1 / √inputs), biases 0 (section 3.5)."""
    for name, module in model.named_modules():
        if {"score", "locality", "source_position", "target_position"} & set(name.split(".")):
            continue
        if isinstance(module, nn.Embedding):
            module.weight.normal_(std=0.1)
            module.weight[module.padding_idx] = 0
        elif isinstance(module, nn.Linear):
            module.weight.normal_(std=module.in_features**-0.5)
            if module.bias is not None:
                module.bias.zero_()
