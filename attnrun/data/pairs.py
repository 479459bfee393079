"""From the rows of a user's file to a corpus: what the readers of every format share."""

import functools
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.splits import Split, split
from attnrun.errors import UserError
from attnrun.ranges import NonNegativeInt

TestPairs = NonNegativeInt | Literal["all"] | None
_MOST_MARKS = 200  # in a row: Unicode's normal forms sort them, in a time that grows with their square


@functools.cache
def _marks() -> re.Pattern[str]:
    marks = "".join(mark for mark in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(mark))
    return re.compile(f"[{re.escape(marks)}]{{{_MOST_MARKS},}}")


def checked(source: str, target: str, source_place: str, target_place: str) -> Pair:
    """Return the pair of two texts; the places are named where one of them is blank.

    Raises:
        UserError: a side is empty, or has so many accents in a row that to bring them in order takes
            seconds.
    """
    for text, place, side in ((source, source_place, "source"), (target, target_place, "target")):
        if not text or text.isspace():
            raise UserError(f"{place}: the {side} is empty")
        if len(text) > _MOST_MARKS and not text.isascii() and _marks().search(text):
            raise UserError(f"{place}: the {side} has over {_MOST_MARKS} accents on one letter")
    return Pair(source, target)


def divided(path: str, pairs: list[Pair], valid: int | None, test: TestPairs) -> Split:
    """Split as `splits.split` does; a fault names the file. Of `all` to test on, nothing else is left."""
    if test == "all":
        return Split([], [], pairs)
    try:
        return split(pairs, valid=valid, test=test)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def corpus_of(path: str, languages: Sequence[str], parts: Split, tokenised: bool) -> Corpus:
    """Return the corpus of given splits, named after its file."""
    name = Path(path).name.split(".")[0] or path
    source, target = languages
    return Corpus(name, source, target, parts.train, parts.valid, parts.test, tokenised)
