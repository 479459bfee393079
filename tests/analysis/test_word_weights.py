"""Weights between words of weights between pieces of words."""

from itertools import pairwise

import numpy as np
import pytest

from attnrun.analysis.word_weights import between_words, by_shift, pieces_of
from attnrun.data.subwords import Bpe
from attnrun.data.tokenisers import Recipe, Word
from attnrun.data.unigram import Unigram
from attnrun.data.words import Split, split


@pytest.mark.parametrize(
    ("tokens", "words", "expected"),
    [
        (["▁the", "▁dog", "s"], ["the", "dogs"], [[0], [1, 2]]),
        (["▁", "the", "▁", "dogs"], ["the", "dogs"], [[0, 1], [2, 3]]),
        (["don", "'", "t", "."], ["don't", "￭."], [[0, 1, 2], [3]]),
        (["New York", "is"], ["New", "York", "is"], [[0], [0], [1]]),
        (["▁i\u0307stanbul"], ["İstanbul"], [[0]]),  # lower-cased it has one letter more
        (["▁λόγ", "ος"], ["ΛΌΓΟΣ"], [[0, 1]]),
        (["il", "▁", "pleut", "￭"], ["il", "▁", "pleut", "￭"], [[0], [1], [2], [3]]),  # as text, of spaces
        (["▁il", "▁", "_", "▁pleut", "▁"], ["il", "▁", "pleut"], [[0], [1, 2], [3, 4]]),
        ([], [], []),
    ],
)
def test_each_word_has_the_tokens_that_hold_its_letters(
    tokens: list[str], words: list[str], expected: list[list[int]]
) -> None:
    assert pieces_of(tokens, words) == expected


def test_tokens_of_another_text_are_noticed() -> None:
    with pytest.raises(ValueError, match="'&amp; home' is not cut from '& at homes'"):
        pieces_of(["&amp;", "home"], ["&", "at", "homes"])


@pytest.mark.parametrize("how", ["words", "spaces"])
@pytest.mark.parametrize(
    "recipe", [Word(minimum_frequency=1), Word(split="stops"), Bpe(size=60), Unigram(size=60)]
)
def test_every_tokeniser_is_cut_into_the_words_of_its_text(recipe: Recipe, how: Split) -> None:
    text = "L'homme ￭ dort, ▁il pleut… İstanbul ￭ ΛΌΓΟΣ 中文 a_b  l'￭ ."
    tokens, words = recipe.fit([text] * 3).tokens(text), split(text, how)
    found = pieces_of(tokens, words)
    assert len(found) == len(words) and all(found)
    assert sorted({place for group in found for place in group}) == list(range(len(tokens)))
    for first, second in pairwise(found):
        assert first[-1] <= second[0]


def test_many_words_take_no_time() -> None:
    words = [f"w{n}" for n in range(20_000)]
    assert pieces_of(words, words)[-1] == [19_999]


def test_weights_between_words_are_sums_over_keys_and_means_over_queries() -> None:
    """L 2, H 3, N 5 tokens in 3 words, M 7 tokens in 4 words."""
    look = np.random.default_rng(1).dirichlet(np.ones(7), size=(2, 3, 5))
    queries, keys = [[0], [1, 2, 3], [4]], [[0, 1], [2], [3, 4, 5], [6]]
    found = between_words(look, queries, keys)
    assert found.shape == (2, 3, 3, 4)
    for layer, head, row, column in np.ndindex(*found.shape):
        each = [float(look[layer, head, n, m]) for n in queries[row] for m in keys[column]]
        assert found[layer, head, row, column] == pytest.approx(sum(each) / len(queries[row]))
    np.testing.assert_allclose(found.sum(-1), 1)


def test_after_a_word_the_model_looks_one_row_later() -> None:
    look = np.random.default_rng(1).random((1, 1, 4, 3))
    found = by_shift(look, [[0], [1], [2]], [[0], [1], [2]])
    np.testing.assert_array_equal(found[0], look[:, :, :3])
    np.testing.assert_array_equal(found[1], look[:, :, 1:])
