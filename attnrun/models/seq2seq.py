"""What every sequence-to-sequence model offers to training, decoding and alignment.

Legend: B batch, S source length, T target length, L layers with attention, H heads, D size of the output
states.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from attnrun.attention import Mechanism

# (source vocabulary, target vocabulary, mechanism, joint) -> a Seq2Seq
ModelFactory = Callable[[int, int, Mechanism, bool], nn.Module]


@dataclass(frozen=True)
class Memory:
    """What the encoder leaves for the decoder. The first axis of every tensor is the sentence."""

    states: Tensor  # (B, S, D_source) encoder states, zero on padding
    mask: Tensor  # (B, 1, S) True = may attend
    projected: tuple[Tensor, ...]  # what the scores made of the keys, once a sentence; () without attention
    initial: tuple[Tensor, ...]  # the decoder's state before its first step
    summary: Tensor | None = None  # (B, D_source) the final state, for a decoder without attention

    def select(self, rows: Tensor) -> "Memory":
        """Return the memory of the sentences `rows` (int64 indices, which may repeat)."""
        summary = None if self.summary is None else self.summary.index_select(0, rows)
        return Memory(
            self.states.index_select(0, rows),
            self.mask.index_select(0, rows),
            _select(self.projected, rows),
            _select(self.initial, rows),
            summary,
        )


@dataclass(frozen=True)
class DecoderState:
    """What a decoder carries from one step to the next. The first axis of every tensor is the sentence.

    `place` counts the tokens read so far, the same for all sentences.
    """

    tensors: tuple[Tensor, ...]
    place: int = 0

    def select(self, rows: Tensor) -> "DecoderState":
        """Return the state of the sentences `rows` (int64 indices)."""
        return DecoderState(_select(self.tensors, rows), self.place)


def _select(tensors: tuple[Tensor, ...], rows: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.index_select(0, rows) for tensor in tensors)


class Seq2Seq(Protocol):
    """An encoder and a decoder that can be run over a whole target at once or one token at a time.

    Teacher forcing: project(states(encode(source, lengths), target[:, :-1])[0]) predicts target[:, 1:].
    The same states come out, one a call, of `start` and `step`. `longest` is the greatest number of target
    tokens that it can read.
    """

    longest: float

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S) of token ids, whose first `source_lengths` (B,) places are real."""

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Read target_in (B, T): the states (B, T, D), and the weights (B, L, H, T, S) where asked for."""

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., D) into logits (..., target vocabulary)."""

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step."""

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read one token (B,): the next state, the output (B, D) and the weights (B, L, H, S) or None."""
