"""Sentences with a tag for each token: of the embedded corpus, of treebanks, and of a user's own files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from attnrun.data import phrases, words
from attnrun.data.corpus import Pair
from attnrun.data.labelled import part
from attnrun.data.reading import counted, read_lines
from attnrun.data.table import read_columns
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

_SUFFIXES = (3, 2, 1)  # characters of an ending that stands for a rare word, the longest that is known
_KEY = "minimum_frequency"
_RARE = "\0"  # before an ending: no token of a text file holds it


class Tagged(NamedTuple):
    """The tokens of a sentence, and a tag for each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TaggedSentences:
    """Sentences in the splits `train`, `valid` and `test`; `split` says how a text falls into tokens."""

    train: list[Tagged]
    valid: list[Tagged]
    test: list[Tagged]
    split: words.Split = "spaces"

    @property
    def tags(self) -> list[str]:
        """The tags of the training sentences, in the order of their spelling."""
        return sorted({tag for one in self.train for tag in one.tags})


class Words:
    """Numbers for words; a rare one counts as its ending, which often tells what it is."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    @classmethod
    def fit(cls, sentences: Iterable[Tagged], minimum_frequency: int) -> "Words":
        """Collect the words that occur so often, and the endings of the others that do."""
        counts = Counter(token for one in sentences for token in one.tokens)
        rare = {word: count for word, count in counts.items() if count < minimum_frequency}
        endings = [[ending] * count for word, count in rare.items() for ending in _endings(word)]
        common = [[word] * count for word, count in counts.items() if word not in rare]
        return cls(Vocabulary.build([*common, *endings], min(2, minimum_frequency), key=_KEY))

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return a number for each token."""
        return self.vocabulary.encode(self._known(token) for token in tokens)

    def _known(self, token: str) -> str:
        known = (form for form in (token, *_endings(token)) if form in self.vocabulary)
        return next(known, token)


def phrase_tags(
    seed: int, *, language: Literal["en", "fr"] = "en", limit: PositiveInt | None = None
) -> TaggedSentences:
    """Return the embedded corpus with its parts of speech; `limit` keeps the first training sentences."""
    del seed
    other: Literal["en", "fr"] = "fr" if language == "en" else "en"
    corpus = phrases.load(source=language, target=other, limit=limit)

    def tagged(pairs: Sequence[Pair]) -> list[Tagged]:
        return [Tagged(tuple(words.tokenise(one.source)), one.source_tags or ()) for one in pairs]

    return TaggedSentences(tagged(corpus.train), tagged(corpus.valid), tagged(corpus.test), "words")


def conllu(
    seed: int,
    *,
    path: str,
    token: PositiveInt = 2,
    tag: PositiveInt = 4,
    valid: Fraction = 0.1,
    test: Fraction = 0.1,
) -> TaggedSentences:
    """Read a treebank: a token a line, in columns between tabs, and a blank line after each sentence.

    Args:
        path: the file; plain, gzip or zip.
        token: number of the column of tokens, counted from 1; 2 in CoNLL-U, 1 in many other files.
        tag: number of the column of tags: 4 is the universal part of speech of CoNLL-U, 5 the language's own.
        valid: share of the sentences to choose the best weights by, those whose text has the least hash.
        test: share of the sentences to test on.

    Comments, which begin with `#`, are left out, and so are CoNLL-U's ranges (1-2) and empty nodes (1.1).

    Raises:
        UserError: a file or line is not as described; the message names file and line.
    """
    del seed
    return _parted(_sentences(path, token - 1, tag - 1), valid, test, path)


def tag_lines(
    seed: int,
    *,
    path: str,
    tokens: str | int = 1,
    tags: str | int = 2,
    valid: Fraction = 0.1,
    test: Fraction = 0.1,
) -> TaggedSentences:
    """Read a file with a sentence a line: columns between tabs, of tokens and of tags with spaces between.

    `tokens` and `tags` are numbers of columns, counted from 1, or their names in a first line; the rest is as
    in `conllu`.

    Raises:
        UserError: a file or line is not as described; the message names file and line.
    """
    del seed
    found = []
    for place, cells in read_columns(path, {"data.tokens": tokens, "data.tags": tags}):
        one = Tagged(*(tuple(cell.split()) for cell in cells))
        if len(one.tokens) != len(one.tags):
            raise UserError(f"{place}: {counted(len(one.tokens), 'token')}, {counted(len(one.tags), 'tag')}")
        found.append(one)
    return _parted(found, valid, test, path)


def _sentences(path: str, token: int, tag: int) -> Iterator[Tagged]:
    rows: list[tuple[str, str]] = []
    for place, line in read_lines(path):
        fields = line.split("\t")
        if not line.strip():
            if rows:
                yield _sentence(rows)
            rows = []
        elif not _is_comment(line, token) and not (token and not fields[0].isdigit()):
            if len(fields) <= max(token, tag) or not fields[token] or not fields[tag]:
                there = counted(len(fields), "column")
                wanted = f"a token in column {token + 1} and a tag in column {tag + 1}"
                raise UserError(f"{place}: expected {wanted}; there are {there}")
            rows.append((fields[token], fields[tag]))
    if rows:
        yield _sentence(rows)


def _is_comment(line: str, token: int) -> bool:
    """Whether a line says something of the sentence; a token in the first column may begin with # too."""
    return line.startswith("#") and (token > 0 or "\t" not in line)


def _sentence(rows: Sequence[tuple[str, str]]) -> Tagged:
    tokens, tags = zip(*rows, strict=True)
    return Tagged(tokens, tags)


def _parted(found: Iterable[Tagged], valid: float, test: float, path: str) -> TaggedSentences:
    parts = part(((one, " ".join(one.tokens)) for one in found), valid, test, path)
    return TaggedSentences(parts["train"], parts["valid"], parts["test"])


def _endings(word: str) -> list[str]:
    """The endings that may stand for a rare word, told apart by whether it begins with a capital."""
    capital = "^" if word[:1].isupper() else ""
    return [f"{_RARE}{capital}{word[-size:].lower()}" for size in _SUFFIXES]
