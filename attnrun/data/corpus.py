"""What every text corpus is, wherever it comes from: named pairs in three fixed splits."""

from collections.abc import Callable
from dataclasses import dataclass, replace

Links = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence and its translation.

    `links` are gold word alignments, 0-indexed (source token, target token) over `words.tokenise`;
    the tags are parts of speech over the same tokens. Each is None where the corpus has none.
    """

    source: str
    target: str
    links: Links | None = None
    source_tags: tuple[str, ...] | None = None
    target_tags: tuple[str, ...] | None = None

    def reversed(self) -> "Pair":
        """Return the pair read in the other direction."""
        links = None if self.links is None else tuple(sorted((t, s) for s, t in self.links))
        return Pair(self.target, self.source, links, self.target_tags, self.source_tags)


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs in the splits `train`, `valid` and `test`, which no seed changes."""

    name: str
    source_language: str
    target_language: str
    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]

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
