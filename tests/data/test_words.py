"""Tokens join back to the text they came from."""

import pytest

from attnrun.data import words

TEXTS = [
    "L'homme dort.",
    "He'll go, won't he?",
    "“Oui !”, dit-il.",
    "a_b c-d (e) f/g",
    "5,5 % à 10h30",
    "中文 日本語。",
    "…",
]


@pytest.mark.parametrize("text", TEXTS)
def test_join_undoes_tokenise(text: str) -> None:
    assert words.join(words.tokenise(text)) == text


def test_two_words_are_never_run_together() -> None:
    assert words.join(["mon", "nièce", "￭eva", "￭."]) == "mon nièce eva."


def test_a_mark_in_the_text_is_no_mark() -> None:
    assert "￭" not in words.join(words.tokenise("a ￭b"))
