"""Subword tokens, by byte-pair encoding (Sennrich, Haddow and Birch 2016) as `tokenizers` learns them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, get_args

from annotated_types import Le

from attnrun.data.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary, fingerprint
from attnrun.data.words import natural_split
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt, Probability

SPACE = "▁"  # U+2581, begins a token that has a space before it
_STAND_IN = "_"  # what a text that holds U+2581 is read as
UNKNOWN = "<unk> "  # the library's number 0: no text can spell it, since no token holds a space
Split = Literal["words", "spaces"]  # see words.Split
LARGEST = 1_000_000  # the library makes room for as many tokens as it is asked for
SHIFT = len(SPECIALS) - 1  # from the library's numbers, unknown at 0, to ours, specials up to 3


@dataclass(frozen=True, kw_only=True)
class Bpe:
    """Recipe of a subword tokeniser.

    Attributes:
        size: how many numbers there are, the four specials and all single characters included.
        lowercase: read and write lower case only.
        minimum_frequency: how often two pieces must meet to become one.
        split: what no token reaches over: a space, and with `words` also the border of a punctuation mark;
            None is `spaces` for tokenised texts and `words` for others.
        joint: learn one vocabulary for both languages; a model then shares one embedding between them.
        dropout: probability of leaving out a merge while a model is trained, see `dropout.MergeDropout`.
    """

    size: Annotated[PositiveInt, Le(LARGEST)] = 6000
    lowercase: bool = True
    minimum_frequency: Annotated[PositiveInt, Le(LARGEST)] = 2
    split: Split | None = None
    joint: bool = True
    dropout: Probability = 0.0

    def fit(self, texts: Iterable[str], tokenised: bool = False) -> "BpeTokeniser":
        """Learn the merges of `texts`; the same texts in the same order give the same tokeniser.

        Raises:
            UserError: `size` has no room for the characters of the texts.
        """
        from tokenizers import Tokenizer, models, trainers

        split = self.split or natural_split(tokenised)
        learner = Tokenizer(models.BPE(unk_token=UNKNOWN))
        learner.pre_tokenizer = pre_tokeniser(split)
        trainer = trainers.BpeTrainer(
            vocab_size=max(1, self.size - SHIFT),
            min_frequency=self.minimum_frequency,
            special_tokens=[UNKNOWN],
            show_progress=False,
        )
        learner.train_from_iterator((level(text, self.lowercase) for text in texts), trainer)
        learned = json.loads(learner.to_str())["model"]
        tokens = sorted(learned["vocab"], key=learned["vocab"].__getitem__)[1:]
        if len(SPECIALS) + len(tokens) > self.size:
            least = len(SPECIALS) + len(tokens)  # single characters: no merge was learned
            raise UserError(f"tokeniser.size={self.size} is too small for these texts; at least {least}")
        return BpeTokeniser(Vocabulary(tokens), learned["merges"], lowercase=self.lowercase, split=split)


@dataclass(frozen=True, kw_only=True)
class Characters:
    """Recipe of a tokeniser of single characters: subwords of which none was merged; a space is one, too.

    Attributes:
        minimum_frequency: how often a character must occur not to be unknown.
    """

    lowercase: bool = False
    minimum_frequency: PositiveInt = 1
    joint: bool = False

    def fit(self, texts: Iterable[str], tokenised: bool = False) -> "BpeTokeniser":
        """Collect the characters of `texts`.

        Raises:
            UserError: no character is left.
        """
        words = ((SPACE + word for word in level(text, self.lowercase).split()) for text in texts)
        characters = Vocabulary.build((chain.from_iterable(found) for found in words), self.minimum_frequency)
        return BpeTokeniser(characters, [], lowercase=self.lowercase, split="spaces")


class SubwordTokeniser:
    """What all subword tokenisers share; the library, whose unknown token is number 0, cuts the words."""

    pad, unk, bos, eos = PAD, UNK, BOS, EOS
    kind: str  # in JSON

    def __init__(self, vocabulary: Vocabulary, model: Any, *, lowercase: bool, split: Split) -> None:
        """Take learned tokens and the library's model of them."""
        from tokenizers import Tokenizer

        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.split = split
        self._library = Tokenizer(model)
        self._library.pre_tokenizer = pre_tokeniser(split)

    @property
    def size(self) -> int:
        """How many numbers there are, specials included."""
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text, without beginning and end; none only for blank text."""
        found = self._library.encode(level(text, self.lowercase), add_special_tokens=False)
        return [number + SHIFT if number else UNK for number in found.ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of numbers, a character never seen in training as `<unk>`."""
        return "".join(self.vocabulary.decode(ids)).replace(SPACE, " ").strip()

    def tokens(self, text: str) -> list[str]:
        """Return the pieces themselves, unknown ones too, one for each number of `encode(text)`."""
        whole = level(text, self.lowercase)
        found = self._library.encode(whole, add_special_tokens=False)
        pieces = zip(found.ids, found.tokens, found.offsets, strict=True)
        return [piece if number else whole[slice(*place)] for number, piece, place in pieces]

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return a label for each number, specials by their names; `▁` marks the beginning of a word."""
        return [self.vocabulary.token(number) for number in ids]

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` rebuilds the tokeniser."""
        options = {"lowercase": self.lowercase, "split": self.split}
        return {"kind": self.kind, **options, **self._learned(), **self.vocabulary.to_json()}

    def fingerprint(self) -> str:
        """Return a sha256, equal for tokenisers that encode alike."""
        return fingerprint(self.to_json())

    def _learned(self) -> dict[str, Any]:
        """What was learned beside the vocabulary, as plain data."""
        raise NotImplementedError


class BpeTokeniser(SubwordTokeniser):
    """A subword tokeniser: a word falls into the pieces that its merges leave."""

    kind = "bpe"

    def __init__(
        self, vocabulary: Vocabulary, merges: Sequence[Sequence[str]], *, lowercase: bool, split: Split
    ) -> None:
        """Build from learned tokens and merges.

        Raises:
            ValueError: a merge joins or makes what is no token.
        """
        self.merges = [(first, second) for first, second in merges]
        model = _model(vocabulary, self.merges)
        super().__init__(vocabulary, model, lowercase=lowercase, split=split)

    def _learned(self) -> dict[str, Any]:
        return {"merges": [list(merge) for merge in self.merges]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BpeTokeniser":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError: the data is no subword tokeniser.
        """
        merges = data.get("merges")
        if not isinstance(merges, list) or not all(_is_merge(merge) for merge in merges):
            raise ValueError("a subword tokeniser's JSON has pairs of strings under 'merges'")
        return cls(Vocabulary.from_json(data), merges, **options(data))


def options(data: dict[str, Any]) -> dict[str, Any]:
    """Return `lowercase` and `split` of a subword tokeniser's JSON.

    Raises:
        ValueError: there are none.
    """
    if not isinstance(data.get("lowercase"), bool) or data.get("split") not in get_args(Split):
        raise ValueError("a subword tokeniser's JSON has a boolean 'lowercase' and a known 'split'")
    return {"lowercase": data["lowercase"], "split": data["split"]}


def _model(vocabulary: Vocabulary, merges: list[tuple[str, str]]) -> Any:
    from tokenizers import models

    numbers = {token: number for number, token in enumerate(library_tokens(vocabulary))}
    for first, second in merges:
        if not {first, second, first + second} <= numbers.keys():
            raise ValueError(f"a merge is of tokens, and {first!r} with {second!r} is not")
    return models.BPE(vocab=numbers, merges=merges, unk_token=UNKNOWN)


def library_tokens(vocabulary: Vocabulary) -> list[str]:
    """Return the tokens by the library's numbers.

    Raises:
        ValueError: one has a spelling that the library cannot have.
    """
    if UNKNOWN in vocabulary.tokens:
        raise ValueError(f"no token may be spelled {UNKNOWN!r}")
    if any("\ud800" <= letter <= "\udfff" for token in vocabulary.tokens for letter in token):
        raise ValueError("a token holds half of a surrogate pair")
    return [UNKNOWN, *vocabulary.tokens]


def pre_tokeniser(split: Split) -> Any:
    """Return what cuts a text into words for the library; no token reaches over two."""
    from tokenizers import pre_tokenizers

    spaces = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    if split == "spaces":
        return spaces
    return pre_tokenizers.Sequence([spaces, pre_tokenizers.Punctuation("isolated")])


def level(text: str, lowercase: bool) -> str:
    """One space between words, no mark of ours, nothing that UTF-8 lacks, lower case if asked for."""
    known = text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair becomes "?"
    level = " ".join(known.replace(SPACE, _STAND_IN).split())
    return level.lower() if lowercase else level


def _is_merge(merge: Any) -> bool:
    return isinstance(merge, list) and len(merge) == 2 and all(isinstance(part, str) for part in merge)
