"""Learning a unigram language model of subwords (Kudo 2018, section 3.2), the same at every fit.

The trainer of the library `tokenizers` sums in an order that changes from one call to the next.

Legend: W words, P pieces, N nodes (the places between the characters of all words), E edges (occurrences of
pieces in words).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_LONGEST = 16  # characters of a piece
_SEEDS = 10  # so many times as many pieces as are wanted are there at first
_ROUNDS = 2  # of expectation and maximisation, before each pruning and at the end
_KEPT = 0.75  # of the pieces, by each pruning
_LEAST = 1e-3  # occurrences that a piece has at least
_MOST_WORDS = 100_000
_CHUNK = 64  # characters that are looked at together

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def learn_pieces(words: Mapping[str, int], size: int) -> dict[str, float]:
    """Return at most `size` pieces and their log-probabilities, likeliest first, ties by spelling.

    words: how often each occurs. All their characters are kept, even where they are more than `size`.
    """
    characters = sorted(set().union(*words))
    counted = _chunks(words)
    pieces = _seeds(counted, characters, _SEEDS * size)
    weights = np.array(list(counted.values()), dtype=np.float64)
    lattice = Lattice(list(counted), pieces)
    logs = np.full(len(pieces), -np.log(max(1, len(pieces))))
    while True:
        for _ in range(_ROUNDS):
            counts = np.maximum(lattice.expected(logs, weights), _LEAST)
            logs = np.log(counts / counts.sum())
        if len(pieces) <= max(size, len(characters)):
            break
        kept = _best(pieces, logs, counts, max(size, len(characters), int(_KEPT * len(pieces))))
        pieces, logs = [pieces[place] for place in kept], logs[kept]
        lattice = lattice.only(kept)
    found = zip(pieces, np.round(logs, 6).tolist(), strict=True)
    return dict(sorted(found, key=lambda one: (-one[1], one[0])))


def _chunks(words: Mapping[str, int]) -> dict[str, int]:
    """The most frequent words, long ones in parts, in an order that does not depend on theirs."""
    frequent = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:_MOST_WORDS]
    counted: Counter[str] = Counter()
    for word, count in frequent:
        for start in range(0, len(word), _CHUNK):
            counted[word[start : start + _CHUNK]] += count
    return dict(sorted(counted.items()))


def _seeds(words: Mapping[str, int], characters: Sequence[str], most: int) -> list[str]:
    """The characters, and those substrings that cover most, of all that occur twice."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 2, min(start + _LONGEST, len(word)) + 1):
                found[word[start:end]] += count
    often = (item for item in found.items() if item[1] > 1)
    best = sorted(often, key=lambda item: (-item[1] * len(item[0]), item[0]))
    return [*characters, *(piece for piece, _ in best[:most])]


def _best(pieces: Sequence[str], logs: Floats, counts: Floats, size: int) -> list[int]:
    """The places of the `size` pieces without which the words would be least likely, characters first of all.

    Without a piece, its occurrences are segmented into the other pieces.
    """
    long = [place for place, piece in enumerate(pieces) if len(piece) > 1]
    without = Lattice([pieces[place] for place in long], pieces, whole=False).totals(logs)
    loss = np.full(len(pieces), np.inf)
    loss[long] = counts[long] * (logs[long] - without)
    order = sorted(range(len(pieces)), key=lambda place: (-loss[place], pieces[place]))
    return sorted(order[:size])


@dataclass(frozen=True)
class _Sweep:
    """Edges in an order in which all that lead to an edge's first node come before it."""

    order: Ints  # (E,)
    levels: list[tuple[int, int]]  # bounds in `order` of edges that do not follow each other
    begins: list[Ints]  # of each level, where its edges come to another node

    @classmethod
    def of(cls, place: Ints, node: Ints) -> "_Sweep":
        """Sort edges (E,) by the place in its word of the node that they lead to, then by the node."""
        order = np.lexsort((node, place))
        bounds = [*np.flatnonzero(np.diff(place[order], prepend=-1)).tolist(), len(order)]
        levels = list(pairwise(bounds))
        begins = [np.flatnonzero(np.diff(node[order[low:high]], prepend=-1)) for low, high in levels]
        return cls(order, levels, begins)


class Lattice:
    """All segmentations of words into pieces."""

    def __init__(self, words: Sequence[str], pieces: Sequence[str], whole: bool = True) -> None:
        """Find the pieces in the words; `whole`: a word may be a piece itself."""
        number = {piece: place for place, piece in enumerate(pieces)}
        lengths = np.array([len(word) for word in words], dtype=np.int64)
        last = np.cumsum(lengths + 1) - 1
        edges: list[tuple[int, int, int, int]] = []
        for place, word in enumerate(words):
            for start in range(len(word)):
                for end in range(start + 1, min(start + _LONGEST, len(word)) + 1):
                    piece = number.get(word[start:end])
                    if piece is not None and (whole or end - start < len(word)):
                        edges.append((place, start, end, piece))
        table = np.array(edges, dtype=np.int64).reshape(-1, 4)
        self._set(lengths, last, table, len(pieces))

    def _set(self, lengths: Ints, last: Ints, table: Ints, pieces: int) -> None:
        self.lengths, self.last, self.table, self.pieces = lengths, last, table, pieces
        word, start, end, self._piece = table.T
        first = last - lengths
        self._word, self._tail, self._head = word, first[word] + start, first[word] + end
        self._forward = _Sweep.of(end, self._head)
        self._backward = _Sweep.of(lengths[word] - start, self._tail)

    def only(self, kept: Sequence[int]) -> "Lattice":
        """Return the lattice of the pieces at these places, which get new numbers."""
        number = np.full(self.pieces, -1)
        number[kept] = np.arange(len(kept))
        table = self.table[number[self._piece] >= 0]
        table[:, 3] = number[table[:, 3]]
        found = Lattice.__new__(Lattice)
        found._set(self.lengths, self.last, table, len(kept))
        return found

    def totals(self, logs: Floats) -> Floats:
        """Return the log-probability of each word (W,), all segmentations together, from the pieces' (P,)."""
        return self._summed(self._forward, self._tail, self._head, self.last - self.lengths, logs)[self.last]

    def expected(self, logs: Floats, weights: Floats) -> Floats:
        """Return how often each piece is expected (P,) in words that occur `weights` (W,) times."""
        before = self._summed(self._forward, self._tail, self._head, self.last - self.lengths, logs)
        after = self._summed(self._backward, self._head, self._tail, self.last, logs)
        share = before[self._tail] + logs[self._piece] + after[self._head] - before[self.last][self._word]
        counts = np.bincount(self._piece, np.exp(share) * weights[self._word], self.pieces)
        return counts.astype(np.float64)

    def _summed(self, sweep: _Sweep, origin: Ints, target: Ints, ends: Ints, logs: Floats) -> Floats:
        """The log-probability of all ways from the `ends` (W,) of the words to each node (N,)."""
        total = np.full(int(self.last[-1]) + 1 if len(self.last) else 0, -np.inf)
        total[ends] = 0.0
        for (low, high), begins in zip(sweep.levels, sweep.begins, strict=True):
            edges = sweep.order[low:high]
            found = total[origin[edges]] + logs[self._piece[edges]]
            highest = np.maximum.reduceat(found, begins)
            spread = np.repeat(highest, np.diff(begins, append=len(edges)))
            summed = np.add.reduceat(np.exp(found - spread), begins)
            total[target[edges[begins]]] = highest + np.log(summed)
        return total
