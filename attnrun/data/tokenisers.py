"""From text to numbers and back: a recipe (config group `tokeniser`) is fitted to the texts of a language."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, get_args

from attnrun.data import words
from attnrun.data.corpus import Corpus
from attnrun.data.subwords import BpeTokeniser
from attnrun.data.unigram import UnigramTokeniser
from attnrun.data.vocabulary import BOS, EOS, PAD, UNK, Vocabulary, fingerprint
from attnrun.data.words import Split, natural_split
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt


class Tokeniser(Protocol):
    """A fitted tokeniser. Numbers below 4 are the specials, in every tokeniser the same."""

    pad: int
    unk: int
    bos: int
    eos: int

    @property
    def size(self) -> int:
        """How many numbers there are, specials included."""

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text, without beginning and end; none only for blank text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of numbers; padding, beginning and end leave no trace in it."""

    def tokens(self, text: str) -> list[str]:
        """Return labels for people, one for each number of `encode(text)`."""

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return labels for people, one for each number, specials by their names."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` of this module rebuilds the tokeniser."""

    def fingerprint(self) -> str:
        """Return a sha256, equal for tokenisers that encode alike."""


class Recipe(Protocol):
    """How to make a tokeniser from texts."""

    @property
    def joint(self) -> bool:
        """Whether source and target share one tokeniser."""

    def fit(self, texts: Iterable[str], tokenised: bool = False) -> Tokeniser:
        """Learn the tokens of `texts`, which are `tokenised` where a space stands between any two."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """Recipe of a word-level tokeniser: the words of `words.tokenise` that occur often enough."""

    lowercase: bool = True
    minimum_frequency: PositiveInt = 2
    maximum_size: PositiveInt | None = None
    split: Split | None = None  # None is `spaces` for tokenised texts and `words` for others
    joint: bool = False

    def fit(self, texts: Iterable[str], tokenised: bool = False) -> "WordTokeniser":
        """Collect the vocabulary of `texts`.

        Raises:
            UserError: no word is left.
        """
        how = self.split or natural_split(tokenised)
        split = (_split(text, self.lowercase, how) for text in texts)
        vocabulary = Vocabulary.build(split, self.minimum_frequency, self.maximum_size)
        return WordTokeniser(vocabulary, lowercase=self.lowercase, split=how)


class WordTokeniser:
    """A word-level tokeniser: one number for each word and punctuation mark of `words.tokenise`."""

    pad, unk, bos, eos = PAD, UNK, BOS, EOS

    def __init__(self, vocabulary: Vocabulary, *, lowercase: bool, split: Split = "words") -> None:
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.split = split

    @property
    def size(self) -> int:
        """How many numbers there are, specials included."""
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text, without beginning and end; none only for blank text."""
        return self.vocabulary.encode(_split(text, self.lowercase, self.split))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of numbers, an unknown word as `<unk>`."""
        return self._joined(self.vocabulary.decode(ids))

    def decode_copying(self, ids: Sequence[int], copies: Sequence[str | None]) -> str:
        """Return the text of numbers, an unknown word as its copy; None among the copies leaves it."""
        tokens: list[str] = []
        for number, copy in zip(ids, copies, strict=True):
            token = self.vocabulary.token(number)
            if number == self.unk and copy is not None:
                elided = self.split == "words" and tokens[-1:] and tokens[-1].endswith(("'", "’"))
                token = words.JOINER + words.display(copy) if elided else copy
            tokens.append(token)
        return self._joined(tokens)

    def tokens(self, text: str) -> list[str]:
        """Return the words themselves, unknown ones too, one for each number of `encode(text)`."""
        return [words.display(token) for token in _split(text, self.lowercase, self.split)]

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return a label for each number, specials by their names."""
        return [words.display(self.vocabulary.token(number)) for number in ids]

    def _joined(self, tokens: Sequence[str]) -> str:
        return words.join(tokens) if self.split == "words" else " ".join(tokens)

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` rebuilds the tokeniser."""
        options = {"lowercase": self.lowercase, "split": self.split}
        return {"kind": "word", **options, **self.vocabulary.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "WordTokeniser":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError: the data is no word tokeniser.
        """
        options = {"lowercase": data.get("lowercase"), "split": data.get("split", "words")}
        if not isinstance(options["lowercase"], bool) or options["split"] not in get_args(Split):
            raise ValueError("a word tokeniser's JSON has a boolean 'lowercase' and a known 'split'")
        return cls(Vocabulary.from_json(data), **options)

    def fingerprint(self) -> str:
        """Return a sha256, equal for tokenisers that encode alike."""
        return fingerprint(self.to_json())


def from_json(data: Any) -> Tokeniser:
    """Rebuild any tokeniser of this module from its `to_json`.

    Raises:
        ValueError: the data describes no tokeniser known here.
    """
    kinds: dict[str, Callable[[dict[str, Any]], Tokeniser]] = {
        "word": WordTokeniser.from_json,
        "bpe": BpeTokeniser.from_json,
        "unigram": UnigramTokeniser.from_json,
    }
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"no tokeniser of kind {kind!r}; known: {', '.join(kinds)}")
    return kinds[kind](data)


def require_unknown_words(recipe: Recipe, key: str) -> None:
    """Raise UserError for the config key where no word of the training texts can be unknown."""
    if not isinstance(recipe, Word) or (recipe.minimum_frequency == 1 and recipe.maximum_size is None):
        reason = "this tokeniser leaves no word of the training texts unknown"
        raise UserError(f"{key}: {reason}; choose tokeniser=word tokeniser.minimum_frequency=2")


def fit_sides(recipe: Recipe, corpus: Corpus) -> tuple[Tokeniser, Tokeniser]:
    """Return the tokenisers of source and target, the same one for both where the recipe is joint.

    Raises UserError where the corpus has no training texts, or they are not what the recipe needs.
    """
    corpus.require_train()
    sources = (pair.source for pair in corpus.train)
    targets = (pair.target for pair in corpus.train)
    if recipe.joint:
        joint = recipe.fit(chain(sources, targets), corpus.tokenised)
        return joint, joint
    return recipe.fit(sources, corpus.tokenised), recipe.fit(targets, corpus.tokenised)


def _split(text: str, lowercase: bool, split: Split) -> list[str]:
    # Lower-cased after splitting: "İ" lower-cased first would fall apart and shift gold alignments.
    return [token.lower() if lowercase else token for token in words.split(text, split)]
