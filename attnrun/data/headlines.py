"""Passages from a grammar of our own, each with the headline that it calls for."""

import random
from typing import Annotated, NamedTuple

from annotated_types import Ge, Le

from attnrun.data.summaries import Summaries, Summarised
from attnrun.ranges import PositiveInt


class _Kind(NamedTuple):
    """An event in two wordings, and as a headline: of persons a and b, a place p, a thing x and a time t."""

    first: str
    second: str
    headline: str


_KINDS = (  # the weightiest first
    _Kind(
        "a storm tore the roof off the {x} of {a} in {p} {t}",
        "in {p}, the {x} of {a} lost its roof in a storm {t}",
        "Storm in {p} unroofs {x} of {a}",
    ),
    _Kind(
        "{a} pulled {b} out of a burning {x} in {p} {t}",
        "{b} was pulled out of a burning {x} in {p} by {a} {t}",
        "{a} saves {b} from fire in {p}",
    ),
    _Kind(
        "{a} took a {x} from {b} by force in {p} {t}",
        "in {p}, a {x} was taken from {b} by force by {a} {t}",
        "{b} robbed of {x} by {a}",
    ),
    _Kind(
        "{a} became mayor of {p} {t} with more votes than {b}",
        "{b} had fewer votes for mayor of {p} than {a} {t}",
        "{p} elects {a} over {b}",
    ),
    _Kind(
        "{a} won the final at {p} against {b} {t}",
        "{b} lost the final at {p} to {a} {t}",
        "{b} beaten by {a} in {p}",
    ),
    _Kind(
        "{a} sold a {x} to {b} in {p} {t}",
        "{b} bought a {x} from {a} in {p} {t}",
        "New {x} for {b} in {p}",
    ),
    _Kind(
        "{a} sang for {b} in {p} {t}",
        "{b} heard {a} sing in {p} {t}",
        "Songs of {a} please {b}",
    ),
    _Kind(
        "{a} found a {x} that {b} had lost in {p} {t}",
        "a {x} that {b} had lost in {p} was found by {a} {t}",
        "{a} returns {x} to {b}",
    ),
    _Kind(
        "{a} visited {b} in {p} {t}",
        "{b} had a visit from {a} in {p} {t}",
        "{b} is host to {a} in {p}",
    ),
    _Kind(
        "{a} greeted {b} on the way to {p} {t}",
        "{b} was greeted by {a} on the way to {p} {t}",
        "{a} meets {b} near {p}",
    ),
)
_DENIALS = ("it is not true that {}", "nobody believes that {}")
_DENIED = 0.2  # share of the lighter events; the weightier ones all are
_RARE = 0.6  # share of names that are in one passage alone
_PERSONS = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Henry", "Ida", "Jonas", "Klara", "Leo",
    "Mona", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tessa", "Viktor",
)  # fmt: skip
_PLACES = ("Athens", "Bergen", "Cork", "Delft", "Evora", "Ghent", "Lund", "Malmo", "Nantes", "Oslo")
_THINGS = ("house", "barn", "shop", "mill", "boat", "cart", "tent", "caravan", "hut", "tractor")
_TIMES = ("yesterday", "last night", "on Monday", "on Friday", "in May", "this morning", "at noon")
_BEGINNINGS = (*"bdfghklmnprstv", "br", "dr", "kr", "st", "tr")
_SYLLABLE = (_BEGINNINGS, tuple("aeiou"), ("", "", "", *"lnrs"))

Events = Annotated[int, Ge(1), Le(len(_KINDS))]


def headlines(
    seed: int,
    *,
    events: Events = 4,
    train: PositiveInt = 3000,
    valid: PositiveInt = 300,
    test: PositiveInt = 1000,
) -> Summaries:
    """Draw passages of so many sentences, an event each, with the headline of the weightiest.

    The kinds of events have an order of weight, and what a sentence denies does not count. Headlines have
    other words in another order. Most names are in one passage alone, so that a reader has never met them
    before; no passage occurs twice.
    """
    generator, names = random.Random(seed), set(_PERSONS + _PLACES)
    drawn = dict[str, str]()
    wanted = train + valid + test
    while len(drawn) < wanted:
        drawn.setdefault(*_passage(generator, events, names))
    whole = [Summarised(*pair) for pair in drawn.items()]
    return Summaries(whole[:train], whole[train : train + valid], whole[train + valid :])


def _passage(generator: random.Random, events: int, names: set[str]) -> tuple[str, str]:
    """A passage and its headline; `names` are those in use, and get the new ones too."""
    kinds = generator.sample(range(len(_KINDS)), events)
    persons = _cast(generator, _PERSONS, 2 * events, names)
    places = _cast(generator, _PLACES, events, names)
    main, headline, told = generator.choice(kinds), "", []
    for kind in kinds:
        roles = _roles(generator, persons.pop(), persons.pop(), places.pop())
        denied = kind < main or (kind > main and generator.random() < _DENIED)
        told.append(_told(generator, kind, roles, denied))
        if kind == main:
            headline = _KINDS[kind].headline.format(**roles)
    return " ".join(told), headline


def _roles(generator: random.Random, a: str, b: str, p: str) -> dict[str, str]:
    return {"a": a, "b": b, "p": p, "x": generator.choice(_THINGS), "t": generator.choice(_TIMES)}


def _told(generator: random.Random, kind: int, roles: dict[str, str], denied: bool) -> str:
    """The sentence that tells of an event."""
    told = generator.choice(_KINDS[kind][:2]).format(**roles)
    if denied:
        told = generator.choice(_DENIALS).format(told)
    return f"{told[0].upper()}{told[1:]}."


def _cast(generator: random.Random, known: tuple[str, ...], count: int, names: set[str]) -> list[str]:
    """So many different names, known ones and new ones."""
    found = list(generator.sample(known, min(count, len(known))))
    for place in range(count):
        if place >= len(found):
            found.append(_new(generator, names))
        elif generator.random() < _RARE:
            found[place] = _new(generator, names)
    return found


def _new(generator: random.Random, names: set[str]) -> str:
    """A name that is not among `names`, which gets it."""
    while True:
        parts = [[generator.choice(sounds) for sounds in _SYLLABLE] for _ in range(generator.choice((2, 3)))]
        name = "".join(map("".join, parts)).capitalize()
        if name not in names:
            names.add(name)
            return name
