"""What the experiment `sequence` trains and loads: a model between two vocabularies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from attnrun.analysis.alignment import alignment_scores
from attnrun.analysis.maps import AttentionMap, attention_maps, require_self_attention
from attnrun.analysis.watch import pair_looks
from attnrun.data.batching import TextBatches, pairs_of_answers
from attnrun.data.synthetic import Example, encode_examples
from attnrun.data.vocabulary import BOS, EOS, Vocabulary
from attnrun.errors import UserError, suggest
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.training.seq2seq import (
    Answer,
    Candidate,
    decode,
    judge,
    looks,
    self_looks,
    texts,
)


@dataclass(frozen=True)
class Solver:
    """A trained model with its vocabularies; what `load` returns. Texts are tokens with spaces between."""

    model: Any  # a Seq2Seq that is an nn.Module
    source: Vocabulary
    target: Vocabulary
    device: torch.device
    batch_size: int = 250
    search: Callable[..., Decoded] = greedy

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the answer to each sequence.

        Raises UserError for a token that the task does not have.
        """
        return [text_of(self.target, answer) for answer in self.answers(self._read(inputs))]

    def batches(self, inputs: Sequence[str]) -> list[list[int]]:
        """Return which sequences are answered together, by their places, the longest first.

        Raises UserError for a token that the task does not have.
        """
        return self._asked(self._read(inputs)).sequential()

    def candidates(self, inputs: Sequence[str], count: int) -> list[list[Candidate]]:
        """Return `count` answers to each sequence.

        Raises UserError for a token that the task does not have.
        """
        found = self._search(self._read(inputs), need_weights=False, count=count)
        return texts(found, lambda tokens: text_of(self.target, tokens))

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the tokens of the sequences that the task does not have, each once."""
        tokens = dict.fromkeys(token for text in inputs for token in text.split())
        return [token for token in tokens if token not in self.source]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked while it answered, one map a sequence.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and for a token that the task does not have.
        """
        sources = self._read(inputs)
        found = self._search(sources, need_weights=True)
        queries = [self.target.labels(answer.tokens) for answer in found]
        keys = [self.source.labels(source) for source in sources]
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def self_weights(
        self, inputs: Sequence[str], side: str, *chosen: Sequence[int] | None
    ) -> list[AttentionMap]:
        """Return where each token of the "source", or of the "target" found for it, looks at its own side.

        `chosen` are layers and heads. Raises NoAttention without self-attention, UserError as `weights` does.
        """
        require_self_attention(self.model)
        read = self._read(inputs)
        batches, names = self._asked(read), self.source
        if side == "target":
            read, pairs = pairs_of_answers(batches.pairs.source, self.answers(read), BOS, EOS)
            batches, names = TextBatches(pairs, batch_size=self.batch_size, seed=0), self.target
        labels = list(map(names.labels, read))
        own = self_looks(self.model, batches, self.device, side)
        return attention_maps(inputs, labels, labels, own, *chosen)

    def answers(self, sources: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the answer to each sequence of numbers."""
        return [answer.tokens for answer in self._search(sources, need_weights=False)]

    def judge(self, examples: Sequence[Example], align: bool = False) -> dict[str, float]:
        """Return the mean cross-entropy of a right token, end included; to `align` also its scores.

        For these see `alignment_scores`; there are none without attention.
        """
        score = partial(forced, self.model, need_weights=align)
        loss, found = judge(score, self.batched(examples), self.device)
        gold = [example.links for example in examples]
        written = [look[:, :, :-1] for look in found or ()]  # without the end
        return {"loss": loss, **(alignment_scores(written, gold) if written else {})}

    def looks(self, examples: Sequence[Example]) -> dict[str, list[AttentionMap]]:
        """Return where the model looks in examples with their right answers, by side."""
        batches = self.batched(examples)
        found = looks(self.model, partial(forced, self.model), batches, self.device)
        sources, targets = (
            [vocabulary.labels(numbers) for numbers in side.rows()]
            for vocabulary, side in ((self.source, batches.pairs.source), (self.target, batches.pairs.target))
        )
        return pair_looks(found, sources, targets)

    def _read(self, inputs: Sequence[str]) -> list[list[int]]:
        for token in self.unknown(inputs):
            raise UserError(f"this task has no token {token!r}{suggest(token, self.source.tokens)}")
        if not all(text.split() for text in inputs):
            raise UserError(f"a sequence is empty; its tokens are {' '.join(self.source.tokens[:12])} …")
        return [self.source.encode(text.split()) for text in inputs]

    def _search(self, sources: Sequence[Sequence[int]], need_weights: bool, count: int = 1) -> list[Answer]:
        wanted = {"need_weights": need_weights, "count": count}
        search = partial(self.search, self.model, bos=BOS, eos=EOS, **wanted)
        return decode(search, self._asked(sources), self.device)

    def _asked(self, sources: Sequence[Sequence[int]]) -> TextBatches:
        return self.batched([Example(tuple(source), (), ()) for source in sources])

    def batched(self, examples: Sequence[Example]) -> TextBatches:
        """Return examples in batches to evaluate in."""
        return TextBatches(encode_examples(examples), batch_size=self.batch_size, seed=0)


def text_of(vocabulary: Vocabulary, numbers: Sequence[int]) -> str:
    return " ".join(vocabulary.labels(numbers))
