"""Readers: from the tokens of a text to a state for each of them.

Letters: B batch, N tokens, L layers, H heads, E size of a state.
"""

from typing import Literal

from torch import Tensor, nn

from attnrun.attention import Dropout, lengths_mask
from attnrun.models.encoder import RnnEncoder
from attnrun.models.layers import Parts
from attnrun.models.stacks import EncoderStack

PAD = 0


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
