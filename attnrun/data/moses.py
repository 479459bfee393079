"""Text as the Moses scripts tokenise it (Koehn et al. 2007), and back, by the library `sacremoses`."""

from functools import cached_property
from typing import Any


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
