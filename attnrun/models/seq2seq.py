"""What every sequence-to-sequence model offers to training, decoding and alignment.

Legend: B batch, S source length, T target length, L layers with attention, H heads, D size of the output
states.

In a step a sentence may have several rows, K each, that share its memory: those of sentence b are b · K to
(b + 1) · K - 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from attnrun.attention import Mechanism, MultiHead

PAD = 0  # the number of padding, in the tokens of every model

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
    """What a decoder carries from one step to the next. The first axis of every tensor is the row.

    `place` counts the tokens read so far, the same for all rows.
    """

    tensors: tuple[Tensor, ...]
    place: int = 0

    def select(self, rows: Tensor) -> "DecoderState":
        """Return the state of the rows `rows` (int64 indices, which may repeat)."""
        return DecoderState(_select(self.tensors, rows), self.place)


def _select(tensors: tuple[Tensor, ...], rows: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.index_select(0, rows) for tensor in tensors)


def consult(
    attention: MultiHead,
    query: Tensor,
    memory: tuple[Tensor, Tensor],
    mask: Tensor,
    place: int,
    need_weights: bool,
) -> tuple[Tensor, Tensor | None]:
    """What queries (B · K, N, D) find in B sources: contexts (B · K, N, C), weights (B · K, H, N, S).

    The first of the N stands at `place`; with K above 1, N is 1. `memory` is what the attention projected of
    the source, mask (B, 1, S).
    """
    if query.shape[0] == mask.shape[0]:  # not len, which a tracer takes for a constant
        return attention.attend(query, memory, mask, offset=place, need_weights=need_weights)
    beside = query.view(mask.shape[0], -1, query.shape[-1])  # (B, K, D)
    context, weights = attention.attend(
        beside, memory, mask, offset=place, abreast=True, need_weights=need_weights
    )
    apart = None if weights is None else weights.transpose(1, 2).flatten(0, 1)[:, :, None]
    return context.flatten(0, 1)[:, None], apart


def embeddings(
    source_size: int, target_size: int, size: int, joint: bool
) -> tuple[nn.Embedding, nn.Embedding]:
    """Return the embeddings of source and target, `size` numbers a token; `joint`: one for both."""
    source = nn.Embedding(source_size, size, padding_idx=PAD)
    return source, source if joint else nn.Embedding(target_size, size, padding_idx=PAD)


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
        """Turn states (..., D) into logits (..., target vocabulary), which may be written over."""

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step."""

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read one token a row, (B · K,): the next state, the output (B · K, D) and the weights (B · K, L, H,
        S) or None.
        """
