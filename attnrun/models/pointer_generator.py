"""Summaries that may copy: a pointer-generator network.

See, Liu and Manning 2017, Get To The Point, section 2; equations 1 to 9, without the coverage of 2.3.

Legend: B batch, K rows of a sentence, S source length, T target length, V vocabulary, X most unknown words of
a source, H heads, E embedding size, D decoder state size, C encoder state size.

Tokens from V on are the words of a source that are not in the vocabulary, numbered in the order in which they
come there: V + X numbers in all, the extended vocabulary (section 2.2).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention import Mechanism
from attnrun.attention.dense import Linear
from attnrun.errors import UserError
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.seq2seq import DecoderState, Memory
from attnrun.ranges import PositiveInt, Probability

UNK = 1
_LEAST = 1e-20  # of what is copied to a word of the source, so that the loss stays finite
_SURE = 30.0  # the logit of generating where attention finds nothing to copy


@dataclass(frozen=True, kw_only=True)
class CopyMemory(Memory):
    """A memory with the tokens of the source, for copying."""

    source: Tensor  # (B, S), padded with 0

    def select(self, rows: Tensor) -> "CopyMemory":
        """Return the memory of the sentences `rows` (int64 indices, which may repeat)."""
        return CopyMemory(**vars(super().select(rows)), source=self.source.index_select(0, rows))


class PointerGenerator(RnnSeq2Seq):
    """Generate words of a vocabulary, or copy what the decoder looks at; satisfies `seq2seq.Seq2Seq`.

    A recurrent encoder-decoder that looks after its step (equations 1 to 4), one vocabulary for both sides.
    With `copy` the next word comes from the vocabulary with probability p_gen, and else from the place of the
    source that attention points at (equations 8 and 9); of several heads the mean points, and weights that do
    not sum to 1 are scaled to do so. What comes out of `states` and `step` are log-probabilities already.

    The other keys are those of `RnnSeq2Seq`.

    Raises UserError for `copy` without attention, which nothing would point, and as `RnnSeq2Seq` does.
    """

    def __init__(
        self,
        vocabulary: int,
        mechanism: Mechanism,
        *,
        copy: bool = True,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 64,
        hidden: PositiveInt = 96,
        layers: PositiveInt = 1,
        input_feeding: bool = False,
        dropout: Probability = 0.1,
        tied: bool = False,
    ) -> None:
        if copy and mechanism.attention is None:
            better = "set model.copy=false, or choose attention=additive"
            raise UserError(f"attention=none: without attention nothing says what to copy; {better}")
        super().__init__(
            vocabulary,
            vocabulary,
            mechanism,
            joint=True,
            cell=cell,
            embedding=embedding,
            hidden=hidden,
            layers=layers,
            attend="after",
            input_feeding=input_feeding,
            dropout=dropout,
            tied=tied,
        )
        self.vocabulary = vocabulary
        self.generates = Linear(2 * hidden + embedding, 1) if copy else None
        if self.generates is not None:
            nn.init.xavier_uniform_(self.generates.weight)
            nn.init.zeros_(self.generates.bias)

    def encode(self, source: Tensor, source_lengths: Tensor) -> CopyMemory:
        """As `RnnSeq2Seq.encode`; source (B, S) of the extended vocabulary."""
        memory = super().encode(self._known(source), source_lengths)
        return CopyMemory(**vars(memory), source=source)

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read token (B · K,): the next state, log-probabilities (B · K, V + X), weights (B · K, 1, H, S)."""
        looks = need_weights or self.generates is not None
        state, output, weights = super().step(memory, state, self._known(token), looks)
        if weights is None:
            return state, self._mixed(memory, output[:, None], None)[:, 0], None
        mixed = self._mixed(memory, output[:, None], weights[:, 0, :, None])
        return state, mixed[:, 0], weights if need_weights else None

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Read target_in (B, T): log-probabilities (B, T, V + X), and weights (B, 1, H, T, S) or None."""
        outputs, weights = self._outputs(memory, target_in, need_weights)
        mixed = self._mixed(memory, outputs, None if weights is None else weights[:, 0])
        return mixed, weights if need_weights else None

    def project(self, states: Tensor) -> Tensor:
        """Return the log-probabilities that `states` gave, which are logits too."""
        return states

    def score(self, memory: CopyMemory, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return log-probabilities (B, T - 1) of target[:, 1:], and how likely each was copied.

        target (B, T), from bos on; what stands on its padding has no meaning. The log-probabilities are those
        of `states`, without a number for every word of the extended vocabulary. A model that does not copy
        gives None for the second, and takes any word beyond the vocabulary for the unknown one.
        """
        outputs, weights = self._outputs(memory, target[:, :-1], False)
        following = target[:, 1:]
        words = self._words(outputs).gather(-1, self._known(following)[..., None])[..., 0]
        if self.generates is None or weights is None:
            return words, None
        pointed, generate = self._pointed(outputs, weights[:, 0])
        points = (memory.source[:, None] == following[..., None]) & memory.mask  # (B, T - 1, S)
        copied = F.logsigmoid(-generate) + _log((pointed * points).sum(-1, keepdim=True))
        words = words.masked_fill(following >= self.vocabulary, -torch.inf)
        both = torch.logaddexp(F.logsigmoid(generate) + words[..., None], copied)
        return both[..., 0], (copied - both).exp()[..., 0]

    def _outputs(self, memory: Memory, target_in: Tensor, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        return super().states(memory, self._known(target_in), need_weights or self.generates is not None)

    def _read(self, top: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """The layer under the projection, (..., E), and with `copy` the logit of p_gen behind it: eq. 8."""
        output = super()._read(top, context, embedded)
        if self.generates is None:
            return output
        return torch.cat([output, self.generates(torch.cat([context, top, embedded], -1))], -1)

    def _feed(self, state: DecoderState, output: Tensor) -> DecoderState:
        return super()._feed(state, output[..., : self.readout.out_features])

    def _known(self, tokens: Tensor) -> Tensor:
        return tokens.masked_fill(tokens >= self.vocabulary, UNK)

    def _words(self, outputs: Tensor) -> Tensor:
        """Log-probabilities (..., V) of generating each word: eq. 4."""
        logits = self.output(outputs[..., : self.readout.out_features])
        wider = torch.promote_types(logits.dtype, torch.float32)
        return torch.log_softmax(logits, -1, dtype=wider)

    def _pointed(self, outputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Where to copy from, (B, T, S), which sums to 1 or is 0, and the logit of p_gen (B, T, 1).

        outputs (B, T, E + 1), weights (B, H, T, S).
        """
        wider = torch.promote_types(weights.dtype, torch.float32)
        mean = weights.to(wider).mean(1)
        total = mean.sum(-1, keepdim=True)
        nothing = total <= 0
        generate = outputs[..., -1:].to(wider).masked_fill(nothing, _SURE)
        return mean / total.masked_fill(nothing, 1.0), generate

    def _mixed(self, memory: Memory, outputs: Tensor, weights: Tensor | None) -> Tensor:
        """Log-probabilities (B · K, T, V + X): eq. 9. outputs (B · K, T, E + 1), weights (B · K, H, T, S)."""
        words = self._words(outputs)
        if self.generates is None or weights is None:
            return words
        assert isinstance(memory, CopyMemory)
        source = memory.source.repeat_interleave(len(outputs) // len(memory.source), 0)  # (B · K, S)
        more = max(0, int(source.max()) + 1 - self.vocabulary)
        pointed, generate = self._pointed(outputs, weights)
        copied = pointed.new_zeros(*words.shape[:2], self.vocabulary + more)
        copied = copied.scatter_add(-1, source[:, None].expand_as(pointed), pointed)
        both = torch.logaddexp(
            F.logsigmoid(generate) + F.pad(words, (0, more), value=-torch.inf),
            F.logsigmoid(-generate) + _log(copied),
        )
        there = torch.zeros_like(copied[:, 0], dtype=torch.bool).scatter(1, source, True)
        there[:, : self.vocabulary] = True
        return both.masked_fill(~there[:, None], -torch.inf)


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(min=_LEAST).log()
