"""N-grams with modified Kneser-Ney smoothing: what comes next, counted (Chen and Goodman 1998, section 3).

Interpolated; the lowest order is mixed with the uniform distribution, so that nothing is impossible. A
context is numbered by the gram that it is, one order lower; -1 stands for one never seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_DISCOUNT = 0.75  # where too little was counted to estimate any
_LARGEST = 3  # counts from here on share a discount


@dataclass(frozen=True)
class _Smoothed:
    """Shares of what follows contexts: of what was seen, and of what is left for the order below."""

    share: Floats  # by gram
    rest: Floats  # by context

    @classmethod
    def of(cls, contexts: Integers, counts: Integers, size: int) -> "_Smoothed":
        """From the context and count of each gram, among `size` contexts."""
        discounts = _discounts(counts)[np.minimum(counts, _LARGEST)]
        totals = np.bincount(contexts, counts, size)
        left = np.bincount(contexts, discounts, size)
        rest = np.divide(left, totals, out=np.ones(size), where=totals > 0)
        return cls((counts - discounts) / totals[contexts], rest)

    def mix(self, contexts: Integers, grams: Integers, lower: Floats) -> Floats:
        """Probabilities of these grams in these contexts, -1 for unknown ones; `lower` of one order less."""
        seen = np.where(grams >= 0, self.share[grams], 0.0)
        rest: Floats = np.where(contexts >= 0, self.rest[contexts], 1.0)
        return seen + rest * lower


@dataclass(frozen=True)
class _Level:
    """The grams of one order, smoothed as the highest order of a model and as a lower one."""

    keys: Integers  # of each gram, ascending: context · vocabulary + token
    highest: _Smoothed
    lower: _Smoothed

    def find(self, contexts: Integers, tokens: Integers, size: int) -> Integers:
        """The number of the gram of each context and token, -1 for one never seen."""
        wanted = contexts * size + tokens
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[places] == wanted), places, -1)


@dataclass(frozen=True)
class NGrams:
    """The models of all orders up to one, of tokens 0 to `size` - 1; `fit` counts them."""

    size: int
    levels: list[_Level]

    @classmethod
    def fit(cls, tokens: Integers, size: int, order: int) -> "NGrams":
        """Count the grams of 1 to `order` tokens in a row of tokens (N,).

        Of the N - n + 1 grams of order n; a row shorter than `order` has none of the longest.
        """
        levels: list[_Level] = []
        grams, keys, counts, known = _count(np.zeros(len(tokens), np.int64), tokens, size)
        contexts = 1
        for number in range(2, min(order, len(tokens)) + 2):
            longer = _count(grams[:-1], tokens[number - 1 :], size)
            before = _continuations(grams[1:], longer[0], known)
            shares = [_Smoothed.of(keys // size, found, contexts) for found in (counts, before)]
            levels.append(_Level(keys, *shares))
            contexts = known
            grams, keys, counts, known = longer
        return cls(size, levels)

    def bits(self, tokens: Integers) -> Floats:
        """Return -log2 of the probability of each token after those before it, (orders, N), by each order."""
        found = []
        lower = np.full(len(tokens), 1 / self.size)
        contexts = np.zeros(len(tokens), np.int64)
        for level in self.levels:
            grams = level.find(contexts, tokens, self.size)
            found.append(level.highest.mix(contexts, grams, lower))
            lower = level.lower.mix(contexts, grams, lower)
            contexts = np.concatenate([[-1], grams[:-1]])
        bits: Floats = -np.log2(np.stack(found))
        return bits


def _count(contexts: Integers, tokens: Integers, size: int) -> tuple[Integers, Integers, Integers, int]:
    """The gram at each place by its number; of each gram its key and count; how many there are."""
    keys, grams, counts = np.unique(contexts * size + tokens, return_inverse=True, return_counts=True)
    return grams, keys, counts, len(keys)


def _continuations(suffixes: Integers, longer: Integers, known: int) -> Integers:
    """Before how many different tokens each gram was seen, at least 1 (the one that begins the text, 0).

    `longer` numbers the grams, longer by one, that end where `suffixes` do.
    """
    _, first = np.unique(longer, return_index=True)
    return np.maximum(np.bincount(suffixes[first], minlength=known), 1)


def _discounts(counts: Integers) -> Floats:
    """What is taken off a count of 0, 1, 2, and 3 or more (Chen and Goodman 1998, section 3)."""
    ones, twos, threes, fours = (int((counts == number).sum()) for number in range(1, 5))
    if not (ones and twos and threes and fours):
        return np.array([0, *[_DISCOUNT] * _LARGEST])
    y = ones / (ones + 2 * twos)
    found = 1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes
    return np.array([0, *np.clip(found, 0.05, [1, 2, 3])])
