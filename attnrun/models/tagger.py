"""Taggers, which name each token of a sequence: a recurrent one, and a Transformer's encoder.

Letters: B batch, N tokens, L layers, H heads, E size of a state, C tags.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.models.initialise import initialise_rnn
from attnrun.models.readers import RnnReader, TransformerLabeller
from attnrun.ranges import PositiveInt, Probability


class TokenTagger(nn.Module):
    """What the experiment `tagging` trains: `forward` and `look` as those of the classes below."""


class RnnTagger(TokenTagger):
    """Tell the tag of a token from its state, and from what that finds among all states of the sequence.

    A recurrent reader with self-attention on top of it; without attention the state alone.

    Raises UserError where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        tags: int,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "lstm",
        embedding: PositiveInt = 64,
        hidden: PositiveInt = 128,
        layers: PositiveInt = 1,
        bidirectional: bool = True,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        self.reader = RnnReader(
            vocabulary,
            cell=cell,
            embedding=embedding,
            size=hidden,
            layers=layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        attends = mechanism.attention is not None
        mechanism.require_use("an RNN that tags", *(("self",) if attends else ()))
        self.position = mechanism.position(hidden, mechanism.heads.count) if attends else None
        self.attention = mechanism.build(hidden, hidden, hidden, "self", self.position) if attends else None
        self.output = Linear(hidden * (2 if attends else 1), tags)
        initialise_rnn(self, hidden // (2 if bidirectional else 1))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, N), padded with 0, lengths (B,) from 1 to N -> logits (B, N, C)."""
        return self.look(tokens, lengths, need_weights=False)[0]

    def look(
        self, tokens: Tensor, lengths: Tensor, need_weights: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits (B, N, C), and the weights (B, 1, H, N, N) where asked for."""
        states, _ = self.reader(tokens, lengths)
        weights = None
        if self.attention is not None and self.position is not None:
            marked = self.position.embed(states, 0)
            mask = lengths_mask(lengths, tokens.shape[1])
            found, weights = self.attention(marked, marked, marked, mask, need_weights=need_weights)
            states = torch.cat([states, found], -1)
        logits: Tensor = self.output(states)
        return logits, None if weights is None else weights[:, None]


class TransformerTagger(TransformerLabeller, TokenTagger):
    """Tell the tag of a token from its state in a Transformer's encoder."""

    def _read_out(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The states (B, N, E) themselves."""
        return states
