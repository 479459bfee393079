"""How near an answer comes to right ones: exact match, F1 (Rajpurkar et al. 2016, section 6.1), and edits."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """Return the answer in lower case without punctuation, articles and repeated spaces.

    >>> normalised("The  Kitchen!")
    'kitchen'
    """
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, right: Sequence[str]) -> float:
    """Return 1 where the answer equals one of the right ones, normalised, else 0."""
    return float(any(normalised(answer) == normalised(one) for one in right))


def overlap(answer: str, right: Sequence[str]) -> float:
    """Return the greatest F1 of words with one of the right answers; equal empty ones have 1."""
    return max(_f1(normalised(answer).split(), normalised(one).split()) for one in right)


def edits(answer: Sequence[object], right: Sequence[object]) -> int:
    """Return the least number of items to change, leave out or put in that makes one sequence of the other.

    Levenshtein 1966; divided by the length of `right` it is an error rate.

    >>> edits("kitten", "sitting")
    3
    """
    row = list(range(len(right) + 1))  # of the answer so far, to each beginning of the right one
    for number, item in enumerate(answer, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(right, 1):
            before, row[place] = row[place], min(before + (item != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


def _f1(found: list[str], right: list[str]) -> float:
    if not found or not right:
        return float(found == right)
    shared = (Counter(found) & Counter(right)).total()
    return 2 * shared / (len(found) + len(right))
