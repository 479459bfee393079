"""What every text corpus is, wherever it comes from: named pairs in three fixed splits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from attnrun.errors import UserError

Links = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence and its translation.

    `links` are the sure gold word alignments and `possible` the merely possible ones, both 0-indexed (source
    token, target token) over `words.tokenise`, or over `text.split()` where the corpus is tokenised; the tags
    are parts of speech over the same tokens. `raw_target` is the target as published, before lower-casing
    and tokenising. Each is None where the corpus has none.
    """

    source: str
    target: str
    links: Links | None = None
    source_tags: tuple[str, ...] | None = None
    target_tags: tuple[str, ...] | None = None
    possible: Links | None = None
    raw_target: str | None = None

    def reversed(self) -> "Pair":
        """Return the pair read in the other direction; the raw source is not known."""
        return Pair(
            self.target,
            self.source,
            _turned(self.links),
            self.target_tags,
            self.source_tags,
            _turned(self.possible),
        )


def joined(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """Return pairs of 2, 3, …, `most` of the given in a row, and of 2 again; too few at the end are left out.

    Links and tags are not kept. For `most` of 1 they are returned as they are.
    """
    if most == 1:
        return list(pairs)
    made: list[Pair] = []
    rest = iter(pairs)
    for count in cycle(range(2, most + 1)):
        some = list(islice(rest, count))
        if len(some) < count:
            return made
        source, target = " ".join(one.source for one in some), " ".join(one.target for one in some)
        raw = [one.raw_target for one in some if one.raw_target is not None]
        made.append(Pair(source, target, raw_target=" ".join(raw) if len(raw) == count else None))
    return made


def _turned(links: Links | None) -> Links | None:
    return None if links is None else tuple(sorted((target, source) for source, target in links))


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs in the splits `train`, `valid` and `test`, which no seed changes."""

    name: str
    source_language: str
    target_language: str
    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]
    tokenised: bool = False  # the texts are tokens with spaces between them, punctuation marks included
    moses: bool = False  # and lower-cased ones as `moses.Moses` makes of a sentence

    @property
    def aligned(self) -> bool:
        """Tell whether a test pair has gold links."""
        return any(pair.links or pair.possible for pair in self.test)

    def require_train(self) -> None:
        """Raise UserError where no pairs are left to train on."""
        if not self.train:
            raise UserError("the corpus has no pairs to train on; corpus.test=all is for attnrun evaluate")

    def require_parts(self) -> None:
        """Raise UserError where no pairs are left to train on, to validate on, or to test on."""
        self.require_train()
        for name, pairs in (("valid", self.valid), ("test", self.test)):
            if not pairs:
                raise UserError(
                    f"the corpus has no {name} pairs to score by; give corpus.{name}=… more than 0"
                )

    def require_test(self) -> None:
        """Raise UserError where no pairs are left to test on."""
        if not self.test:
            raise UserError("the corpus has no test pairs to score by; give corpus.test=… more than 0")

    def reversed(self) -> "Corpus":
        """Return the corpus with source and target exchanged."""
        return replace(
            self.map(Pair.reversed),
            source_language=self.target_language,
            target_language=self.source_language,
        )

    def map(self, change: Callable[[Pair], Pair]) -> "Corpus":
        """Return the corpus with `change` applied to every pair."""
        return replace(
            self,
            train=[change(pair) for pair in self.train],
            valid=[change(pair) for pair in self.valid],
            test=[change(pair) for pair in self.test],
        )
