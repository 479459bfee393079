"""A recurrent language model, with attention to its own past states or without.

Without: Mikolov et al. 2010, with gated cells. With: Daniluk et al. 2017, section 2 (attention over the
outputs so far), after Cheng, Dong and Lapata 2016. Letters: B batch, N new tokens, M tokens so far, E
embedding size, D state size, H heads, K vocabulary size.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism, causal_mask
from attnrun.attention.dense import Linear
from attnrun.attention.positions import Position
from attnrun.errors import UserError
from attnrun.models.encoder import LIBRARY
from attnrun.models.initialise import initialise_rnn, shrink
from attnrun.models.language_model import LanguageModel
from attnrun.models.seq2seq import PAD, DecoderState
from attnrun.ranges import PositiveInt, Probability


class RnnLanguageModel(LanguageModel):
    """Predict the next token from a recurrent state, and from what that finds in the states before it.

    A state does not see itself: the first finds nothing, which is zero. `tied` uses the embeddings as output
    weights (Press and Wolf 2017). Dropout acts on embeddings, between layers and on what the readout reads.

    Raises UserError for positions, since recurrence has the order already, and where the parts of the
    mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 128,
        hidden: PositiveInt = 256,
        layers: PositiveInt = 1,
        dropout: Probability = 0.1,
        tied: bool = True,
    ) -> None:
        super().__init__()
        mechanism.require_use("a recurrent language model", "self")
        if type(mechanism.position(2, 1)) is not Position:
            raise UserError("a recurrent language model reads in order, without positions; set position=none")
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        between = dropout if layers > 1 else 0.0
        self.rnn = LIBRARY[cell](embedding, hidden, layers, batch_first=True, dropout=between)
        attends = mechanism.attention is not None
        self.attention = mechanism.build(hidden, hidden, hidden, "self") if attends else None
        self.readout = Linear(2 * hidden if attends else hidden, embedding)
        self.output = Linear(embedding, vocabulary)
        self.dropout = Dropout(dropout)
        initialise_rnn(self, hidden)
        if tied:
            shrink(self.embedding)
            self.output.weight = self.embedding.weight

    def states(self, tokens: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """tokens (B, N) -> states (B, N, E) to be projected, and the weights (B, 1, H, N, N) or None."""
        _, states, weights = self.step(self.start(len(tokens)), tokens, need_weights)
        return states, weights

    def start(self, sequences: int) -> DecoderState:
        """Return the state before the first token: recurrent tensors (B, layers, D), outputs (B, 0, D)."""
        size, layers = self.rnn.hidden_size, self.rnn.num_layers
        nothing = self.embedding.weight.new_zeros(sequences, layers, size)
        parts = 2 if isinstance(self.rnn, nn.LSTM) else 1
        return DecoderState((*[nothing] * parts, nothing[:, :0]))

    def step(
        self, state: DecoderState, tokens: Tensor, need_weights: bool = False
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read tokens (B, N) with the recurrent state and, to attend to, all the outputs so far (B, M, D)."""
        *before, past = state.tensors
        hidden = [part.transpose(0, 1).contiguous() for part in before]  # (layers, B, D)
        embedded = self.dropout(self.embedding(tokens))
        tops, after = self.rnn(embedded, hidden[0] if len(hidden) == 1 else tuple(hidden))
        kept = [part.transpose(0, 1) for part in (after if isinstance(after, tuple) else (after,))]
        if self.attention is None:
            return DecoderState((*kept, past), state.place + tokens.shape[1]), self._read(tops), None
        past = torch.cat([past, tops], 1)
        context, weights = self._look(tops, past, need_weights)
        following = DecoderState((*kept, past), state.place + tokens.shape[1])
        return following, self._read(torch.cat([tops, context], -1)), weights

    def _look(self, tops: Tensor, past: Tensor, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """What the last outputs (B, N, D) find in those before each (B, M, D)."""
        assert self.attention is not None
        new, known = tops.shape[1], past.shape[1]
        mask = causal_mask(new, known, device=past.device).tril(known - new - 1)
        projected = self.attention.project(past, past)
        context, weights = self.attention.attend(
            tops, projected, mask, offset=known - new, need_weights=need_weights
        )
        return context, None if weights is None else weights[:, None]

    def _read(self, tops: Tensor) -> Tensor:
        """The layer under the projection."""
        return torch.tanh(self.readout(self.dropout(tops)))
