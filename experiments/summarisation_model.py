"""What the experiment `summarisation` trains and loads: a model that may copy, with its tokeniser."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.watch import pair_looks
from attnrun.data.batching import EncodedPairs, Sequences, TextBatches
from attnrun.data.summaries import Reading, Summarised, encode
from attnrun.data.tokenisers import Tokeniser
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, Forced, forced, greedy
from attnrun.models.pointer_generator import PointerGenerator
from attnrun.training.batches import evaluation
from attnrun.training.seq2seq import Answer, decode, looks


@dataclass(frozen=True)
class Summariser:
    """A trained model with its tokeniser; what `load` returns."""

    model: PointerGenerator
    tokeniser: Tokeniser
    device: torch.device
    batch_size: int
    longest: tuple[int, int]  # tokens of a text and of a summary
    search: Callable[..., Decoded] = greedy

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the summary of each text.

        Raises UserError for a text without a word.
        """
        return self.summarise(self._read(inputs))

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked in each text while it wrote its summary.

        Raises UserError where the model has no attention, or not so many layers or heads, and for a text
        without a word.
        """
        readings = self._read(inputs)
        found = self._search(readings, need_weights=True)
        queries = [one.labels(answer.tokens) for one, answer in zip(readings, found, strict=True)]
        keys = [self.tokeniser.tokens(text)[: self.longest[0]] for text in inputs]
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def copied(self, inputs: Sequence[str]) -> list[tuple[list[str], list[float]]]:
        """Return the words of each text's summary, and how likely each was copied rather than generated.

        Raises UserError for a text without a word.
        """
        readings = self._read(inputs)
        found = [answer.tokens for answer in self._search(readings, need_weights=False)]
        ends = self.tokeniser.bos, self.tokeniser.eos
        targets = Sequences([ends[0], *tokens, ends[1]] for tokens in found)
        shares: dict[int, list[float]] = {}
        for indices, _, copied, _ in self._score(_pairs(readings, targets)):
            shares |= dict(zip(indices, copied.tolist(), strict=True))
        rows = zip(readings, found, strict=True)
        return [
            (one.labels(tokens), shares[index][: len(tokens)]) for index, (one, tokens) in enumerate(rows)
        ]

    def summarise(self, readings: Sequence[Reading]) -> list[str]:
        """Return the summary of each text."""
        found = self._search(readings, need_weights=False)
        return [one.decode(answer.tokens) for one, answer in zip(readings, found, strict=True)]

    def judge(self, rows: Sequence[Summarised]) -> dict[str, float]:
        """Return the mean loss of a right token in nats, end included, and the share of words copied.

        The latter is left out where the model does not copy.
        """
        totals = torch.zeros(4, dtype=torch.float64)
        for _, losses, copied, tokens in self._score(encode(self.tokeniser, rows, *self.longest)):
            real = tokens != self.tokeniser.pad
            words = real & (tokens != self.tokeniser.eos)
            totals += torch.stack([losses[real].sum(), real.sum(), copied[words].sum(), words.sum()])
        loss, count, share, number = totals.tolist()
        return {"loss": loss / count} | ({} if self.model.generates is None else {"copied": share / number})

    def looks(self, rows: Sequence[Summarised]) -> dict[str, list[AttentionMap]]:
        """Return where the decoder looks in each text while it is given the right summary."""
        batches = self.batched(encode(self.tokeniser, rows, *self.longest))
        found = looks(self.model, self._forced, batches, self.device)
        sources = [self.tokeniser.tokens(one.text)[: self.longest[0]] for one in rows]
        pairs = zip(rows, batches.pairs.target.rows(), strict=True)
        return pair_looks(found, sources, [self.read(one.text).labels(numbers) for one, numbers in pairs])

    def read(self, text: str) -> Reading:
        """Return a text as the model reads it."""
        return Reading.of(self.tokeniser, text, self.longest[0])

    def unknown_words(self, summary: str) -> list[str]:
        """Return the words of a summary that are not in the vocabulary."""
        numbers = self.tokeniser.encode(summary)
        pairs = zip(numbers, self.tokeniser.tokens(summary), strict=True)
        return [token for number, token in pairs if number == self.tokeniser.unk]

    def _read(self, inputs: Sequence[str]) -> list[Reading]:
        found = [self.read(text) for text in inputs]
        for one, text in zip(found, inputs, strict=True):
            if not one.numbers:
                raise UserError(f"a text to summarise is blank: {text!r}")
        return found

    def _search(self, readings: Sequence[Reading], need_weights: bool) -> list[Answer]:
        ends = {"bos": self.tokeniser.bos, "eos": self.tokeniser.eos}
        search = partial(self.search, self.model, need_weights=need_weights, **ends)
        asked = _pairs(readings, Sequences([self.tokeniser.bos, self.tokeniser.eos] for _ in readings))
        return decode(search, self.batched(asked), self.device)

    @torch.no_grad()
    def _score(self, pairs: EncodedPairs) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Yield indices, and (B, T - 1) losses, how likely each token was copied, and the tokens."""
        for indices, batch in evaluation(self.batched(pairs), self.device):
            memory = self.model.encode(batch.source, batch.source_lengths)
            found, copied = self.model.score(memory, batch.target)
            copied = torch.zeros_like(found) if copied is None else copied
            yield indices, -found.cpu().double(), copied.cpu().double(), batch.target[:, 1:].cpu()

    def _forced(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Forced:
        if self.model.generates is None:  # words that could be copied alone are unknown to it
            target = target.masked_fill(target >= self.tokeniser.size, self.tokeniser.unk)
        return forced(self.model, source, source_lengths, target)

    def batched(self, pairs: EncodedPairs) -> TextBatches:
        """Return texts and summaries as numbers in batches to evaluate in."""
        return TextBatches(pairs, batch_size=self.batch_size, seed=0)


def _pairs(readings: Sequence[Reading], targets: Sequences) -> EncodedPairs:
    return EncodedPairs(Sequences(one.numbers for one in readings), targets, dropped=0)
