"""ROUGE of any script."""

import random
import sys

import pytest

from attnrun.errors import UserError
from attnrun.training.rouge import Rouge, Tokeniser


def test_figures_that_can_be_counted_by_hand() -> None:
    found = Rouge()([("the cat sat on the mat", "the cat on the red mat")])
    assert found["rouge_1"] == pytest.approx(5 / 6)
    assert found["rouge_2"] == pytest.approx(2 / 5)  # the cat, on the
    assert found["rouge_l"] == pytest.approx(5 / 6)
    halves = Rouge()([("a b c d", "a b c d"), ("a b c d", "x y")])
    assert set(halves.values()) == {0.5}


def test_order_counts_for_the_longest_common_subsequence() -> None:
    found = Rouge()([("Ben beats Ann", "Ann beats Ben")])
    assert found == {"rouge_1": 1.0, "rouge_2": 0.0, "rouge_l": pytest.approx(1 / 3)}


def test_plain_english_is_read_as_the_package_reads_it() -> None:
    from rouge_score.tokenizers import DefaultTokenizer

    generator = random.Random(3)
    signs = "abcXYZ0189 .,;:!?'\"-_()/\n\t"
    for _ in range(300):
        text = "".join(generator.choices(signs, k=generator.randrange(40)))
        assert Tokeniser().tokenize(text) == DefaultTokenizer(use_stemmer=False).tokenize(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("Ἐν ἀρχῇ ἦν ὁ λόγος.", ["ἐν", "ἀρχῇ", "ἦν", "ὁ", "λόγος"]),
        ("我爱北京。", ["我", "爱", "北", "京"]),
        ("café, CAFE\u0301", ["café", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Straße 7", ["straße", "7"]),
        ("﹏…—", []),
    ],
)
def test_words_of_other_scripts(text: str, words: list[str]) -> None:
    assert Tokeniser().tokenize(text) == words
    assert Rouge()([(text, text)])["rouge_l"] == float(bool(words))


def test_part_of_a_chinese_summary_scores_in_part() -> None:
    assert Rouge()([("我爱北京", "我爱上海")])["rouge_1"] == 0.5


def test_a_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(UserError, match=r'needs the package rouge-score: pip install "attnrun\[tasks\]"'):
        Rouge()
