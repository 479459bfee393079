"""A language model of self-attention: a Transformer's decoder without a source.

Radford et al. 2018, section 3.1. Letters: B batch, N new tokens, M tokens so far, L layers, H heads, E model
size, K vocabulary size.
"""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from attnrun.attention import Mechanism, causal_mask
from attnrun.attention.dense import Linear
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.seq2seq import PAD, DecoderState
from attnrun.models.stacks import EncoderStack
from attnrun.ranges import PositiveInt, Probability


class LanguageModel(nn.Module):
    """What every language model offers; K logits at place n are of token n + 1 and see tokens 0 to n.

    `longest` is the greatest number of tokens that it can read.
    """

    longest: float = math.inf
    output: nn.Linear

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, N) -> logits (B, N, K)."""
        return self.project(self.states(tokens)[0])

    def states(self, tokens: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """tokens (B, N) -> states (B, N, E) to be projected, and the weights (B, L, H, N, N) or None."""
        raise NotImplementedError

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., K)."""
        logits: Tensor = self.output(states)
        return logits

    def start(self, sequences: int) -> DecoderState:
        """Return the state of so many sequences before their first token."""
        raise NotImplementedError

    def step(
        self, state: DecoderState, tokens: Tensor, need_weights: bool = False
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read tokens (B, N), one or several: the next state, the states (B, N, E) as `states` gives them for
        the whole sequence, and the weights (B, L, H, N, M) or None.
        """
        raise NotImplementedError


LanguageModelFactory = Callable[[int, Mechanism], LanguageModel]  # (vocabulary, mechanism) -> model


class TransformerLanguageModel(LanguageModel):
    """Predict the next token of each; the keys are those of `transformer.Transformer`.

    Padding, 0, may follow the tokens of a sequence, which do not see it.

    Raises UserError without attention, and where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        mechanism: Mechanism,
        *,
        size: PositiveInt = 128,
        layers: PositiveInt = 4,
        feedforward: PositiveInt = 512,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.1,
        norm: Literal["pre", "post"] = "pre",
        activation: Literal["relu", "gelu"] = "gelu",
        bias: bool = True,
        tied: bool = True,
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
        mechanism.require_use("a language model", "self")
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PAD)
        self.decoder = EncoderStack(parts, layers)
        self.output = Linear(size, vocabulary)
        initialise_transformer(self)
        if tied:
            self.output.weight = self.embedding.weight
        self.longest = self.decoder.longest

    def states(self, tokens: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """tokens (B, N) -> states (B, N, E) to be projected, and the weights (B, L, H, N, N) or None."""
        mask = causal_mask(tokens.shape[1], device=tokens.device)
        embedded = self.decoder.embed(self.embedding, tokens)
        made: tuple[Tensor, Tensor | None] = self.decoder(embedded, mask, need_weights)
        return made

    def start(self, sequences: int) -> DecoderState:
        """Return the state of so many sequences before their first token."""
        return DecoderState(self.decoder.start(sequences))

    def step(
        self, state: DecoderState, tokens: Tensor, need_weights: bool = False
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read tokens (B, N) with what is kept of those before."""
        embedded = self.decoder.embed(self.embedding, tokens, state.place)
        states, past, weights = self.decoder.extend(embedded, state.tensors, need_weights)
        return DecoderState(past, state.place + tokens.shape[1]), states, weights
