"""The embedded corpus `phrases`: everyday English and French from a grammar and a lexicon of our own.

Every pair is built on both sides at once, so that its gold word alignment and its parts of speech come from
the grammar itself. The corpus is generated when it is loaded, always the same, and nothing is stored.
"""

from functools import cache
from typing import Annotated, Literal

from annotated_types import Ge, Le

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.phrases.sampling import HELD_OUT, draw, split
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

HeldOut = Annotated[int, Ge(1), Le(HELD_OUT)]  # pairs


def load(
    *,
    source: Literal["en", "fr"] = "en",
    target: Literal["en", "fr"] = "fr",
    limit: PositiveInt | None = None,
    held_out: HeldOut = HELD_OUT,
) -> Corpus:
    """Return the corpus; `limit` keeps the first pairs of train, `held_out` those of valid and of test.

    Raises UserError where source and target are the same language.
    """
    if source == target:
        other = "fr" if source == "en" else "en"
        raise UserError(f"corpus phrases: source and target are both {source!r}; set corpus.target={other}")
    train, valid, test = _parts()
    corpus = Corpus("phrases", "en", "fr", train[:limit], valid[:held_out], test[:held_out])
    return corpus if source == "en" else corpus.reversed()


@cache
def _parts() -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Train, valid and test, which take seconds to draw: a sweep in one process draws them once."""
    return split(draw())
