"""A recurrent network that translates word by word: the word it has just read into the word it puts out.

What there was before encoder and decoder: Elman 1990, where each input has its output at once. Order and
number of words are the source's, whatever the language.

Legend: B batch, S source length, T target length, E embedding size, D state size.
"""

import math
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention import Dropout, Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.errors import UserError
from attnrun.models.encoder import RnnEncoder
from attnrun.models.initialise import initialise_rnn
from attnrun.models.seq2seq import PAD, DecoderState, Memory
from attnrun.ranges import PositiveInt, Probability


class WordByWord(nn.Module):
    """Answer place t of the source at place t of the target; satisfies `seq2seq.Seq2Seq`.

    The target so far is not read: a place's output depends on the source up to that place. Past the end of
    the source, where a longer target would go on, the state is zero.

    `joint` changes nothing: the target, which it would join to the source, is never read.

    Raises UserError for attention and for positions, which it has no use for.
    """

    longest = math.inf  # target tokens that it can read

    def __init__(
        self,
        source_size: int,
        target_size: int,
        mechanism: Mechanism,
        joint: bool = False,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 128,
        hidden: PositiveInt = 128,
        layers: PositiveInt = 1,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        if mechanism.attention is not None:
            raise UserError("a network that translates word by word has no attention; set attention=none")
        mechanism.require_use("a network that translates word by word")
        self.embedding = nn.Embedding(source_size, embedding, padding_idx=PAD)
        self.encoder = RnnEncoder(
            embedding, hidden, cell=cell, layers=layers, bidirectional=False, dropout=dropout
        )
        self.output = Linear(hidden, target_size)
        self.dropout = Dropout(dropout)
        initialise_rnn(self, hidden)

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        states, _ = self.encoder(self.dropout(self.embedding(source)), source_lengths)
        return Memory(states, lengths_mask(source_lengths, source.shape[1]), projected=(), initial=())

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return the states (B, T, D) of the first T places; target_in (B, T) tells only how many."""
        return self._places(memory, 0, target_in.shape[1]), None

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., D) into logits (..., target vocabulary)."""
        logits: Tensor = self.output(states)
        return logits

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first place."""
        return DecoderState(())

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Go on by a place, whatever `token` (B · K,): the next state, the output (B · K, D), no weights."""
        output = self._places(memory, state.place, state.place + 1)[:, 0]
        rows = output.repeat_interleave(len(token) // len(output), 0)
        return DecoderState((), state.place + 1), rows, None

    def _places(self, memory: Memory, start: int, end: int) -> Tensor:
        """The states (B, end - start, D) of these places, zero past the end."""
        known = memory.states[:, start:end]
        states: Tensor = self.dropout(F.pad(known, (0, 0, 0, end - start - known.shape[1])))
        return states
