"""Text as the Moses scripts tokenise it (Koehn et al. 2007), and back, by the library `sacremoses`."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal


class Moses:
    """One language, lower-cased, punctuation normalised, tokenised: what `.lc.norm.tok` files hold.

    Of test_2016_flickr of Multi30k, English and German, it gives every line exactly.
    """

    def __init__(self, language: str) -> None:
        """Take the rules of `language` (`en`, `de` …), general ones where it has none.

        Raises:
            ValueError: that is no text.
        """
        if not isinstance(language, str):
            raise ValueError(f"a language is a text such as 'en', not {language!r}")
        self.language = language

    def tokenise(self, text: str) -> str:
        """Return the tokens of plain text with spaces between them; `'` becomes `&apos;` and so on."""
        normalise, tokenise, _ = self._scripts
        return str(tokenise.tokenize(normalise.normalize(text.lower()), return_str=True, escape=True))

    def restore(self, text: str) -> str:
        """Return tokens as a sentence, with its first letter large; no other letter can be known to be."""
        sentence = str(self._scripts[2].detokenize(text.split(), return_str=True, unescape=True))
        return sentence[:1].upper() + sentence[1:]

    @cached_property
    def _scripts(self) -> tuple[Any, Any, Any]:
        from sacremoses import MosesDetokenizer, MosesPunctNormalizer, MosesTokenizer

        return (
            MosesPunctNormalizer(self.language),
            MosesTokenizer(self.language),
            MosesDetokenizer(self.language),
        )


class Form:
    """How a corpus writes its texts: as `Moses` tokens of two languages, or plainly where there are none."""

    def __init__(self, languages: Sequence[str] | None) -> None:
        self.languages = languages
        self._sides = None if languages is None else [Moses(language) for language in languages]

    def source(self, text: str) -> str:
        """Return a plain source in the form of the corpus."""
        return self._written(text, 0)

    def target(self, text: str) -> str:
        """Return a plain target in the form of the corpus."""
        return self._written(text, 1)

    def plain(self, text: str, side: Literal[0, 1] = 1) -> str:
        """Return as plain text what stands in the form of the corpus, a target unless `side` is 0."""
        return self._sides[side].restore(text) if self._sides else text

    def _written(self, text: str, side: int) -> str:
        tokenised = self._sides[side].tokenise(text) if self._sides else text
        return tokenised if tokenised.strip() else text  # the scripts drop control characters
