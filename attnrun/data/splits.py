"""Splits that no seed changes: a pure function of the text, with no sentence of a side in two splits."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from attnrun.data.corpus import Pair
from attnrun.data.reading import counted
from attnrun.errors import UserError

HELD_OUT_SHARE = 0.05
HELD_OUT_MOST = 1000
_FEWER = "lower corpus.valid or corpus.test; 0 holds out none"

Part = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Split:
    """Pairs in three parts, each in the order in which they came."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


def split(pairs: Sequence[Pair], *, valid: int | None = None, test: int | None = None) -> Split:
    """Hold out `valid` and `test` pairs (default: 5 % of the pairs, at most 1,000; 0 for none).

    Pairs that share a source or a target, directly or through others, stay together. Sentences that differ
    only in case, white space or Unicode form count as one. Groups are held out in the order of a hash of
    their text, so that the splits depend neither on a seed, nor on the order of the pairs, nor on which
    side is the source.

    Raises:
        UserError: there are too few pairs, or too few that share nothing, for the sizes asked for.
    """
    default = max(1, min(HELD_OUT_MOST, int(HELD_OUT_SHARE * len(pairs))))
    sizes = {"test": test, "valid": valid}
    wanted = {name: default if size is None else size for name, size in sizes.items()}
    if sum(wanted.values()) >= len(pairs):
        few = counted(len(pairs), "pair") + (" is" if len(pairs) == 1 else " are")
        held_out = f"valid={wanted['valid']} and test={wanted['test']}"
        raise UserError(f"{few} too few to hold out {held_out}; {_FEWER}")
    groups = _hashed(pairs)
    parts = {name: _take(groups, size) for name, size in wanted.items()}
    parts["train"] = [place for group in groups for place in group]
    for name, places in parts.items():
        least = sizes.get(name) or min(1, wanted.get(name, 1))
        if len(places) < least:
            found = f"{len(places)} of {counted(len(pairs), 'pair')} for {name}, not {least}"
            raise UserError(f"too many pairs share a sentence to split them: {found}; {_FEWER}")
    return Split(**{name: [pairs[place] for place in sorted(places)] for name, places in parts.items()})


def in_order(pairs: Sequence[Pair], *, train: int, valid: int, test: int) -> Split:
    """Train on the first `train` pairs, as textbooks do, and hold out the pairs that come next in the file.

    A held-out pair shares no side, as `normalised`, with a part before its own.

    Raises:
        UserError: there are too few pairs, or too few that share nothing, for the sizes asked for.
    """
    left = iter(pairs)
    parts = {"train": list(islice(left, train)), "valid": list[Pair](), "test": list[Pair]()}
    sizes = {"train": train, "valid": valid, "test": test}
    seen: tuple[set[str], set[str]] = (set(), set())
    for name, part in parts.items():
        while len(part) < sizes[name] and (pair := next(left, None)) is not None:
            if not any(text in known for text, known in zip(both_sides(pair), seen, strict=True)):
                part.append(pair)
        if len(part) < sizes[name]:
            found = f"{len(part)} of {counted(len(pairs), 'pair')} for {name}, not {sizes[name]}"
            lower = "lower corpus.limit" if name == "train" else _FEWER
            raise UserError(f"too few pairs, or too many that share a sentence: {found}; {lower}")
        for pair in part:
            for text, known in zip(both_sides(pair), seen, strict=True):
                known.add(text)
    return Split(**parts)


def normalised(text: str) -> str:
    """Return what sentences are compared by: case, white space and Unicode form levelled out."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def both_sides(pair: Pair) -> tuple[str, str]:
    """Return source and target, each `normalised`."""
    return normalised(pair.source), normalised(pair.target)


def place_of(content: bytes) -> float:
    """Return a number from 0 to 1 that depends on the content alone, to part by."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") / 2**64


def part_of(content: bytes, valid: float, test: float) -> Part:
    """Return the part that something belongs to by its content alone, for the shares held out."""
    place = place_of(content)
    return "test" if place < test else "valid" if place < test + valid else "train"


def _take(groups: list[list[int]], size: int) -> list[int]:
    """Remove groups from the front until `size` places are found; one too large for the rest is left."""
    taken: list[int] = []
    left = []
    for group in groups:
        if len(taken) + len(group) <= size:
            taken += group
        else:
            left.append(group)
    groups[:] = left
    return taken


def _hashed(pairs: Sequence[Pair]) -> list[list[int]]:
    """Return the groups of places in the order of a hash of their texts."""
    sides = [both_sides(pair) for pair in pairs]

    def key(group: list[int]) -> bytes:
        # One text stands for its group: the least of many hashes would favour large groups.
        text = min(min(sides[place]) for place in group)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    return sorted(_groups(sides), key=key)


def _groups(sides: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return the connected components of pairs, two pairs being connected by an equal side."""
    parent = list(range(len(sides)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    first: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for place, texts in enumerate(sides):
        for seen, text in zip(first, texts, strict=True):
            parent[root(place)] = root(seen.setdefault(text, place))
    members: dict[int, list[int]] = {}
    for place in range(len(sides)):
        members.setdefault(root(place), []).append(place)
    return list(members.values())
