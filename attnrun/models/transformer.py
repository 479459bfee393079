"""The Transformer, an encoder-decoder of attention alone (Vaswani et al. 2017).

Legend: B batch, S source length, T target length, L decoder layers, H heads, E model size.
"""

from typing import Literal

from torch import Tensor, nn

from attnrun.attention import Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.seq2seq import DecoderState, Memory, embeddings
from attnrun.models.stacks import DecoderStack, EncoderStack
from attnrun.ranges import PositiveFloat, PositiveInt, Probability


class Transformer(nn.Module):
    """Translate with attention in place of recurrence; satisfies `seq2seq.Seq2Seq`.

    `mechanism` serves every attention: its positions act on embeddings and within self-attention, not between
    target and source; its locality on one or the other. `joint` says that both sides have one vocabulary:
    they share one embedding.

    `layers` is the number of encoder layers, and of decoder layers where `decoder_layers` is None. `tied`
    uses the target embeddings as output weights (Press and Wolf 2017). `embedding_spread` is the standard
    deviation at which embeddings start, for None 1 / √size. The other keys are those of `layers.Parts`.

    Raises UserError without attention, and where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        mechanism: Mechanism,
        joint: bool = False,
        *,
        size: PositiveInt = 128,
        layers: PositiveInt = 2,
        decoder_layers: PositiveInt | None = None,
        feedforward: PositiveInt = 256,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.1,
        norm: Literal["pre", "post"] = "post",
        activation: Literal["relu", "gelu"] = "relu",
        bias: bool = True,
        tied: bool = False,
        embedding_spread: PositiveFloat | None = None,
    ) -> None:
        super().__init__()
        parts = Parts(
            mechanism,
            size=size,
            feedforward=feedforward,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm=norm,
            activation=activation,
            bias=bias,
        )
        mechanism.require_use("a Transformer", "self", "cross")
        both = embeddings(source_size, target_size, size, joint)
        self.source_embedding, self.target_embedding = both
        self.encoder = EncoderStack(parts, layers)
        self.decoder = DecoderStack(parts, decoder_layers or layers)
        self.longest = self.decoder.longest  # target tokens that it can read
        self.output = Linear(size, target_size)
        initialise_transformer(self, embedding_spread)
        if tied:
            self.output.weight = self.target_embedding.weight

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        mask = lengths_mask(source_lengths, source.shape[1])  # (B, 1, S)
        states, _ = self.encoder(self.encoder.embed(self.source_embedding, source), mask)
        states = states.masked_fill(~mask.mT, 0.0)  # (B, S, E)
        return Memory(states, mask, self.decoder.project(states), initial=())

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Run the decoder over target_in (B, T) with teacher forcing: states (B, T, E) before the projection.

        With `need_weights` also the weights of target to source (B, L, H, T, S).
        """
        embedded = self.decoder.embed(self.target_embedding, target_in)
        states, weights = self.decoder(embedded, memory.projected, memory.mask, need_weights)
        return states, weights

    def source_weights(self, source: Tensor, source_lengths: Tensor) -> Tensor:
        """Return the weights (B, L, H, S, S) of the encoder's self-attention, for what `encode` reads."""
        mask = lengths_mask(source_lengths, source.shape[1])
        _, weights = self.encoder(self.encoder.embed(self.source_embedding, source), mask, need_weights=True)
        return weights  # type: ignore[no-any-return]

    def target_weights(self, memory: Memory, target_in: Tensor) -> Tensor:
        """Return the weights (B, L, H, T, T) of the decoder's self-attention, for what `states` reads."""
        embedded = self.decoder.embed(self.target_embedding, target_in)
        return self.decoder.look(embedded, memory.projected, memory.mask)

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
        """Read token (B · K,): the next state, the output (B · K, E), weights (B · K, L, H, S) or None."""
        embedded = self.decoder.embed(self.target_embedding, token[:, None], state.place)  # (B, 1, E)
        states, past, weights = self.decoder.extend(
            embedded, state.tensors, memory.projected, memory.mask, need_weights
        )
        following = DecoderState(past, state.place + 1)
        return following, states[:, 0], None if weights is None else weights[..., 0, :]
