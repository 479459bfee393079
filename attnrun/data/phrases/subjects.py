"""Who a sentence is about."""

from attnrun.data.phrases.chunk import Chunk, say
from attnrun.data.phrases.complements import name
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.names import NAMES
from attnrun.data.phrases.lexicon.nouns import Noun, nouns
from attnrun.data.phrases.nominal import Subject, fitting, noun_phrase, owned

_OWN = {"m": "his", "f": "her"}


def _pronoun(spec: str, person: int, gender: str, own: str) -> Subject:
    english, french = spec.split("=")
    return Subject(say(f"{english}/PRON = {french}/PRON"), person, gender, own, True)


def pronoun(person: int, gender: str = "m") -> Subject:
    """Return a subject pronoun, with marks of its own."""
    if person == 2:
        return _pronoun("she=elle", 2, "f", "her") if gender == "f" else _pronoun("he=il", 2, "m", "his")
    if (person, gender) == (5, "f"):
        return _pronoun("they=elles", 5, "f", "their")
    spec, own = {0: ("I=je", "my"), 1: ("you=tu", "your"), 3: ("we=nous", "our"), 5: ("they=ils", "their")}[
        person
    ]
    return _pronoun(spec, person, "m" if person == 5 else "", own)


_PRONOUNS = ((0, ""), (1, ""), (2, "m"), (2, "f"), (3, ""), (5, "m"))


def anaphor(subject: Subject) -> Subject:
    """Return the pronoun for a subject already named: she for her mother, they for the children."""
    return pronoun(subject.person, subject.gender)


def person(dice: Dice, clear: bool = False) -> Subject:
    """Return a person or persons; `clear` asks for a subject whose gender English shows."""
    roll = dice.below(100)
    if roll < 45:
        return pronoun(*dice.pick([entry for entry in _PRONOUNS if entry[1] or not clear]))
    return named(dice)


def named(dice: Dice) -> Subject:
    """Return a person or persons called by a name or a noun, never by a pronoun."""
    roll = dice.below(100)
    if roll < 25:
        text, gender = dice.pick(NAMES)
        return Subject(name(text), 2, gender, _OWN[gender])
    if roll < 62:
        chosen = dice.pick(nouns("kin+elder+spouse"))
        owners = ("my", "your") if chosen.theme == "spouse" else ("my", "my", "your", "our")
        return _subject(chosen, dice.pick(owners), chosen.countable and dice.chance(0.25))
    if roll < 82:
        return _someone(dice)
    if roll < 92:
        chosen = dice.pick(nouns("kin+elder"))
        owner = name(dice.pick(NAMES)[0])
        return Subject(owned(owner, chosen), 2, chosen.gender, _OWN[chosen.gender])
    return couple(dice)


def couple(dice: Dice) -> Subject:
    """Return two people joined by `and`."""
    (first, one), (second, other) = dice.pick(NAMES), dice.pick(NAMES)
    while second == first:
        second, other = dice.pick(NAMES)
    gender = "f" if one == other == "f" else "m"
    return Subject(name(first).then(say("and/CCONJ = et/CCONJ"), name(second)), 5, gender, "their")


def _someone(dice: Dice) -> Subject:
    chosen = dice.pick(nouns("people"))
    return _subject(chosen, "the", chosen.countable and dice.chance(0.3))


def _subject(noun: Noun, kind: str, plural: bool) -> Subject:
    return Subject(
        noun_phrase(kind, noun, plural),
        5 if plural else 2,
        noun.gender,
        "their" if plural else _OWN[noun.gender],
    )


def thing(dice: Dice, themes: str, kind: str = "the", plural: float = 0.3, described: float = 0.2) -> Subject:
    """Return an animal or a thing as a subject."""
    chosen = dice.pick(nouns(themes))
    many = chosen.only_plural or (chosen.countable and dice.chance(plural))
    chunk: Chunk = noun_phrase(kind, chosen, many, fitting(dice, chosen, described))
    return Subject(chunk, 5 if many else 2, chosen.gender, "their" if many else "its")


def same_people(one: Subject, other: Subject) -> bool:
    """Say whether a name, a noun or a pronoun stands in both."""
    names = {token.text for token in one.chunk.en if token.tag in ("NOUN", "PROPN", "PRON")}
    return any(token.text in names for token in other.chunk.en) or (
        (one.pronoun or other.pronoun) and one.person == other.person
    )


def somebody(dice: Dice) -> tuple[Chunk, Subject]:
    """Return a person as a noun, alone and as a subject."""
    subject = _someone(dice)
    return subject.chunk, subject
