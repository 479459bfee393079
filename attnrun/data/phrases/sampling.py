"""Drawing the sentences: which kinds, how often, and the fixed splits."""

import hashlib
from collections import Counter
from collections.abc import Callable

from attnrun.data.corpus import Pair
from attnrun.data.phrases import compound, orders, people, questions, reasons, simple, things
from attnrun.data.phrases.chunk import Chunk
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.surface import Written, write

_DRAWN = 25_000
HELD_OUT = 1_000  # pairs of each of valid and test
_LONGEST = 25  # tokens on either side
_LEAST = 8  # times that each word occurs in the corpus; pairs with a rarer one are dropped
_SEED = 1729

Kind = Callable[[Dice], Chunk]
_KINDS: tuple[tuple[int, Kind], ...] = (
    (16, simple.action), (5, simple.fronted), (4, simple.with_pronoun), (4, simple.dative),
    (5, simple.wanting),
    (3, simple.wishing), (3, people.being), (2, people.feeling), (3, people.profession),
    (3, people.comparing),
    (3, things.lying), (2, things.standing), (4, things.describing), (3, things.there_is),
    (2, things.weather),
    (3, things.clock), (2, things.amount), (3, things.beast), (4, orders.order), (2, orders.order_to),
    (3, orders.greeting), (4, questions.yes_or_no), (3, questions.wh), (2, questions.what),
    (2, questions.who),
    (1, questions.which), (1, questions.how_many), (1, questions.being), (2, questions.inverted),
    (9, reasons.because), (9, reasons.condition), (6, reasons.outdoors), (9, reasons.reported_reason),
    (9, reasons.reason_of_someone), (12, reasons.opposed), (8, reasons.shared), (6, reasons.meanwhile),
    (9, compound.sequence), (3, compound.contrast), (7, compound.pairing), (8, compound.relative),
    (8, compound.reported),
    (5, compound.wondering), (6, compound.recalling),
)  # fmt: skip


def draw() -> list[Written]:
    """Return distinct sentences, on both sides, whose every word occurs often enough to be learnt."""
    dice = Dice(_SEED)
    wheel = tuple(kind for weight, kind in _KINDS for _ in range(weight))
    drawn: list[Written] = []
    seen: set[str] = set()
    while len(drawn) < _DRAWN:
        made = write(dice.pick(wheel)(dice))
        source, target = made.pair.source, made.pair.target
        if source in seen or target in seen or not _short_enough(made.pair):
            continue
        seen.update((source, target))
        drawn.append(made)
    return _without_rare(drawn)


def _short_enough(made: Pair) -> bool:
    assert made.source_tags is not None and made.target_tags is not None
    return max(len(made.source_tags), len(made.target_tags)) <= _LONGEST


def _without_rare(drawn: list[Written]) -> list[Written]:
    """Drop sentences with rare words; repeat, since that makes other words rarer."""
    counts = Counter(word for made in drawn for word in made.words)
    while rare := {word for word, count in counts.items() if 0 < count < _LEAST}:
        dropped = [made for made in drawn if not rare.isdisjoint(made.words)]
        drawn = [made for made in drawn if rare.isdisjoint(made.words)]
        counts.subtract(word for made in dropped for word in made.words)
    return drawn


def split(drawn: list[Written]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Return train, valid and test; which one a pair goes to is decided by a hash of its source.

    Sentences are distinct on both sides, so the splits have none in common. A pair may be held out only where
    its words have all occurred before it, in pairs that stay in train.
    """
    counts: Counter[str] = Counter()
    free = []
    for place, made in enumerate(drawn):
        if min([counts[word] for word in made.words]) >= _LEAST - 2:
            free.append((hashlib.sha256(made.pair.source.encode()).digest(), place))
        else:
            counts.update(made.words)
    chosen = [place for _, place in sorted(free)[: 2 * HELD_OUT]]
    valid, test = set(chosen[:HELD_OUT]), set(chosen[HELD_OUT:])
    pairs = [made.pair for made in drawn]
    return (
        [pair for place, pair in enumerate(pairs) if place not in valid and place not in test],
        [pairs[place] for place in sorted(valid)],
        [pairs[place] for place in sorted(test)],
    )
