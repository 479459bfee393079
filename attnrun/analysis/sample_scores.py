"""The answers to a test set one by one: how good each is, which of them to show, and BLEU by length."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.analysis.significance import Form, Texts, read_common, require_same

_FREE = ("bleu", "rouge_l", "bits")  # metrics of tasks that have many good answers
_BUCKETS = (5, 10, 15, 20, 30, 40, 50)  # words of a source, the longest of each bucket
_ENDS = 20  # of the best, and of the worst, that are always shown

Answer = tuple[str, str]  # what is right, and what was said


@dataclass(frozen=True)
class Scores:
    """A score for each answer, the higher the better, and what it is called."""

    name: str
    values: list[float]


def score_answers(answers: Sequence[Answer], metrics: Mapping[str, Any]) -> Scores:
    """Score answers one by one: by chrF2 (Popović 2015) where a run's metrics tell of free text.

    Where all are numbers, and not whole ones, which may be labels, the score is the error with its sign
    changed (its root mean square over several), otherwise the share of words that are right at their place.
    An answer that is not of as many finite numbers counts as wrong as the largest number.
    """
    if any(name in metrics for name in _FREE):
        from sacrebleu.metrics.chrf import CHRF

        measure = CHRF()
        return Scores("chrF", [measure.sentence_score(said, [right]).score for right, said in answers])
    numbers = [(_numbers(right), _numbers(said)) for right, said in answers]
    if (
        numbers
        and all(right for right, _ in numbers)
        and any(said for _, said in numbers)
        and _measured(answers)
    ):
        return Scores("minus the error", [-_error(right, said) for right, said in numbers])
    return Scores("share right", [_share(right, said) for right, said in answers])


def _numbers(text: str) -> list[float]:
    """The finite numbers that a text is made of; none where it holds anything else."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        return []
    return found if all(map(math.isfinite, found)) else []


def _error(right: list[float], said: list[float]) -> float:
    """The root mean square, and no infinity, which JSON has not."""
    error = math.dist(right, said) / math.sqrt(len(right)) if len(right) == len(said) else math.inf
    return min(error, sys.float_info.max)


def _measured(answers: Sequence[Answer]) -> bool:
    return any(not word.isdecimal() for right, _ in answers for word in right.split())


def _share(right: str, said: str) -> float:
    both = right.split(), said.split()
    longest = max(map(len, both))
    return sum(a == b for a, b in zip(*both, strict=False)) / longest if longest else 1.0


def ranked(values: Sequence[float]) -> list[int]:
    """Return the places from the best to the worst; of equals the first comes first."""
    return sorted(range(len(values)), key=lambda place: (-values[place], place))


def choose(values: Sequence[float], count: int, differences: Sequence[float] = ()) -> list[int]:
    """Return the places of `count` answers to show, those that matter most first.

    A fifth, and 20 at most, are the best, as many the worst, and as many those with the greatest
    `differences` to another run where these are given; the others are spread evenly over the test set.
    """
    ends = max(1, min(_ENDS, count // 5))
    order = ranked(values)
    wanted = [*order[:ends], *order[::-1][:ends]]
    wanted += ranked([abs(one) for one in differences])[:ends]
    step = max(1.0, len(values) / max(count, 1))
    wanted += [int(place * step) for place in range(int(len(values) / step))]
    return list(dict.fromkeys([*wanted, *range(len(values))]))[:count]


def by_length(directories: Sequence[Path]) -> dict[str, Any]:
    """Return sacreBLEU's corpus BLEU of each run for sources of 1 to 5 words, 6 to 10, … and of more than 50.

    Words are what stands between spaces; the form is the first in which all runs are scored.

    Raises:
        NotScored: a run has no BLEU of its test set, or the runs have none in a common form.
        UserError: a run is damaged, or the test sets differ.
    """
    form, texts = next(iter(read_common(directories).items()))
    require_same(directories, texts)
    lengths = [len(source.split()) for source in texts[0].sources]
    rows = []
    for least, most in zip((0, *_BUCKETS), (*_BUCKETS, math.inf), strict=True):
        places = [place for place, length in enumerate(lengths) if least < length <= most]
        if not places:
            continue
        name = f"{least + 1} to {most}" if most < math.inf else f"{least + 1} or more"
        scores = [_bleu(one, form, places) for one in texts]
        rows.append({"words": name, "sentences": len(places), "bleu": scores})
    return {"form": str(form), "rows": rows}


def by_group(directory: Path, groups: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return sacreBLEU's corpus BLEU of a run for groups of its test set, each the places of its answers.

    Raises NotScored and UserError as `by_length` does.
    """
    form, texts = next(iter(read_common([directory]).items()))
    return {name: _bleu(texts[0], form, places) for name, places in groups.items()}


def _bleu(texts: Texts, form: Form, places: Sequence[int]) -> float:
    from sacrebleu.metrics.bleu import BLEU

    measure = BLEU(lowercase=form.lowercase, tokenize=form.tokenize, force=True)
    said, right = ([side[place] for place in places] for side in (texts.hypotheses, texts.references))
    return float(measure.corpus_score(said, [right]).score)
