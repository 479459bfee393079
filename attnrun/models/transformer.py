"""The Transformer, an encoder-decoder of attention alone (Vaswani et al. 2017).

Legend: B batch, S source length, T target length, L decoder layers, H heads, E model size.
"""

from typing import Literal, overload

from torch import Tensor, nn

from attnrun.attention import Normaliser, lengths_mask, masked_softmax
from attnrun.attention.positions import Sinusoidal
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.seq2seq import AttentionFactory, DecoderState, Memory, PositionFactory
from attnrun.models.stacks import DecoderStack, EncoderStack
from attnrun.ranges import PositiveInt, Probability

PAD = 0


class Transformer(nn.Module):
    """Translate with attention in place of recurrence; satisfies `seq2seq.Seq2Seq`.

    `attention(query_size, key_size)` builds the score of every multi-head attention. `joint` says that both
    sides have one vocabulary: they share one embedding. `position(size, heads)` builds the scheme of each
    side; it acts on embeddings and within self-attention, not between target and source.

    `layers` is the number of encoder layers, and of decoder layers where `decoder_layers` is None. `tied`
    uses the target embeddings as output weights (Press and Wolf 2017). The other keys are those of
    `layers.Parts`.

    Raises UserError without attention, and where size, heads, groups and position do not go together.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        attention: AttentionFactory | None,
        joint: bool = False,
        normaliser: Normaliser = masked_softmax,
        position: PositionFactory = Sinusoidal,
        *,
        size: PositiveInt = 128,
        heads: PositiveInt = 4,
        groups: PositiveInt | None = None,
        layers: PositiveInt = 2,
        decoder_layers: PositiveInt | None = None,
        feedforward: PositiveInt = 256,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.1,
        norm: Literal["pre", "post"] = "post",
        activation: Literal["relu", "gelu"] = "relu",
        bias: bool = True,
        tied: bool = False,
    ) -> None:
        super().__init__()
        parts = Parts(
            attention,
            normaliser,
            position,
            size=size,
            heads=heads,
            groups=groups,
            feedforward=feedforward,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm=norm,
            activation=activation,
            bias=bias,
        )
        self.source_embedding = nn.Embedding(source_size, size, padding_idx=PAD)
        self.target_embedding = (
            self.source_embedding if joint else nn.Embedding(target_size, size, padding_idx=PAD)
        )
        self.encoder = EncoderStack(parts, layers)
        self.decoder = DecoderStack(parts, decoder_layers or layers)
        self.output = nn.Linear(size, target_size)
        initialise_transformer(self)
        if tied:
            self.output.weight = self.target_embedding.weight

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        mask = lengths_mask(source_lengths, source.shape[1])  # (B, 1, S)
        states, _ = self.encoder(self.encoder.embed(self.source_embedding, source), mask)
        states = states.masked_fill(~mask.mT, 0.0)  # (B, S, E)
        return Memory(states, mask, self.decoder.project(states), initial=())

    @overload
    def states(self, memory: Memory, target_in: Tensor, need_weights: Literal[False] = ...) -> Tensor: ...
    @overload
    def states(
        self, memory: Memory, target_in: Tensor, need_weights: Literal[True]
    ) -> tuple[Tensor, Tensor | None]: ...
    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Run the decoder over target_in (B, T) with teacher forcing: states (B, T, E) before the projection.

        With `need_weights` also the weights of target to source (B, L, H, T, S).
        """
        embedded = self.decoder.embed(self.target_embedding, target_in)
        states, weights = self.decoder(embedded, memory.projected, memory.mask, need_weights)
        return (states, weights) if need_weights else states

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., target vocabulary)."""
        logits: Tensor = self.output(states)
        return logits

    def start(self, memory: Memory) -> DecoderState:
        """Return the decoder's state before its first step: no keys and no values in any layer."""
        return DecoderState(self.decoder.start(len(memory.states)))

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read token (B,): the next state, the output (B, E) and the weights (B, L, H, S) or None."""
        place = state.tensors[0].shape[-2]
        embedded = self.decoder.embed(self.target_embedding, token[:, None], place)  # (B, 1, E)
        states, past, weights = self.decoder.extend(
            embedded, state.tensors, memory.projected, memory.mask, need_weights
        )
        return DecoderState(past), states[:, 0], None if weights is None else weights[..., 0, :]
