"""ROUGE: what a summary shares with the right one, in words, pairs and order (Lin 2004)."""

import unicodedata
from collections.abc import Iterable
from statistics import fmean
from typing import Any

from attnrun.errors import UserError

_KINDS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
# Scripts that put no spaces between words: each letter counts as a word. First and last of each range.
_UNSPACED = (("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"), ("\u3005", "\u30ff"),
             ("\u3400", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"))  # fmt: skip


class Tokeniser:
    """Words in lower case, of letters, digits and marks of any script; what else there is parts them.

    The package's own knows a to z and 0 to 9 alone, and gives the same for text of these.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        return "".join(map(_spaced, unicodedata.normalize("NFKC", text).lower())).split()


class Rouge:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L by the package rouge-score, without stemming.

    Raises UserError where the package is not installed.
    """

    def __init__(self) -> None:
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError:
            message = 'ROUGE needs the package rouge-score: pip install "attnrun[tasks]"'
            raise UserError(message) from None
        self._scorer: Any = RougeScorer(list(_KINDS.values()), tokenizer=Tokeniser())

    def __call__(self, pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
        """Return the mean of each, 0 to 1, over pairs of a right summary and one to judge."""
        found = [self._scorer.score(right, made) for right, made in pairs]
        return {name: fmean(one[kind].fmeasure for one in found) for name, kind in _KINDS.items()}


def _spaced(letter: str) -> str:
    if unicodedata.category(letter)[0] not in "LNM":
        return " "
    return f" {letter} " if any(first <= letter <= last for first, last in _UNSPACED) else letter
