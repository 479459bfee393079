"""Subword tokens by a unigram language model (Kudo 2018): a word falls into its likeliest pieces."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Le

from attnrun.data.subwords import (
    LARGEST,
    Split,
    SubwordTokeniser,
    level,
    library_tokens,
    options,
    pre_tokeniser,
)
from attnrun.data.vocabulary import SPECIALS, Vocabulary
from attnrun.data.words import natural_split
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt


@dataclass(frozen=True, kw_only=True)
class Unigram:
    """Recipe of a tokeniser of the subwords by which the texts are likeliest.

    Attributes:
        size: how many numbers there are at most, the four specials and all single characters included.
        lowercase: read and write lower case only.
        split: what no token reaches over, as of `subwords.Bpe`.
        joint: learn one vocabulary for both languages; a model then shares one embedding between them.
    """

    size: Annotated[PositiveInt, Le(LARGEST)] = 6000
    lowercase: bool = True
    split: Split | None = None
    joint: bool = True

    def fit(self, texts: Iterable[str], tokenised: bool = False) -> "UnigramTokeniser":
        """Learn the pieces of `texts`; the same texts in any order give the same tokeniser.

        Raises:
            UserError: `size` has no room for the characters of the texts.
        """
        from attnrun.data.unigram_fit import learn_pieces

        split = self.split or natural_split(tokenised)
        cut = pre_tokeniser(split)
        words: Counter[str] = Counter()
        for text in texts:
            words.update(word for word, _ in cut.pre_tokenize_str(level(text, self.lowercase)))
        learned = learn_pieces(words, max(0, self.size - len(SPECIALS)))
        least = len(SPECIALS) + len(learned)  # single characters, where more than asked for
        if least > self.size:
            raise UserError(f"tokeniser.size={self.size} is too small for these texts; at least {least}")
        return UnigramTokeniser(learned, lowercase=self.lowercase, split=split)


class UnigramTokeniser(SubwordTokeniser):
    """A subword tokeniser: a word falls into the pieces whose probabilities have the greatest product.

    Characters in a row that were never seen are one unknown piece.
    """

    kind = "unigram"

    def __init__(self, pieces: Mapping[str, float], *, lowercase: bool, split: Split) -> None:
        """Build from learned tokens and their log-probabilities.

        Raises:
            ValueError: a log-probability is positive or no number.
        """
        from tokenizers import models

        self.pieces = dict(pieces)
        if not all(math.isfinite(log) and log <= 0 for log in self.pieces.values()):
            raise ValueError("log-probabilities are numbers, none of them positive")
        vocabulary = Vocabulary(self.pieces)
        scored = list(zip(library_tokens(vocabulary), [0.0, *self.pieces.values()], strict=True))
        super().__init__(vocabulary, models.Unigram(scored, 0, False), lowercase=lowercase, split=split)

    def _learned(self) -> dict[str, Any]:
        return {"log_probabilities": list(self.pieces.values())}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "UnigramTokeniser":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError: the data is no such tokeniser.
        """
        tokens, logs = Vocabulary.from_json(data).tokens, data.get("log_probabilities")
        if not isinstance(logs, list) or len(logs) != len(tokens) or not all(map(_is_number, logs)):
            raise ValueError("a unigram tokeniser's JSON has a number for each token in 'log_probabilities'")
        return cls(dict(zip(tokens, logs, strict=True)), **options(data))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
