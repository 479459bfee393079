"""A corpus for benches in place of the built-in one, which takes seconds to write."""

import random
from types import SimpleNamespace

import pytest

from attnrun.bench import texts
from attnrun.data.corpus import Corpus, Pair


def use_small_corpus(patch: pytest.MonkeyPatch, cache: pytest.TempPathFactory) -> None:
    """Leave the cache of downloads empty, and have a small corpus built in, for benches alone."""
    patch.setenv("ATTNRUN_DATA", str(cache.mktemp("cache")))
    patch.setattr(texts, "phrases", SimpleNamespace(load=_corpus))


def _corpus(limit: int) -> Corpus:
    dice = random.Random(0)
    words = [f"word{number}" for number in range(60)]
    lines = [" ".join(dice.choices(words, k=dice.randint(3, 9))) for _ in range(limit + 20)]
    pairs = [Pair(text, text.upper()) for text in lines]
    return Corpus("phrases", "en", "fr", pairs[20:], pairs[:10], pairs[10:20])
