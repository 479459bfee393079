"""A closed set of tokens with fixed numbers; the four specials have numbers and no spelling."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from attnrun.errors import UserError

PAD, UNK, BOS, EOS = range(4)
# Only for people to read: no text is ever looked up here, so a corpus may hold these as ordinary tokens.
SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")


class Vocabulary:
    """Tokens numbered from 4 on; 0 to 3 are padding, unknown, beginning and end of a sentence."""

    def __init__(self, tokens: Iterable[str]) -> None:
        """Number `tokens` in the order given.

        Raises:
            ValueError: a token occurs twice.
        """
        self.tokens = tuple(tokens)
        self._ids = {token: number for number, token in enumerate(self.tokens, len(SPECIALS))}
        if len(self._ids) != len(self.tokens):
            raise ValueError("a vocabulary holds each token once")

    @classmethod
    def build(
        cls,
        sentences: Iterable[Iterable[str]],
        minimum_frequency: int = 1,
        maximum_size: int | None = None,
        key: str = "tokeniser.minimum_frequency",
    ) -> "Vocabulary":
        """Count the tokens of `sentences` and keep the frequent ones: most frequent first, ties by spelling.

        `maximum_size` counts the four specials too, so that it bounds the size of an embedding; `key` is the
        config key of `minimum_frequency`, for the message.

        Raises:
            UserError: no token is left, or `maximum_size` has no room for one.
        """
        if maximum_size is not None and maximum_size <= len(SPECIALS):
            raise UserError(f"tokeniser.maximum_size={maximum_size} leaves no room for words")
        counts = Counter(token for sentence in sentences for token in sentence)
        kept = [token for token, count in counts.items() if count >= minimum_frequency]
        if not kept:
            most = f"none occurs more than {max(counts.values(), default=0)} times"
            raise UserError(f"{key}={minimum_frequency} leaves no tokens; {most}")
        kept.sort(key=lambda token: (-counts[token], token))
        return cls(kept if maximum_size is None else kept[: maximum_size - len(SPECIALS)])

    def __len__(self) -> int:
        return len(SPECIALS) + len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return the number of each token, `UNK` for those not held."""
        return [self._ids.get(token, UNK) for token in tokens]

    def token(self, number: int) -> str:
        """Return the token with this number; a special's name is for reading only.

        Raises:
            ValueError: the number is outside the vocabulary.
        """
        if not 0 <= number < len(self):
            raise ValueError(f"token number {number} is outside a vocabulary of {len(self)}")
        return SPECIALS[number] if number < len(SPECIALS) else self.tokens[number - len(SPECIALS)]

    def labels(self, numbers: Iterable[int]) -> list[str]:
        """Return the token of each number, those of specials too; raises ValueError as `token` does."""
        return [self.token(number) for number in numbers]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Return the token of each number, padding, beginning and end left out."""
        return [self.token(number) for number in ids if number not in (PAD, BOS, EOS)]

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` rebuilds an equal vocabulary."""
        return {"tokens": list(self.tokens)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Vocabulary":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError: the data is no vocabulary.
        """
        tokens = data.get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ValueError("a vocabulary's JSON has a list of strings under 'tokens'")
        return cls(tokens)

    def fingerprint(self) -> str:
        """Return the sha256 of the vocabulary, the same for equal ones on every machine."""
        return fingerprint(self.to_json())


def fingerprint(data: Any) -> str:
    """Return the sha256 of plain data, whatever the order of its keys."""
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
