"""English verb forms: regular spelling rules, and `be`, `have` and `do`."""

from functools import cache
from typing import NamedTuple

_BE = {
    "present": ("am", "are", "is", "are", "are", "are"),
    "past": ("was", "were", "was", "were", "were", "were"),
}
_DOUBLING = frozenset(
    [
        "get",
        "put",
        "run",
        "swim",
        "sit",
        "stop",
        "shop",
        "cut",
        "forget",
        "begin",
        "plan",
        "travel",
        "hug",
        "drop",
        "chat",
        "win",
    ]
)
_VOWELS = "aeiou"


class Forms(NamedTuple):
    """The forms of an English verb."""

    base: str
    past: str
    participle: str
    ing: str


@cache
def forms(principal: str) -> Forms:
    """Return all forms from `eat ate eaten`, `buy bought` or, where it is regular, `open`."""
    base, *rest = principal.split()
    past = rest[0] if rest else _regular_past(base)
    return Forms(base, past, rest[1] if len(rest) > 1 else past, _ing(base))


@cache
def finite(verb: Forms, tense: str, person: int) -> str:
    """Return the present or past form; `person` counts 0..5 from `I` to `they`."""
    if verb.base == "be":
        return _BE[tense][person]
    if tense == "past":
        return verb.past
    return third(verb.base) if person == 2 else verb.base


def third(base: str) -> str:
    """Return the form of he, she and it."""
    if base == "have":
        return "has"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ied"
    return base + base[-1] * (base in _DOUBLING) + "ed"


def _ing(base: str) -> str:
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and base not in ("be", "see"):
        return base[:-1] + "ing"
    return base + base[-1] * (base in _DOUBLING) + "ing"
