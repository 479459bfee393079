"""Recurrent encoder over packed sequences: padding never enters a state."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnrun.errors import UserError

LIBRARY: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RnnEncoder(nn.Module):
    """Read embedded sentences with a GRU or LSTM, in one or both directions.

    The states are of `size`, shared out among the directions (Bahdanau, Cho and Bengio 2014, section 3.2: the
    annotation of a word joins the forward and the backward state).

    Raises UserError where two directions cannot share `size`.
    """

    def __init__(
        self, input_size: int, size: int, *, cell: str, layers: int, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        self.directions = 2 if bidirectional else 1
        if size % self.directions:
            raise UserError(f"two directions cannot share an encoder size of {size}; make it even")
        between = dropout if layers > 1 else 0.0  # the library warns about a dropout with nothing above it
        hidden = size // self.directions
        self.rnn = LIBRARY[cell](
            input_size, hidden, layers, batch_first=True, bidirectional=bidirectional, dropout=between
        )

    def forward(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the states (B, S, size), zero on padding, and the final states.

        embedded (B, S, input_size); lengths (B,) from 1 to S, in any order. The final states are one tensor
        (layers, B, size) for a GRU, two (hidden, cell) for an LSTM.
        """
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, final = self.rnn(packed)
        states, _ = pad_packed_sequence(output, batch_first=True, total_length=embedded.shape[1])
        parts = final if isinstance(final, tuple) else (final,)
        return states, [self._join_directions(part) for part in parts]

    def _join_directions(self, final: Tensor) -> Tensor:
        """(layers * directions, B, hidden) -> (layers, B, directions * hidden)."""
        by_layer = final.view(-1, self.directions, *final.shape[1:])
        return torch.cat(by_layer.unbind(1), dim=-1)
