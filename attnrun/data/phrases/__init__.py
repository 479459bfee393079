"""The embedded corpus `phrases`: everyday English and French from a grammar and a lexicon of our own.

Every pair is built on both sides at once, so that its gold word alignment and its parts of speech come from
the grammar itself. The corpus is generated when it is loaded, always the same, and nothing is stored.
"""

from typing import Literal

from attnrun.data.corpus import Corpus
from attnrun.data.phrases.sampling import draw, split
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt


def load(
    *,
    source: Literal["en", "fr"] = "en",
    target: Literal["en", "fr"] = "fr",
    limit: PositiveInt | None = None,
) -> Corpus:
    """Return the corpus; `limit` keeps the first pairs of train and leaves valid and test alone.

    Raises UserError where source and target are the same language.
    """
    if source == target:
        other = "fr" if source == "en" else "en"
        raise UserError(f"corpus phrases: source and target are both {source!r}; set corpus.target={other}")
    train, valid, test = split(draw())
    corpus = Corpus("phrases", "en", "fr", train[:limit], valid, test)
    return corpus if source == "en" else corpus.reversed()
