"""Sentence pairs to train on and to translate: of Multi30k where the cache has it, else built in."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from attnrun.bench.sizes import Sizes
from attnrun.data import multi30k, phrases
from attnrun.data.batching import Batch, EncodedPairs, TextBatches, encode_pairs
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.download import state
from attnrun.data.tokenisers import Tokeniser, Word, fit_sides


@dataclass(frozen=True)
class Texts:
    """A corpus in words."""

    corpus: Corpus
    source: Tokeniser
    target: Tokeniser

    @classmethod
    def load(cls, sizes: Sizes) -> "Texts":
        """Return the corpus with vocabularies of `sizes.vocabulary` or fewer words."""
        cached = set(state(multi30k.package()).values()) == {"present"}
        corpus = multi30k.load(limit=sizes.pairs) if cached else phrases.load(limit=sizes.pairs)
        recipe = Word(minimum_frequency=1, maximum_size=sizes.vocabulary)
        return cls(corpus, *fit_sides(recipe, corpus))

    def encoded(self) -> EncodedPairs:
        """Return the training pairs as numbers."""
        return encode_pairs(self.corpus.train, self.source, self.target)

    def sources(self, count: int) -> EncodedPairs:
        """Return `count` test sources as a search is given them: as pairs with themselves."""
        texts = [pair.source for pair in self.corpus.test[:count]]
        return encode_pairs([Pair(text, text) for text in texts], self.source, self.source)


def first_batches(batches: TextBatches, count: int) -> list[Batch]:
    """Return the first batches of the first epoch, in each the longest source first."""
    return [_sorted(batches.collate(indices)) for indices in batches.order(0)[:count]]


def target_tokens(batches: list[Batch]) -> int:
    """Return how many target tokens the model has to find, ends included."""
    return sum(int((batch.target_lengths - 1).sum()) for batch in batches)


def _sorted(batch: Batch) -> Batch:
    """The batch as tools that pack sequences want it: ours take any order."""
    order = batch.source_lengths.argsort(descending=True, stable=True)
    return replace(batch, **{name: value[order] for name, value in vars(batch).items()})


GetTexts = Callable[[], Texts]  # by those works alone that need them: reading takes seconds
