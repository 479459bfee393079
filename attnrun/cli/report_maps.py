"""The weights that a page shows: of each model for each chosen sample, and for gold-aligned pairs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attnrun.cli.kinds import Kind, has, weights_of
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap
    from attnrun.data.corpus import Pair

BATCH = 32  # inputs whose weights are held at full precision at once


class Looker:
    """A model that is asked where it looked, some inputs at a time.

    Attributes:
        attends: False once it is known to have no attention of this kind.
        why: it has no map of an input, of the first such one; None where there was none.
    """

    def __init__(self, model: Any, kind: Kind = Kind.cross) -> None:
        self._model, self._kind = model, kind
        self.attends = has(model, kind)
        self.why: str | None = None if self.attends else "this model has no attention to show"

    def maps(self, inputs: Sequence[str]) -> "list[AttentionMap | None]":
        """Return a map for each input, None for one that is refused; or one map, of which all are rows."""
        from attnrun.analysis.maps import NoAttention

        if not self.attends:
            return [None] * len(inputs)
        try:
            return list(weights_of(self._model, list(inputs), self._kind))
        except NoAttention as error:
            self.attends, self.why = False, str(error)
            return [None] * len(inputs)
        except UserError as error:
            if len(inputs) == 1:
                self.why = self.why or str(error)
                return [None]
        return [one for given in inputs for one in self.maps([given])]


@dataclass(frozen=True)
class Gold:
    """Where a model looked in pairs with gold links, read by teacher forcing; by place in the test set.

    Attributes:
        error_rates: the alignment error rate on these pairs, by layer and head.
    """

    model: Any
    pairs: "Mapping[int, Pair]"
    how: Any
    shift: int
    error_rates: list[list[float]]

    def maps(self, places: Sequence[int]) -> "dict[int, AttentionMap]":
        """Return the maps between the words of those of the pairs that stand at these places."""
        from attnrun.analysis.maps import AttentionMap
        from attnrun.data.words import display, split

        known = {place: self.pairs[place] for place in places if place in self.pairs}
        found = self.model.word_weights(list(known.values()), self.how) if known else []
        return {
            place: AttentionMap(
                [display(word) for word in split(pair.target, self.how)],
                [display(word) for word in split(pair.source, self.how)],
                look[self.shift],
            )
            for (place, pair), look in zip(known.items(), found, strict=True)
        }

    def links(self, place: int) -> list[list[int]]:
        """Return the links of a pair: source, target, and 1 for a sure one, 0 for a possible one."""
        pair = self.pairs[place]
        both = ((pair.links or (), 1), (pair.possible or (), 0))
        return [[source, target, sure] for links, sure in both for source, target in links]


def gold_looks(model: Any, pairs: "Mapping[int, Pair]", how: Any) -> Gold | None:
    """Return where a model looks for each word of the right target; None where it has no such weights.

    Rows are shifted (see `analysis.aligning`) as gives the lower alignment error rate on these pairs.

    Raises ValueError where the model's tokens are not cut from the words.
    """
    from attnrun.analysis import aligning

    if not hasattr(model, "word_weights"):
        return None
    links = aligning.Gold([pair.links for pair in pairs.values()], [pair.possible for pair in pairs.values()])
    choices = aligning.rank(_word_weights(model, list(pairs.values()), how), links, aligning.extractor(None))
    if not choices:
        return None
    best = next(choice for choice in choices if choice.layer is None)
    single = {(one.layer, one.head): one.aer for one in choices if one.shift == best.shift}
    layers, heads = (1 + max(place[axis] or 0 for place in single) for axis in (0, 1))
    rates = [[single.get((a, b), best.aer) for b in range(heads)] for a in range(layers)]
    return Gold(model, pairs, how, best.shift, rates)


def _word_weights(model: Any, pairs: "Sequence[Pair]", how: Any) -> Iterator[dict[int, Any]]:
    for start in range(0, len(pairs), BATCH):
        found = model.word_weights(pairs[start : start + BATCH], how)
        if not found:
            return
        yield from found
