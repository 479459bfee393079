"""Aligned pieces of text: English tokens and French tokens that share marks where they mean the same.

A mark is a bare object with identity only. Two tokens on opposite sides are linked where they have a mark in
common, so the two sides can be put in any order, and the alignment needs no bookkeeping of positions.
"""

from functools import cache
from typing import NamedTuple

from attnrun.data.words import JOINER, tokenise

Mark = object


class Token(NamedTuple):
    """One token, its part of speech, its marks, and whether it is written without a space before it."""

    text: str
    tag: str
    marks: tuple[Mark, ...]
    glued: bool = False


Tokens = tuple[Token, ...]
Template = tuple[tuple[str, str, str, bool], ...]  # text, tag, digits, glued
# parts of speech of the small words inside a compound such as "pomme de terre"
_INNER = {"de": "ADP", "d'": "ADP", "à": "ADP", "la": "DET", "-": "PUNCT", "of": "ADP"}


class Chunk(NamedTuple):
    """A piece of a sentence on both sides."""

    en: Tokens
    fr: Tokens

    def then(self, *others: "Chunk") -> "Chunk":
        """Return this chunk followed by the others, in this order on both sides."""
        en, fr = self.en, self.fr
        for other in others:
            en += other.en
            fr += other.fr
        return Chunk(en, fr)


EMPTY = Chunk((), ())


@cache
def _parts(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple((part.removeprefix(JOINER), part.startswith(JOINER)) for part in tokenise(text))


def word(text: str, tag: str, *marks: Mark) -> Tokens:
    """Return the tokens of one word or compound; all of them carry `marks`."""
    parts = _parts(text)
    if len(parts) == 1:
        return (Token(text, tag, marks),)
    return tuple(Token(part, _INNER.get(part, tag), marks, glued) for part, glued in parts)


def glued(text: str, tag: str, *marks: Mark) -> Token:
    """Return a token written without a space before it."""
    return Token(text, tag, marks, True)


def _template(side: str) -> Template:
    template = []
    for piece in side.split():
        text, tag, *numbers = piece.split("/")
        for part, inside in _parts(text.removeprefix("~")):
            template.append(
                (
                    part,
                    _INNER.get(part, tag) if inside else tag,
                    numbers[0] if numbers else "0",
                    inside or text.startswith("~"),
                )
            )
    return tuple(template)


def say(spec: str) -> Chunk:
    """Read the notation `every/DET/1 day/NOUN/2 = tous/DET/1 les/DET/1 jours/NOUN/2`.

    Equal digits are linked across the sides, several digits link to several; a word without
    a digit has the digit 0.
    `~` glues a word to the one before it.
    """
    en, fr, digits = _templates(spec)
    marks: dict[str, tuple[Mark, ...]] = {digit: (object(),) for digit in digits}
    for several in digits:
        if len(several) > 1:
            marks[several] = tuple([marks[digit][0] for digit in several])
    return Chunk(
        tuple([Token(text, tag, marks[digit], joined) for text, tag, digit, joined in en]),
        tuple([Token(text, tag, marks[digit], joined) for text, tag, digit, joined in fr]),
    )


@cache
def _templates(spec: str) -> tuple[Template, Template, tuple[str, ...]]:
    en, fr = (_template(side) for side in spec.split(" = "))
    used = {digit for _, _, digit, _ in en + fr}
    return en, fr, tuple(sorted(used | {digit for several in used for digit in several}))
