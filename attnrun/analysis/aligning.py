"""Which layer, head and shift of a trained model align best: chosen on some pairs, judged on others.

Legend: L layers with attention, H heads, N target words, M source words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from attnrun.analysis.alignment import Link, Links, Weights, agreement, links, links_above

Extract = Callable[[Weights], list[Link]]


@dataclass(frozen=True)
class Gold:
    """Sure and merely possible links of some pairs; both are None for a pair that is not aligned."""

    sure: Sequence[Links | None]
    possible: Sequence[Links | None]


@dataclass(frozen=True)
class Choice:
    """Where to read links: a layer and a head, None for the mean over all, and the shift of the rows.

    With a shift of 0 the row of a word is where the model looked to write it, with 1 where it looked after it
    had read it, to write the next (`aer` is of the pairs it was chosen on).
    """

    layer: int | None
    head: int | None
    shift: int
    aer: float

    def read(self, looks: Mapping[int, Weights]) -> Weights:
        """Return the weights (1 or L, 1 or H, N, M) that this choice means, of those by shift."""
        weights = looks[self.shift]
        if self.layer is None or self.head is None:
            return weights
        return weights[self.layer : self.layer + 1, self.head : self.head + 1]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def rank(looks: Iterable[Mapping[int, Weights]], gold: Gold, extract: Extract) -> list[Choice]:
    """Return every choice for the pairs, the one with the least alignment error rate first.

    looks: of each pair the weights (L, H, N, M) by shift, one pair at a time. Of equals the first counts: the
    mean over all before single heads, no shift before one.
    """
    found = dict[Choice, list[list[Link]]]()
    for one in looks:
        for choice in found or _choices(one):
            found.setdefault(choice, []).append(extract(choice.read(one)))
    scored = [
        replace(choice, aer=agreement(links, gold.sure, gold.possible).get("aer", 1.0))
        for choice, links in found.items()
    ]
    return sorted(scored, key=lambda choice: choice.aer)


def _choices(looks: Mapping[int, Weights]) -> list[Choice]:
    shifts = sorted(looks)
    layers, heads = looks[shifts[0]].shape[:2]
    single = [(layer, head) for layer in range(layers) for head in range(heads)] if layers * heads > 1 else []
    places = [(None, None), *single]
    return [Choice(layer, head, shift, 1.0) for layer, head in places for shift in shifts]


def extractor(threshold: float | None) -> Extract:
    """Return what makes links of weights: above a threshold, for None the strongest of each target word."""
    return links if threshold is None else lambda weights: links_above(weights, threshold)
