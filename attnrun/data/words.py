"""Word tokens that join back to the exact text: a leading mark says "no space before me"."""

import re
from collections.abc import Iterable
from typing import Literal

# Where tokens end: at white space and at every punctuation mark; at white space alone, for tokenised text; at
# white space and before , . ! ?, as the vocabularies of Zhang et al., Dive into Deep Learning, section 9.5.2.
Split = Literal["words", "spaces", "stops"]
JOINER = "￭"  # U+FFED, not found in natural text
_STAND_IN = "■"  # U+25A0, its compatibility form: what a text that holds U+FFED is read as
_STOP = re.compile(r"(?<=\S)(?=[,.!?])")
_WORD = re.compile(r"\w+['’]?|[^\w\s]")


def tokenise(text: str) -> list[str]:
    """Split into words and single punctuation marks; elided and contracted forms split after the apostrophe.

    >>> tokenise("L'homme dort.")
    ["L'", '￭homme', 'dort', '￭.']
    """
    tokens = []
    for match in _WORD.finditer(text.replace(JOINER, _STAND_IN)):
        joined = match.start() > 0 and not text[match.start() - 1].isspace()
        tokens.append(JOINER * joined + match.group())
    return tokens


def spans(text: str) -> list[tuple[int, int]]:
    """Return where each token of `tokenise` begins and ends in the text.

    >>> spans("It's on.")
    [(0, 3), (3, 4), (5, 7), (7, 8)]
    """
    return [match.span() for match in _WORD.finditer(text)]


def natural_split(tokenised: bool) -> Literal["words", "spaces"]:
    """Return how texts are split into what a reader would call words."""
    return "spaces" if tokenised else "words"


def split(text: str, how: Split) -> list[str]:
    """Split in one of the three ways; only `words` leaves joining marks.

    >>> split("J'ai fini.", "stops")
    ["J'ai", 'fini', '.']
    """
    if how == "words":
        return tokenise(text)
    return (_STOP.sub(" ", text) if how == "stops" else text).split()


def join(tokens: Iterable[str]) -> str:
    """Put tokens back into text; undoes `tokenise` up to runs of white space.

    >>> join(["L'", '￭homme', 'dort', '￭.'])
    "L'homme dort."
    """
    text = ""
    for token in tokens:
        word = token.removeprefix(JOINER)
        # Two words never stand joined in a text: where a model says so, it is wrong.
        joined = token.startswith(JOINER) and not (_ends_in_word(text) and _begins_word(word))
        text += ("" if not text or joined else " ") + word
    return text


def _ends_in_word(text: str) -> bool:
    return re.search(r"\w\Z", text) is not None


def _begins_word(text: str) -> bool:
    return re.match(r"\w", text) is not None


def display(token: str) -> str:
    """Return the token as a person would read it, without the joining mark; a mark alone is text."""
    return token.removeprefix(JOINER) or token
