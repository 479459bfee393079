"""Readers: from the tokens of a text to a state for each of them, and labels of a Transformer's states.

Letters: B batch, N tokens, L layers, H heads, E size of a state, C labels.
"""

from typing import Literal

from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.models.encoder import RnnEncoder
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.seq2seq import PAD
from attnrun.models.stacks import EncoderStack
from attnrun.ranges import PositiveInt, Probability


class RnnReader(nn.Module):
    """A recurrent network that reads embedded tokens, in one or both directions.

    Raises UserError where two directions cannot share `size`.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: Literal["gru", "lstm"],
        embedding: int,
        size: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.dropout = Dropout(dropout)
        self.rnn = RnnEncoder(
            embedding, size, cell=cell, layers=layers, bidirectional=bidirectional, dropout=dropout
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (B, N), padded with 0, lengths (B,) -> states (B, N, E), zero on padding, final (B, E)."""
        states, final = self.rnn(self.dropout(self.embedding(tokens)), lengths)
        return self.dropout(states), self.dropout(final[0][-1])


class TransformerReader(nn.Module):
    """A Transformer's encoder over embedded tokens."""

    def __init__(self, vocabulary: int, parts: Parts, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, parts.size, padding_idx=PAD)
        self.encoder = EncoderStack(parts, layers)

    def forward(
        self, tokens: Tensor, lengths: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """tokens (B, N), padded with 0, lengths (B,) from 1 to N -> states (B, N, E), zero on padding.

        Also the weights (B, L, H, N, N) where asked for.
        """
        mask = lengths_mask(lengths, tokens.shape[1])  # (B, 1, N)
        states, weights = self.encoder(self.encoder.embed(self.embedding, tokens), mask, need_weights)
        return states.masked_fill(~mask.mT, 0.0), weights


class TransformerLabeller(nn.Module):
    """Tell labels from the states of a Transformer's encoder; subclasses say which state each is told from.

    The keys are those of `transformer.Transformer`.

    Raises UserError without attention, and where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        labels: int,
        mechanism: Mechanism,
        *,
        size: PositiveInt = 128,
        layers: PositiveInt = 2,
        feedforward: PositiveInt = 256,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.1,
        norm: Literal["pre", "post"] = "pre",
        activation: Literal["relu", "gelu"] = "gelu",
        bias: bool = True,
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
        mechanism.require_use("an encoder alone", "self")
        self.reader = TransformerReader(vocabulary, parts, layers)
        self.output = Linear(size, labels)
        initialise_transformer(self)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, N), padded with 0, lengths (B,) from 1 to N -> logits (B, C) or (B, N, C)."""
        return self.look(tokens, lengths, need_weights=False)[0]

    def look(
        self, tokens: Tensor, lengths: Tensor, need_weights: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits as `forward`, and the weights (B, L, H, N, N) where asked for."""
        states, weights = self.reader(tokens, lengths, need_weights)
        logits: Tensor = self.output(self._read_out(states, lengths))
        return logits, weights

    def _read_out(self, states: Tensor, lengths: Tensor) -> Tensor:
        """What the labels are told from: of states (B, N, E), which are zero on padding."""
        raise NotImplementedError
