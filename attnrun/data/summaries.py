"""Texts with a summary each, and their words as numbers that tell unknown ones apart, for copying."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attnrun.data import words
from attnrun.data.batching import EncodedPairs, Sequences
from attnrun.data.labelled import part
from attnrun.data.table import read_columns
from attnrun.data.tokenisers import Tokeniser, WordTokeniser
from attnrun.ranges import Fraction, PositiveInt

# Of a sentence that another follows. What has matched is not tried in parts again.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s)|[。！？]++[”’」』）]*+")


class Summarised(NamedTuple):
    """A text and what it says in short."""

    text: str
    summary: str


@dataclass(frozen=True)
class Summaries:
    """Texts with summaries in the splits `train`, `valid` and `test`."""

    train: list[Summarised]
    valid: list[Summarised]
    test: list[Summarised]


def summaries(
    seed: int,
    *,
    path: str,
    text: str | int = 1,
    summary: str | int = 2,
    valid: Fraction = 0.1,
    test: Fraction = 0.1,
    limit: PositiveInt | None = None,
) -> Summaries:
    """Read a file with a text and its summary a line, in columns between tabs; plain, gzip or zip.

    Args:
        path: the file.
        text: number of the column of texts, counted from 1, or its name: a name means a first line of names.
        summary: the same for the summaries.
        valid: share of the lines to choose the best weights by, those whose text has the least hash.
        test: share of the lines to test on.
        limit: train on the first so many only.

    Raises:
        UserError: a file, line or column is not as described; the message names file and line.
    """
    del seed
    wanted = {"data.text": text, "data.summary": summary}
    rows = [Summarised(*cells) for _, cells in read_columns(path, wanted)]
    parts = part(((one, one.text) for one in rows), valid, test, path)
    return Summaries(parts["train"][:limit], parts["valid"], parts["test"])


def first_sentence(text: str) -> str:
    """Return the text up to the first full stop, or such a mark, after which it goes on; else all of it.

    >>> first_sentence("It rained. Then it cleared up.")
    'It rained.'
    """
    found = _END.search(text)
    return text[: found.end()] if found else text


def to_fit(rows: Sequence[Summarised]) -> Iterator[str]:
    """Yield what a tokeniser is to learn: each text, and the words of its summary that it does not have.

    A word counts once then that a text shares with its own summary alone, as a name that is nowhere else:
    it stays rare, and copying it is learned.
    """
    for one in rows:
        known = set(_pieces(one.text))
        yield one.text
        yield " ".join(word for word in one.summary.split() if not known.issuperset(_pieces(word)))


@dataclass(frozen=True)
class Reading:
    """A text as numbers from 1 on, and its unknown words, numbered on from the size of the vocabulary.

    The words in the order in which they come; a tokeniser of parts of words leaves them unknown (See, Liu and
    Manning 2017, section 2.2, the extended vocabulary).
    """

    tokeniser: Tokeniser
    numbers: list[int]
    unknown: list[str]

    @classmethod
    def of(cls, tokeniser: Tokeniser, text: str, longest: int) -> "Reading":
        """Read a text, its first `longest` tokens alone."""
        numbers = tokeniser.encode(text)[:longest]
        if not isinstance(tokeniser, WordTokeniser):
            return cls(tokeniser, numbers, [])
        tokens = tokeniser.tokens(text)
        pairs = zip(numbers, tokens, strict=False)
        unknown = list(dict.fromkeys(token for number, token in pairs if number == tokeniser.unk))
        return cls(tokeniser, _numbered(tokeniser, numbers, tokens, unknown), unknown)

    def encode(self, summary: str, longest: int) -> list[int]:
        """Return a summary in the numbers of this text, its first `longest` tokens alone."""
        numbers = self.tokeniser.encode(summary)[:longest]
        return _numbered(self.tokeniser, numbers, self.tokeniser.tokens(summary), self.unknown)

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the text of such numbers; what neither vocabulary nor text holds is `<unk>`."""
        if not isinstance(self.tokeniser, WordTokeniser):
            return self.tokeniser.decode(numbers)
        copies = [self._copy(number) for number in numbers]
        return self.tokeniser.decode_copying(self._known(numbers), copies)

    def labels(self, numbers: Sequence[int]) -> list[str]:
        """Return a label for each of such numbers, specials by their names."""
        found = self.tokeniser.labels(self._known(numbers))
        return [self._copy(number) or label for number, label in zip(numbers, found, strict=True)]

    def _copy(self, number: int) -> str | None:
        return self.unknown[number - self.tokeniser.size] if number >= self.tokeniser.size else None

    def _known(self, numbers: Sequence[int]) -> list[int]:
        return [self.tokeniser.unk if number >= self.tokeniser.size else number for number in numbers]


def encode(
    tokeniser: Tokeniser, rows: Sequence[Summarised], longest_text: int, longest_summary: int
) -> EncodedPairs:
    """Return texts and summaries as numbers, cut to so many tokens, the summaries between bos and eos."""
    texts = [Reading.of(tokeniser, one.text, longest_text) for one in rows]
    targets = (
        [tokeniser.bos, *reading.encode(one.summary, longest_summary), tokeniser.eos]
        for reading, one in zip(texts, rows, strict=True)
    )
    return EncodedPairs(Sequences(one.numbers for one in texts), Sequences(targets), dropped=0)


def _pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in words.spans(text)]


def _numbered(
    tokeniser: Tokeniser, numbers: Sequence[int], tokens: Sequence[str], unknown: Sequence[str]
) -> list[int]:
    """The numbers, in the place of each unknown token that is among `unknown` that of its own."""
    own = {token: tokeniser.size + place for place, token in enumerate(unknown)}
    pairs = zip(numbers, tokens, strict=False)  # the numbers may be cut
    return [own.get(token, number) if number == tokeniser.unk else number for number, token in pairs]
