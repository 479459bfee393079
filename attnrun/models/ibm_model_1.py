"""IBM Model 1: which source word stands behind each target word, by expectation maximisation.

Brown, Della Pietra, Della Pietra and Mercer 1993, section 4.1: each target word comes from one source word,
or from the empty word, all of them equally likely before one looks at the words themselves.

Legend: P pairs of a source and a target word that occur together in training, S and T words of a sentence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

EMPTY = 0  # the number of the empty word, which stands in every source sentence; no other has it
_UNSEEN = 1e-9  # probability of words that never occurred together

NumberedPairs = Sequence[tuple[Sequence[int], Sequence[int]]]  # numbers of words, all above 0


@dataclass(frozen=True)
class IbmModel1:
    """What translates into what: t(target word | source word) of the pairs of words in `keys`.

    `keys` (P,) are source · `targets` + target, in rising order; `probabilities` (P,) are float64, which not
    every GPU has: all of it is on the CPU.
    """

    keys: Tensor
    probabilities: Tensor
    targets: int  # more than any target word's number

    def table(self, source: Sequence[int], target: Sequence[int]) -> Tensor:
        """Return t (T, S + 1) of each target word given the empty word and each source word."""
        rows = torch.tensor(target)
        columns = torch.tensor([EMPTY, *source])
        keys = columns * self.targets + rows[:, None]
        places = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        found = self.keys[places] == keys
        return self.probabilities[places].where(found, _UNSEEN)

    def posterior(self, source: Sequence[int], target: Sequence[int]) -> Tensor:
        """Return the probability (T, S + 1) that a target word comes from the empty or a source word."""
        table = self.table(source, target)
        return table / table.sum(1, keepdim=True)

    def cross_entropy(self, pairs: NumberedPairs) -> float:
        """Return the mean of -log p(target word | source sentence), in nats."""
        total, count = 0.0, 0
        for source, target in pairs:
            total -= float(self.table(source, target).mean(1).log().sum())
            count += len(target)
        return total / count


def cells(pairs: NumberedPairs) -> int:
    """Return how many pairs of words an iteration counts, the empty words too."""
    return sum((len(source) + 1) * len(target) for source, target in pairs)


def fit(pairs: NumberedPairs, iterations: int) -> Iterator[tuple[IbmModel1, float]]:
    """Yield the model after each iteration, and the cross-entropy of the training pairs before it.

    It starts with every target word of the pairs equally likely.
    """
    sources, targets, words = _cells(pairs)
    most = int(targets.max()) + 1
    keys, places = _distinct(sources * most + targets)
    owners = keys // most
    probabilities = torch.full((len(keys),), 1 / len(_distinct(targets)[0]), dtype=torch.float64)
    for _ in range(iterations):
        shares = probabilities[places]
        totals = torch.bincount(words, shares)  # of each target word
        loss = -float((totals / torch.bincount(words)).log().mean())
        counts = torch.bincount(places, shares / totals[words], len(keys))  # expected
        probabilities = counts / torch.bincount(owners, counts)[owners]
        yield IbmModel1(keys, probabilities, most), loss


def _distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values that there are, in rising order, and the place of each value among them."""
    found: tuple[Tensor, Tensor] = torch.unique(values, return_inverse=True)
    return found


def _cells(pairs: NumberedPairs) -> tuple[Tensor, Tensor, Tensor]:
    """For each target word of each pair and each source word, the empty one too: source, target, which one.

    "Which one" counts the target words of all pairs.
    """
    sources, targets, words = list[Tensor](), list[Tensor](), list[Tensor]()
    number = 0
    for source, target in pairs:
        columns, rows = torch.tensor([EMPTY, *source]), torch.tensor(target)
        sources.append(columns.repeat(len(rows)))
        targets.append(rows.repeat_interleave(len(columns)))
        words.append(torch.arange(number, number + len(rows)).repeat_interleave(len(columns)))
        number += len(rows)
    together = (torch.cat(part) for part in (sources, targets, words))
    return tuple(together)  # type: ignore[return-value]
