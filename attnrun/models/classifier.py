"""Classifiers of whole sequences: a recurrent one that pools by attention, and a Transformer's encoder.

Letters: B batch, N tokens, L layers, H heads, E size of a state, C classes.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.models.initialise import initialise_rnn
from attnrun.models.readers import RnnReader, TransformerLabeller
from attnrun.ranges import PositiveInt, Probability


class TextClassifier(nn.Module):
    """What the experiment `classification` trains: `forward` and `look` as those of the classes below."""


class RnnClassifier(TextClassifier):
    """Tell the class of a sequence from one context: what a learned query finds among the reader's states.

    The query is the same for all sequences, as the word context vector of Yang et al. 2016, section 2.2.
    Without attention the context is the reader's final state.

    Raises UserError for a scheme of positions, since recurrence has the order already, and where the parts of
    the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 64,
        hidden: PositiveInt = 128,
        layers: PositiveInt = 1,
        bidirectional: bool = True,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        mechanism.require_use("an RNN that classifies", "cross")
        self.reader = RnnReader(
            vocabulary,
            cell=cell,
            embedding=embedding,
            size=hidden,
            layers=layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        self.attention = mechanism.build(hidden, hidden, hidden, "cross") if mechanism.attention else None
        self.output = Linear(hidden, classes)
        initialise_rnn(self, hidden // (2 if bidirectional else 1))
        self.query = nn.Parameter(torch.randn(hidden)) if self.attention is not None else None

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, N), padded with 0, lengths (B,) from 1 to N -> logits (B, C)."""
        return self.look(tokens, lengths, need_weights=False)[0]

    def look(
        self, tokens: Tensor, lengths: Tensor, need_weights: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits (B, C), and the weights (B, 1, H, 1, N) of the tokens where asked for."""
        states, context = self.reader(tokens, lengths)
        weights = None
        if self.attention is not None and self.query is not None:
            query = self.query.expand(len(tokens), 1, -1)
            mask = lengths_mask(lengths, tokens.shape[1])
            found, weights = self.attention(query, states, states, mask, need_weights=need_weights)
            context = found[:, 0]
        logits: Tensor = self.output(context)
        return logits, None if weights is None else weights[:, None]


class TransformerClassifier(TransformerLabeller, TextClassifier):
    """Tell the class of a sequence from the mean of its states in a Transformer's encoder."""

    def _read_out(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The mean (B, E) of states (B, N, E), which are zero on padding."""
        return states.sum(1) / lengths[:, None]
