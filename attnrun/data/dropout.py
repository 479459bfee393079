"""BPE dropout (Provilkov, Emelianenko and Voita 2020): a word falls into other pieces each time it is read.

The library draws from a generator that cannot be seeded, so the merges are made here, over the numbers of a
fitted tokeniser. No text is needed: pieces fall apart into the characters that they were merged from.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from attnrun.data.subwords import SPACE, Bpe, BpeTokeniser
from attnrun.data.tokenisers import Recipe, Tokeniser
from attnrun.data.vocabulary import BOS, EOS, SPECIALS


class MergeDropout:
    """Segments numbers anew, drawing from Python's global generator; picklable, and nothing in it changes."""

    def __init__(self, tokeniser: BpeTokeniser, probability: float, longest: int | None = None) -> None:
        """Leave out each merge that is possible in a step with `probability` (algorithm 1 of the paper).

        Args:
            longest: most numbers that may come out, bos and eos not counted; longer ones stay as they were.
        """
        number = {token: place for place, token in enumerate(tokeniser.vocabulary.tokens, len(SPECIALS))}
        self.probability, self.longest = probability, longest
        self._parts: dict[int, tuple[int, ...]] = {place: (place,) for place in number.values()}
        self._merges: dict[tuple[int, int], tuple[int, int]] = {}  # pair -> (rank, what it becomes)
        for rank, (first, second) in enumerate(tokeniser.merges):
            pair, made = (number[first], number[second]), number[first + second]
            self._merges[pair] = rank, made
            if self._parts[made] == (made,):
                self._parts[made] = self._parts[pair[0]] + self._parts[pair[1]]
        self._begins = {place for token, place in number.items() if token.startswith(SPACE)}

    def __call__(self, ids: Iterable[int]) -> list[int]:
        """Return other numbers of the same text; specials stay, and nothing merges over them."""
        given = [int(number) for number in ids]
        drawn = [piece for word in self._words(given) for piece in self._merged(word)]
        fits = self.longest is None or sum(number not in (BOS, EOS) for number in drawn) <= self.longest
        return drawn if fits else given

    def _words(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Yield the characters of each word: a new one begins at a space, and a special is one by itself."""
        word: list[int] = []
        for number in ids:
            special = number < len(SPECIALS)
            if word and (special or number in self._begins or word[-1] < len(SPECIALS)):
                yield word
                word = []
            word += (number,) if special else self._parts[number]
        if word:
            yield word

    def _merged(self, word: list[int]) -> list[int]:
        """Merge the pair that was learned first, of those not left out, until there is none."""
        merges, probability, draw = self._merges, self.probability, random.random
        while True:
            best, place = (len(merges), 0), -1
            for at in range(len(word) - 1):
                found = merges.get((word[at], word[at + 1]))
                # A draw for one that comes later than the best so far would decide nothing.
                if found is not None and found < best and draw() >= probability:
                    best, place = found, at
            if place < 0:
                return word
            word[place : place + 2] = [best[1]]


def redraws(
    recipe: Recipe, sides: tuple[Tokeniser, Tokeniser], longest: int
) -> tuple[MergeDropout, MergeDropout] | None:
    """Return what segments source and target anew in training, None where the recipe has no dropout."""
    if not isinstance(recipe, Bpe) or not recipe.dropout:
        return None
    source, target = (cast(BpeTokeniser, side) for side in sides)
    return MergeDropout(source, recipe.dropout, longest), MergeDropout(target, recipe.dropout, longest)
