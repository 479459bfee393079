"""What a corpus holds, in figures: sizes, lengths, unknown words, and sentences that several splits share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.splits import both_sides
from attnrun.data.tokenisers import Recipe, Tokeniser, fit_sides

SPLITS = ("train", "valid", "test")
Lengths = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One language of one split; a token is unknown where the vocabulary of train has no number for it.

    Attributes:
        distinct: sentences, each text counted once.
        tokens: as the tokeniser splits.
        types: distinct tokens, known ones by their number and unknown ones as people read them.
        mean: tokens a sentence; so are the three that follow.
        median: half of the sentences have at most so many.
        percentile_95: 95 % of the sentences have at most so many.
        longest: none has more.
        unknown_tokens: share of the tokens.
        unknown_types: share of the types.
        unknown_sentences: share of the sentences, those with at least one unknown token.
        lengths: tokens of each sentence, in the order of the pairs.
    """

    distinct: int
    tokens: int
    types: int
    mean: float
    median: int
    percentile_95: int
    longest: int
    unknown_tokens: float
    unknown_types: float
    unknown_sentences: float
    lengths: Lengths = field(repr=False, compare=False)


@dataclass(frozen=True)
class Shared:
    """Pairs that have something in another split too, as `splits.normalised` compares sentences."""

    source: int
    target: int
    both: int  # of one and the same pair


@dataclass(frozen=True)
class Gold:
    """Gold word alignments: pairs that have one, and the links such a pair has on average."""

    pairs: int
    sure: float
    possible: float


@dataclass(frozen=True)
class SplitStatistics:
    """One split.

    Attributes:
        pairs: how many there are.
        source: of the source sentences.
        target: of the target sentences.
        ratio: target tokens for one source token, in the whole split.
        ratio_low: 5 % of the pairs have at most this ratio.
        ratio_high: 95 % of the pairs have at most this ratio.
        shared: with the other splits.
        gold: None where no pair has a gold alignment.
    """

    pairs: int
    source: Side
    target: Side
    ratio: float
    ratio_low: float
    ratio_high: float
    shared: Shared
    gold: Gold | None


@dataclass(frozen=True)
class Statistics:
    """A corpus as a training sees it: its splits, those without pairs left out, and the vocabulary sizes."""

    name: str
    source_language: str
    target_language: str
    source_vocabulary: int  # specials included, as is the next
    target_vocabulary: int
    joint: bool  # both are one vocabulary
    splits: dict[str, SplitStatistics]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without the lengths of the single sentences."""
        data = asdict(self)
        for split in data["splits"].values():
            for side in ("source", "target"):
                del split[side]["lengths"]
        return data


def describe(corpus: Corpus, recipe: Recipe) -> Statistics:
    """Fit the tokenisers of `recipe` to train, as a training does, and count with them.

    Raises:
        UserError: the recipe finds no vocabulary in train.
    """
    tokenisers = fit_sides(recipe, corpus)
    splits = {name: pairs for name in SPLITS if (pairs := getattr(corpus, name))}
    shared = _shared(splits)
    return Statistics(
        corpus.name,
        corpus.source_language,
        corpus.target_language,
        tokenisers[0].size,
        tokenisers[1].size,
        recipe.joint,
        {name: _split(pairs, tokenisers, shared[name]) for name, pairs in splits.items()},
    )


def _split(pairs: Sequence[Pair], tokenisers: tuple[Tokeniser, Tokeniser], shared: Shared) -> SplitStatistics:
    source = _side([pair.source for pair in pairs], tokenisers[0])
    target = _side([pair.target for pair in pairs], tokenisers[1])
    ratios = target.lengths / np.maximum(source.lengths, 1)
    low, high = np.percentile(ratios, [5, 95])
    ratio = target.tokens / max(source.tokens, 1)
    return SplitStatistics(len(pairs), source, target, ratio, float(low), float(high), shared, _gold(pairs))


def _side(texts: Sequence[str], tokeniser: Tokeniser) -> Side:
    """Tokenise each distinct text once, and weigh it by how often it occurs."""
    length: dict[str, int] = {}
    unknown: dict[str, int] = {}
    known: set[str] = set()
    never_seen: set[str] = set()
    counts = Counter(texts)
    for text in counts:
        numbers, tokens = tokeniser.encode(text), tokeniser.tokens(text)
        length[text], unknown[text] = len(numbers), numbers.count(tokeniser.unk)
        for token, number in zip(tokens, numbers, strict=True):
            (never_seen if number == tokeniser.unk else known).add(token)
    types = len(known | never_seen)
    lengths = np.array([length[text] for text in texts])
    unknowns = np.array([unknown[text] for text in texts])
    median, percentile_95 = np.percentile(lengths, [50, 95], method="inverted_cdf")
    return Side(
        distinct=len(counts),
        tokens=int(lengths.sum()),
        types=types,
        mean=float(lengths.mean()),
        median=int(median),
        percentile_95=int(percentile_95),
        longest=int(lengths.max()),
        unknown_tokens=float(unknowns.sum() / max(lengths.sum(), 1)),
        unknown_types=len(never_seen - known) / max(types, 1),
        unknown_sentences=float((unknowns > 0).mean()),
        lengths=lengths,
    )


def _shared(splits: Mapping[str, Sequence[Pair]]) -> dict[str, Shared]:
    level = {name: list(map(both_sides, pairs)) for name, pairs in splits.items()}
    return {
        name: _found(own, [pair for other, pairs in level.items() if other != name for pair in pairs])
        for name, own in level.items()
    }


def _found(own: Iterable[tuple[str, str]], others: Sequence[tuple[str, str]]) -> Shared:
    sources, targets = {source for source, _ in others}, {target for _, target in others}
    pairs = set(others)
    found = [((s, t) in pairs, s in sources, t in targets) for s, t in own]
    both, source, target = (sum(column) for column in zip(*found, strict=True))
    return Shared(source, target, both)


def _gold(pairs: Sequence[Pair]) -> Gold | None:
    aligned = [pair for pair in pairs if pair.links is not None or pair.possible is not None]
    if not aligned:
        return None
    sure = sum(len(pair.links or ()) for pair in aligned)
    possible = sum(len(pair.possible or ()) for pair in aligned)
    return Gold(len(aligned), sure / len(aligned), possible / len(aligned))
