"""From the figures of several seeds to a verdict: do they meet the conditions of a claim, all of them, none?

A condition is an inequality between figures and numbers: `gaussian < average`, `0.9 < variance < 1.1`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from attnrun.analysis.comparing import Interval, summarise
from attnrun.errors import UserError, suggest

Verdict = Literal["HOLDS", "FAILS", "DEPENDS"]
State = Literal["holds", "fails", "undecided"]
Figures = Mapping[str, Sequence[float]]  # name -> a value a seed

_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
_TERM = re.compile(rf"[a-z][a-z0-9_.-]*|{_NUMBER.pattern}", re.IGNORECASE)
_ROUNDING = 1e-12  # what two figures may differ by that are the same


@dataclass(frozen=True)
class Condition:
    """An inequality `terms[0] < terms[1] < …`, written from left to right as in the claim.

    Attributes:
        name: where or when it is to hold.
        text: as it was written.
        terms: figures and numbers, the smaller before the larger.
    """

    name: str
    text: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """A condition and what the seeds say of it.

    `margin` is the 95 % interval of what the larger side is above the smaller one, of the link of the
    inequality that is nearest to failing; None where one seed alone was measured, or a figure is not finite.
    """

    condition: Condition
    state: State
    margin: Interval | None


def read_condition(name: str, text: str, place: str) -> Condition:
    """Read an inequality.

    Raises:
        UserError: it is none; the message begins with `place`.
    """
    signs = set(re.findall(r"[<>]", text))
    terms = [term.strip() for term in re.split(r"[<>]", text)]
    if len(signs) != 1 or not all(_TERM.fullmatch(term) for term in terms):
        raise UserError(f"{place}: {text!r} is no inequality between figures, such as 'learned < average'")
    return Condition(name, text, tuple(terms if signs == {"<"} else reversed(terms)))


def judge(condition: Condition, figures: Figures) -> Judged:
    """Say whether the figures meet a condition: beyond the spread over seeds, where there are several.

    Raises:
        UserError: it is about a figure that was not measured.
    """
    sides = [_values(term, condition, figures) for term in condition.terms]
    links = [_link(smaller, larger) for smaller, larger in pairwise(sides)]
    order: list[State] = ["fails", "undecided", "holds"]
    state, margin = min(links, key=lambda link: (order.index(link[0]), link[1] or (0.0, 0.0)))
    return Judged(condition, state, margin)


def verdict(judged: Sequence[Judged]) -> Verdict:
    """Return what all conditions together say: HOLDS if all hold, FAILS if all fail."""
    states = {one.state for one in judged}
    if states == {"holds"}:
        return "HOLDS"
    return "FAILS" if states == {"fails"} else "DEPENDS"


def _values(term: str, condition: Condition, figures: Figures) -> list[float]:
    seeds = len(next(iter(figures.values())))
    if term in figures:
        return list(figures[term])
    if not _NUMBER.fullmatch(term):
        near = suggest(term, list(figures))
        raise UserError(f"condition {condition.text!r}: no figure {term!r} was measured{near}")
    return [float(term)] * seeds


def _link(smaller: Sequence[float], larger: Sequence[float]) -> tuple[State, Interval | None]:
    """Whether the seeds agree that one side is the larger one: the interval of the difference is beyond 0."""
    pairs = zip(smaller, larger, strict=True)
    differences = [0.0 if math.isclose(low, high, rel_tol=_ROUNDING) else high - low for low, high in pairs]
    if not all(map(math.isfinite, differences)):
        return "undecided", None
    found = summarise(differences)
    low, high = found.interval or (found.mean, found.mean)
    if low > 0:
        return "holds", found.interval
    # Equal sides are not the one less than the other, however often they are measured.
    return ("fails" if high < 0 or low == high == 0 else "undecided"), found.interval
