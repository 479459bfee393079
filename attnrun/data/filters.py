"""Which training pairs to leave out, and a report of what was left out and why."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any

from annotated_types import Ge

from attnrun.data import words
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.splits import both_sides
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

EXAMPLES = 20  # shown for each reason
Ratio = Annotated[float, Ge(1)]
_Fault = Callable[[Pair], str | None]  # the reason to leave a pair out


@dataclass(frozen=True)
class Dropped:
    """A pair that was left out; `index` counts from 0 in its split as it was before."""

    split: str
    index: int
    source: str
    target: str
    reason: str


@dataclass(frozen=True)
class Tally:
    """How many pairs a split had, how many are kept, and how many were dropped for each reason."""

    pairs: int
    kept: int
    dropped: dict[str, int]

    def summary(self, what: str) -> str:
        """Return one line; `what` names the pairs."""
        most_first = sorted(self.dropped.items(), key=lambda item: -item[1])
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in most_first)
        return f"{self.pairs:,} {what} pairs: {self.kept:,} kept{'; ' if reasons else ''}{reasons}"


@dataclass(frozen=True)
class Report:
    """What a filter did to the splits; test is never changed."""

    train: Tally
    valid: Tally
    examples: tuple[Dropped, ...]  # the first `EXAMPLES` for each split and reason

    def summary(self) -> str:
        """Return one line, like `29,000 training pairs: 28,699 kept; 301 longer than 50 words`."""
        valid = f"; {self.valid.summary('validation')}" if self.valid.dropped else ""
        return self.train.summary("training") + valid

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Rules for the pairs to train on (after Koehn et al. 2007, Moses, clean-corpus-n.perl).

    `minimum_words` and `maximum_words` hold for each side and `maximum_ratio` for the longer side over the
    shorter, all in words: `words.tokenise`, or what stands between spaces in a tokenised corpus. They act
    on train alone, so that figures on valid and test stay comparable.

    `deduplicate` makes the splits share no sentence, on either side, as `splits.normalised`: train gives way
    to valid and test, and valid to test, which published figures rest on. Of equal pairs in train the
    first is kept.

    Raises UserError where no pair can be as long as asked for.
    """

    minimum_words: PositiveInt = 1
    maximum_words: PositiveInt | None = None
    maximum_ratio: Ratio | None = None
    deduplicate: bool = False

    def __post_init__(self) -> None:
        if self.maximum_words is not None and self.minimum_words > self.maximum_words:
            raise UserError(
                f"filter.minimum_words={self.minimum_words} is more than "
                f"filter.maximum_words={self.maximum_words}"
            )

    def apply(self, corpus: Corpus) -> tuple[Corpus, Report]:
        """Return the corpus without the pairs that break a rule, and the report.

        Raises:
            UserError: no pair is left to train on, or to validate with.
        """
        unseen = [_unlike(corpus.test, "test")] if self.deduplicate else []
        valid, valid_tally, valid_examples = _divided("valid", corpus.valid, unseen)
        faults: list[_Fault] = []
        if self._by_size:
            faults.append(partial(self._misfit, tokenised=corpus.tokenised))
        if self.deduplicate:
            faults += [_unlike([*valid, *corpus.test], "valid or test"), _repeats()]
        train, train_tally, examples = _divided("train", corpus.train, faults)
        for tally, what in ((train_tally, "training"), (valid_tally, "validation")):
            if tally.pairs and not tally.kept:
                raise UserError(f"{tally.summary(what)}; {self._relax(tally)}")
        report = Report(train_tally, valid_tally, (*examples, *valid_examples))
        return replace(corpus, train=train, valid=valid), report

    @property
    def _by_size(self) -> bool:
        return (self.minimum_words, self.maximum_words, self.maximum_ratio) != (1, None, None)

    @property
    def _reasons(self) -> dict[str, str]:
        return {
            "minimum_words": f"shorter than {self.minimum_words} words",
            "maximum_words": f"longer than {self.maximum_words} words",
            "maximum_ratio": f"of ratio over {self.maximum_ratio}",
        }

    def _misfit(self, pair: Pair, tokenised: bool) -> str | None:
        split = str.split if tokenised else words.tokenise
        shorter, longer = sorted((len(split(pair.source)), len(split(pair.target))))
        if shorter < self.minimum_words:
            return self._reasons["minimum_words"]
        if self.maximum_words is not None and longer > self.maximum_words:
            return self._reasons["maximum_words"]
        if self.maximum_ratio is not None and longer > self.maximum_ratio * shorter:
            return self._reasons["maximum_ratio"]
        return None

    def _relax(self, tally: Tally) -> str:
        """Return the tail of a message: the key that dropped most."""
        most = max(tally.dropped, key=tally.dropped.__getitem__)
        key = next((key for key, reason in self._reasons.items() if reason == most), "deduplicate")
        return f"relax filter.{key}={str(getattr(self, key)).lower()}"


def _unlike(others: Iterable[Pair], where: str) -> _Fault:
    """Return the rule that a pair shares no sentence with the others."""
    sides = [both_sides(pair) for pair in others]
    sources, targets = {source for source, _ in sides}, {target for _, target in sides}

    def fault(pair: Pair) -> str | None:
        source, target = both_sides(pair)
        return f"sharing a sentence with {where}" if source in sources or target in targets else None

    return fault


def _repeats() -> _Fault:
    """Return the rule that a pair has not come before."""
    before: set[tuple[str, str]] = set()

    def fault(pair: Pair) -> str | None:
        sides = both_sides(pair)
        if sides in before:
            return "repeated"
        before.add(sides)
        return None

    return fault


def _divided(split: str, pairs: list[Pair], faults: list[_Fault]) -> tuple[list[Pair], Tally, list[Dropped]]:
    """Return the pairs that no rule is against, and what is reported of the others."""
    kept: list[Pair] = []
    dropped: Counter[str] = Counter()
    examples: list[Dropped] = []
    for index, pair in enumerate(pairs):
        reason = next((reason for fault in faults if (reason := fault(pair))), None)
        if reason is None:
            kept.append(pair)
            continue
        dropped[reason] += 1
        if dropped[reason] <= EXAMPLES:
            examples.append(Dropped(split, index, pair.source, pair.target, reason))
    return kept, Tally(len(pairs), len(kept), dict(dropped)), examples
