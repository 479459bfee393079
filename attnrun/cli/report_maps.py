"""The weights that a page shows: of each model for each chosen sample, and for gold-aligned pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap
    from attnrun.data.corpus import Pair

_BATCH = 32  # inputs whose weights are held at full precision at once


@dataclass
class Looks:
    """The maps of one model by input: None for one that it has no map for, `why` of the first of those."""

    maps: "list[AttentionMap | None]" = field(default_factory=list)
    why: str | None = None
    together: bool = False  # all inputs are rows of one map


def looks(model: Any, inputs: Sequence[str]) -> Looks:
    """Return the maps of the inputs, or one for all where the model makes one."""
    found = Looks()
    if not hasattr(model, "weights"):
        return Looks([None] * len(inputs), "this model has no attention to show")
    if not inputs:
        return found
    for start in range(0, len(inputs), _BATCH):
        some = inputs[start : start + _BATCH]
        maps, why = _weights(model, some)
        if len(some) > 1 and len(maps) == 1:
            maps, why = _weights(model, _in_order(inputs))
            return Looks(maps, why, together=True)
        found.maps += maps
        found.why = found.why or why
    return found


def _in_order(inputs: Sequence[str]) -> list[str]:
    """The inputs by size where they are numbers, else as they are."""
    try:
        return sorted(inputs, key=float)
    except ValueError:
        return list(inputs)


def _weights(model: Any, inputs: Sequence[str]) -> "tuple[list[AttentionMap | None], str | None]":
    """The maps of some inputs; where one of them is refused, of the others."""
    try:
        return list(model.weights(list(inputs))), None
    except UserError as error:
        if len(inputs) == 1:
            return [None], str(error)
    each = [_weights(model, [one]) for one in inputs]
    return [maps[0] for maps, _ in each], next(why for _, why in each if why)


@dataclass(frozen=True)
class Gold:
    """Maps between the words of pairs with gold links, read by teacher forcing, by place in the test set."""

    maps: "dict[int, AttentionMap]"
    links: dict[int, list[list[int]]]  # source, target, and 1 for a sure link, 0 for a possible one
    error_rates: list[list[float]]  # by layer and head
    shift: int  # 1 where a word's row is where the model looked after it had read it


def gold_looks(model: Any, pairs: "dict[int, Pair]", how: Any) -> Gold | None:
    """Return where a model looked for each word of the right target; None where it has no such weights.

    The shift (see `analysis.aligning`) is the one with the lower alignment error rate on these pairs.
    """
    from attnrun.analysis import aligning
    from attnrun.analysis.maps import AttentionMap
    from attnrun.data.words import display, split

    found = model.word_weights(list(pairs.values()), how) if hasattr(model, "word_weights") else []
    if not found:
        return None
    gold = aligning.Gold([pair.links for pair in pairs.values()], [pair.possible for pair in pairs.values()])
    choices = aligning.rank(found, gold, aligning.extractor(None))
    shift = next(choice for choice in choices if choice.layer is None).shift
    layers, heads = found[0][shift].shape[:2]
    single = {(one.layer, one.head): one.aer for one in choices if one.shift == shift}
    rates = [[single.get((a, b), single[None, None]) for b in range(heads)] for a in range(layers)]
    maps = {
        place: AttentionMap(
            [display(word) for word in split(pair.target, how)],
            [display(word) for word in split(pair.source, how)],
            look[shift],
        )
        for (place, pair), look in zip(pairs.items(), found, strict=True)
    }
    return Gold(maps, {place: list(_links(pair)) for place, pair in pairs.items()}, rates, shift)


def _links(pair: "Pair") -> Iterator[list[int]]:
    yield from ([source, target, 1] for source, target in pair.links or ())
    yield from ([source, target, 0] for source, target in pair.possible or ())
