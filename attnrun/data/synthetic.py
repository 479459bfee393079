"""Synthetic sequence tasks: every answer is exact, and so is the gold alignment of its tokens."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from attnrun.data.batching import EncodedPairs, Sequences
from attnrun.data.corpus import Links
from attnrun.data.vocabulary import BOS, EOS, Vocabulary
from attnrun.errors import UserError
from attnrun.ranges import NonNegativeInt, PositiveInt

Task = Literal["copy", "reverse", "sort", "dictionary", "counting"]


@dataclass(frozen=True, slots=True)
class Example:
    """A sequence and its answer as numbers of their vocabularies, without beginning and end.

    `links` are the gold alignment, 0-indexed (source token, target token) as those of a `corpus.Pair`.
    """

    source: tuple[int, ...]
    target: tuple[int, ...]
    links: Links


@dataclass(frozen=True)
class SequenceData:
    """The examples of one task; no source sequence occurs twice, in a split or in two of them."""

    name: str
    source: Vocabulary
    target: Vocabulary  # equal to `source` where answers are made of the same tokens
    train: list[Example]
    valid: list[Example]
    test: list[Example]
    longer: list[Example]  # to test on, each longer than all the others


def sequences(
    seed: int,
    *,
    task: Task,
    symbols: PositiveInt = 26,
    minimum_length: PositiveInt = 3,
    maximum_length: PositiveInt = 10,
    train: PositiveInt = 20000,
    valid: PositiveInt = 500,
    test: PositiveInt = 1000,
    longer: NonNegativeInt = 200,
) -> SequenceData:
    """Draw the examples of a task: a pure function of the arguments.

    - copy: the sequence itself.
    - reverse: its tokens from the last to the first.
    - sort: its numbers in ascending order, equal ones in the order in which they stand.
    - dictionary: the one translation of each word, the words exchanged in pairs (2 1 4 3 …; the last of an
      odd number stays).
    - counting: "how many cats are there ?" and a row of animals; the answer is one number word, linked to
      the animals that are counted (to nothing where there are none).

    Lengths (of counting: how many animals) from `minimum_length` to `maximum_length` are equally frequent, as
    far as there are enough sequences of each; those of `longer` go on up to twice the maximum.

    Raises:
        UserError: there are not so many different sequences, or the task has no words for so many symbols or
            such lengths.
    """
    if minimum_length > maximum_length:
        raise UserError(f"data.minimum_length={minimum_length} is above data.maximum_length={maximum_length}")
    rule = _RULES[task]
    names = rule.names(symbols, 2 * maximum_length)
    source, target = Vocabulary(names[0]), Vocabulary(names[1])
    draw = _Draw(seed, symbols, rule.extra)
    splits = {"train": train, "valid": valid, "test": test}
    parts = draw.splits(range(minimum_length, maximum_length + 1), splits)
    parts |= draw.splits(range(maximum_length + 1, 2 * maximum_length + 1), {"longer": longer})
    examples = (
        [_example(rule.pair(drawn, *names), source, target) for drawn in part] for part in parts.values()
    )
    return SequenceData(task, source, target, *examples)


def encode_examples(examples: Sequence[Example]) -> EncodedPairs:
    """Return the examples in the form from which `batching.TextBatches` makes batches."""
    sources = Sequences(example.source for example in examples)
    return EncodedPairs(sources, Sequences((BOS, *example.target, EOS) for example in examples), 0)


# What is drawn

_ENOUGH = 128  # places: of two symbols there are then more rows than a config key can ask for
_Drawn = tuple[int, ...]  # numbers below `symbols`, from which an example is made


class _Draw:
    """Draws different tuples of numbers; `extra` numbers stand before those of the places of a sequence."""

    def __init__(self, seed: int, symbols: int, extra: int) -> None:
        self._chance = random.Random(seed).random  # the method whose numbers Python promises not to change
        self.symbols, self.extra = symbols, extra

    def splits(self, lengths: range, sizes: dict[str, int]) -> dict[str, list[_Drawn]]:
        """Return splits of these sizes that have no tuple in common, each with all lengths mixed."""
        room = {length: self._room(length) for length in lengths}
        wanted = sum(sizes.values())
        if wanted > sum(room.values()):
            asked = ", ".join(f"data.{name}={size}" for name, size in sizes.items())
            raise UserError(
                f"{asked}: there are only {sum(room.values())} different sequences of length {lengths[0]} to "
                f"{lengths[-1]} over data.symbols={self.symbols}; ask for fewer, or give more symbols"
            )
        shares = _shares(wanted, room)
        drawn = self._shuffled([one for length in lengths for one in self._some(length, shares[length])])
        ends = [sum(list(sizes.values())[: number + 1]) for number in range(len(sizes))]
        return {name: drawn[end - sizes[name] : end] for name, end in zip(sizes, ends, strict=True)}

    def _room(self, length: int) -> int:
        """How many tuples there are for sequences of this length, or more than anyone can ask for."""
        return int(self.symbols ** min(length + self.extra, _ENOUGH))

    def _some(self, length: int, count: int) -> list[_Drawn]:
        """Return `count` different tuples for sequences of this length, all equally likely."""
        size = length + self.extra
        if 2 * count > self._room(length):  # by trial the last ones would take long
            return self._shuffled(list(product(range(self.symbols), repeat=size)))[:count]
        found: dict[_Drawn, None] = {}
        while len(found) < count:
            found[tuple(int(self._chance() * self.symbols) for _ in range(size))] = None
        return list(found)

    def _shuffled(self, drawn: list[_Drawn]) -> list[_Drawn]:
        return sorted(drawn, key=lambda _: self._chance())


def _shares(wanted: int, room: dict[int, int]) -> dict[int, int]:
    """Divide `wanted` among lengths as evenly as the room of each permits; the longer, the more room."""
    shares = {}
    for number, (length, most) in enumerate(sorted(room.items())):
        shares[length] = min(most, wanted // (len(room) - number))
        wanted -= shares[length]
    return shares


# What is made of it

_Names = tuple[str, ...]
_Pair = tuple[Sequence[str], Sequence[str], Links]


@dataclass(frozen=True)
class _Rule:
    """A task: the tokens of both sides for (symbols, longest sequence), and the pair for what was drawn."""

    names: Callable[[int, int], tuple[_Names, _Names]]
    pair: Callable[[_Drawn, _Names, _Names], _Pair]
    extra: int = 0


def _example(pair: _Pair, source: Vocabulary, target: Vocabulary) -> Example:
    return Example(tuple(source.encode(pair[0])), tuple(target.encode(pair[1])), pair[2])


def _moving(
    origins: Callable[[_Drawn], Sequence[int]], names: Callable[[int, int], tuple[_Names, _Names]]
) -> _Rule:
    """The rule of an answer that has one token for each of the sequence: `origins` says where from."""

    def pair(drawn: _Drawn, source: _Names, target: _Names) -> _Pair:
        places = origins(drawn)
        answer = [target[drawn[place]] for place in places]
        links = tuple((place, token) for token, place in enumerate(places))
        return [source[number] for number in drawn], answer, links

    return _Rule(names, pair)


def _unmoved(drawn: _Drawn) -> list[int]:
    return list(range(len(drawn)))


def _backwards(drawn: _Drawn) -> list[int]:
    return _unmoved(drawn)[::-1]


def _ascending(drawn: _Drawn) -> list[int]:
    return sorted(range(len(drawn)), key=drawn.__getitem__)  # stable: equal numbers keep their order


def _swapped(drawn: _Drawn) -> list[int]:
    return [min(place ^ 1, len(drawn) - 1) for place in range(len(drawn))]


def _letters(symbols: int, longest: int) -> tuple[_Names, _Names]:
    """One alphabet for both sides: a to z, then aa, ab, …"""
    letters = tuple(_letter(number) for number in range(symbols))
    return letters, letters


def _letter(number: int) -> str:
    before, last = divmod(number, 26)
    return ("" if before == 0 else _letter(before - 1)) + chr(ord("a") + last)


def _two_alphabets(symbols: int, longest: int) -> tuple[_Names, _Names]:
    letters, _ = _letters(symbols, longest)
    return letters, tuple(letter.upper() for letter in letters)


def _figures(symbols: int, longest: int) -> tuple[_Names, _Names]:
    figures = tuple(str(number) for number in range(1, symbols + 1))
    return figures, figures


_BEFORE, _AFTER = ("how", "many"), ("are", "there", "?")
_ANIMALS = ("cat", "dog", "cow", "hen", "pig", "goat", "duck", "frog", "mouse", "fox", "horse", "owl")
_PLURALS = (*(f"{animal}s" for animal in _ANIMALS[:8]), "mice", "foxes", "horses", "owls")
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def _counting_names(symbols: int, longest: int) -> tuple[_Names, _Names]:
    if symbols > len(_ANIMALS):
        raise UserError(f"data.symbols={symbols}: counting knows {len(_ANIMALS)} animals")
    if longest > 99:
        raise UserError(f"data.maximum_length={longest // 2}: counting takes 49 animals at the most")
    source = (*_ANIMALS[:symbols], *_PLURALS[:symbols], *_BEFORE, *_AFTER)
    return source, tuple(_number_word(number) for number in range(longest + 1))


def _number_word(number: int) -> str:
    if number < len(_SMALL):
        return _SMALL[number]
    tens, units = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[units]}" if units else "")


def _counted(drawn: _Drawn, source: _Names, target: _Names) -> _Pair:
    """Of what was drawn the first is the animal that is asked for, the others stand in the row."""
    wanted, *there = drawn
    question = [*_BEFORE, _PLURALS[wanted], *_AFTER]
    links = tuple((place, 0) for place, kind in enumerate(there, len(question)) if kind == wanted)
    return [*question, *(source[kind] for kind in there)], [target[len(links)]], links


_RULES: dict[Task, _Rule] = {
    "copy": _moving(_unmoved, _letters),
    "reverse": _moving(_backwards, _letters),
    "sort": _moving(_ascending, _figures),
    "dictionary": _moving(_swapped, _two_alphabets),
    "counting": _Rule(_counting_names, _counted, extra=1),
}
