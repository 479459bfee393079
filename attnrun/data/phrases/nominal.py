"""Noun phrases: determiners, agreement, the place of adjectives, owners."""

from typing import NamedTuple

from attnrun.data.phrases.chunk import EMPTY, Chunk, Mark, Token, Tokens, glued, say, word
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import Adjective, described
from attnrun.data.phrases.lexicon.nouns import Noun
from attnrun.data.phrases.surface import vowel_sound


class Subject(NamedTuple):
    """A subject: `person` counts 0..5 from I to they; `gender` is empty where English does not show it."""

    chunk: Chunk
    person: int
    gender: str
    own: str  # the possessive that refers back to it
    pronoun: bool = False

    @property
    def plural(self) -> bool:
        """Whether the verb stands in the plural."""
        return self.person > 2


# for each owner: before a masculine, before a feminine, before a plural
_POSSESSIVES = {
    "my": ("mon", "ma", "mes"), "your": ("ton", "ta", "tes"), "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"), "its": ("son", "sa", "ses"), "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
}  # fmt: skip
_FEMININE_BEFORE_VOWEL = {"ma": "mon", "ta": "ton", "sa": "son"}
_NUMBERS = (
    "two=deux three=trois four=quatre five=cinq six=six seven=sept eight=huit nine=neuf ten=dix eleven=onze "
    "twelve=douze thirteen=treize fourteen=quatorze fifteen=quinze sixteen=seize twenty=vingt thirty=trente "
    "forty=quarante fifty=cinquante sixty=soixante"
)
NUMBERS = tuple(tuple(entry.split("=")) for entry in _NUMBERS.split())
_QUANTITIES = {
    "several": "several/DET = plusieurs/DET", "many": "many/ADJ/1 = beaucoup/ADV/1 de/ADP/1",
    "few": "a/DET few/ADJ = quelques/DET",
}  # fmt: skip


def _the(gender: str, plural: bool) -> str:
    return "les" if plural else ("la" if gender == "f" else "le")


def _indefinite(gender: str, plural: bool) -> str:
    return "des" if plural else ("une" if gender == "f" else "un")


class Frame(NamedTuple):
    """What a determiner has to know about the phrase it opens."""

    gender: str
    plural: bool  # of the French noun
    en_plural: bool
    vowel: bool  # the next French word begins with a vowel sound
    adjective_first: bool  # a French adjective stands before the noun
    head: Mark


def determiner(kind: str, frame: Frame) -> Chunk:
    """Return a determiner: the, a, some, any, generic, bare, this, which, a possessive, a number."""
    mark = object()
    if kind == "the":
        return Chunk(word("the", "DET", mark), word(_the(frame.gender, frame.plural), "DET", mark))
    if kind == "generic":  # English says nothing, so that the article hangs on the noun
        return Chunk((), word(_the(frame.gender, frame.plural), "DET", frame.head))
    if kind in ("a", "some", "bare"):
        return _some(kind, frame, mark)
    if kind == "none":
        return EMPTY
    if kind == "any_bare":
        return Chunk((), word("de", "DET", frame.head))
    if kind == "any":
        en = word("a" if not frame.en_plural and not frame.plural else "any", "DET", mark)
        return Chunk(en, word("de", "DET", mark))
    if kind in _POSSESSIVES:
        return Chunk(word(kind, "DET", mark), word(_possessive(kind, frame), "DET", mark))
    return _other(kind, frame, mark)


def _some(kind: str, frame: Frame, mark: Mark) -> Chunk:
    en: Tokens = ()
    if kind == "bare":
        mark = frame.head
    else:
        en = word("some" if kind == "some" else "a", "DET", mark)
    if frame.plural and frame.adjective_first:
        return Chunk(en, word("de", "DET", mark))
    if kind == "a" or frame.plural:
        return Chunk(en, word(_indefinite(frame.gender, frame.plural), "DET", mark))
    return Chunk(en, word("de", "DET", mark) + word(_the(frame.gender, False), "DET", mark))


def _possessive(owner: str, frame: Frame) -> str:
    form = _POSSESSIVES[owner][2 if frame.plural else int(frame.gender == "f")]
    return _FEMININE_BEFORE_VOWEL.get(form, form) if frame.vowel else form


def _other(kind: str, frame: Frame, mark: Mark) -> Chunk:
    feminine = frame.gender == "f"
    if kind == "this":
        form = "ces" if frame.plural else "cette" if feminine else "cet" if frame.vowel else "ce"
        return Chunk(word("these" if frame.en_plural else "this", "DET", mark), word(form, "DET", mark))
    if kind == "which":
        form = ("quelle" if feminine else "quel") + "s" * frame.plural
        return Chunk(word("which", "DET", mark), word(form, "DET", mark))
    if kind == "all":
        other = object()
        return Chunk(
            word("all", "DET", other) + word("the", "DET", mark),
            word("toutes" if feminine else "tous", "DET", other) + word("les", "DET", mark),
        )
    if kind in _QUANTITIES:
        return say(_QUANTITIES[kind])
    english, french = kind.split("=")
    return Chunk(word(english, "NUM", mark), word(french, "NUM", mark))


def number(dice: Dice, below: int = 11) -> str:
    """Return a number as a determiner, from two to less than two more than `below`."""
    return "=".join(NUMBERS[dice.below(below)])


def noun_phrase(kind: str, noun: Noun, plural: bool = False, adjective: Adjective | None = None) -> Chunk:
    """Return determiner, adjective and noun in agreement."""
    en_plural, fr_plural = plural or noun.only_plural, plural or noun.only_plural or noun.french_plural
    head = object()
    en_noun = word(noun.en_plural if en_plural else noun.en, "NOUN", head)
    fr_noun = word(noun.fr_plural if fr_plural else noun.fr, "NOUN", head)
    described = _adjective(adjective, noun, fr_plural, fr_noun) if adjective else EMPTY
    before = adjective is not None and adjective.before
    fr = described.fr + fr_noun if before else fr_noun + described.fr
    mass = kind == "any" and not (noun.countable or noun.only_plural)
    frame = Frame(noun.gender, fr_plural, en_plural or mass, vowel_sound(fr[0].text), before, head)
    opening = determiner(kind, frame)
    return Chunk(opening.en + described.en + en_noun, opening.fr + fr)


def _adjective(adjective: Adjective, noun: Noun, plural: bool, fr_noun: Tokens) -> Chunk:
    mark = object()
    form = adjective.agree(noun.gender, plural)
    if adjective.before and noun.gender == "m" and not plural and vowel_sound(fr_noun[0].text):
        form = adjective.vowel
    return Chunk(word(adjective.en, "ADJ", mark), phrase(form, "ADJ", mark))


def phrase(text: str, tag: str, *marks: Mark) -> Tokens:
    """Return all words of `text` with one tag and the same marks."""
    found: Tokens = ()
    for part in text.split():
        found += word(part, "ADP" if part in ("de", "en", "à") else tag, *marks)
    return found


def fitting(dice: Dice, noun: Noun, probability: float) -> Adjective | None:
    """Return an adjective that may be said of the noun, or None."""
    choices = described(noun, True) if dice.chance(probability) else ()
    return dice.pick(choices) if choices else None


def owned(owner: Chunk, noun: Noun, plural: bool = False) -> Chunk:
    """Return `Paul's sister`, `la sœur de Paul`: the owner stands first in English, last in French."""
    head, link = object(), object()
    fr_plural = plural or noun.french_plural or noun.only_plural
    last = owner.en[-1]
    possessor = (*owner.en[:-1], last._replace(text=last.text + "'"), glued("s", "PART", link))
    en = possessor + word(noun.en_plural if plural or noun.only_plural else noun.en, "NOUN", head)
    fr = word(_the(noun.gender, fr_plural), "DET", head)
    fr += word(noun.fr_plural if fr_plural else noun.fr, "NOUN", head)
    return Chunk(en, (*fr, Token("de", "ADP", (link,)), *owner.fr))
