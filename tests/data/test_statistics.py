"""Figures of a corpus, counted by hand for a small one."""

import json
from dataclasses import replace

import pytest

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.statistics import Gold, Shared, describe
from attnrun.data.subwords import Bpe
from attnrun.data.tokenisers import Word
from attnrun.errors import UserError

TRAIN = [
    Pair("the cat sleeps .", "le chat dort .", ((0, 0), (1, 1), (2, 2)), possible=((3, 3),)),
    Pair("the cat .", "le chat .", ((0, 0),)),
    Pair("the cat .", "un chat ."),
]
VALID = [Pair("The  CAT .", "il dort ."), Pair("a dog runs !", "le chien court vite !")]
TEST = [Pair("a dog sleeps .", "un chien dort .")]
CORPUS = Corpus("mine", "en", "fr", TRAIN, VALID, TEST)
EVERY = Word(minimum_frequency=1)


def test_sizes_and_lengths_are_counted_by_sentence() -> None:
    found = describe(CORPUS, EVERY)
    train = found.splits["train"]
    assert (train.pairs, train.source.distinct, train.target.distinct) == (3, 2, 3)
    assert (train.source.tokens, train.source.types) == (10, 4)
    assert train.source.lengths.tolist() == [4, 3, 3]
    assert (train.source.mean, train.source.median, train.source.longest) == (pytest.approx(10 / 3), 3, 4)
    assert (found.source_vocabulary, found.target_vocabulary) == (8, 9)


def test_ninety_five_percent_is_a_length_that_occurs() -> None:
    pairs = [Pair("a " * n, "b") for n in range(1, 41)]
    side = describe(replace(CORPUS, train=pairs, valid=[], test=[]), EVERY).splits["train"].source
    assert (side.median, side.percentile_95, side.longest) == (20, 38, 40)


def test_unknown_words_are_those_that_train_lacks() -> None:
    valid = describe(CORPUS, EVERY).splits["valid"]
    assert valid.source.unknown_tokens == pytest.approx(4 / 7)  # a dog runs !
    assert valid.source.unknown_types == pytest.approx(4 / 7)
    assert valid.source.unknown_sentences == 0.5
    assert valid.target.unknown_sentences == 1.0


def test_a_rare_word_is_unknown_in_train_too() -> None:
    train = describe(CORPUS, Word(minimum_frequency=2)).splits["train"].source
    assert (train.types, train.unknown_types) == (4, 0.25)  # sleeps
    assert train.unknown_tokens == pytest.approx(1 / 10)


def test_a_repeated_sentence_weighs_as_often_as_it_occurs() -> None:
    corpus = replace(CORPUS, valid=[Pair("a dog", "x")] * 3 + [Pair("the cat", "y")])
    valid = describe(corpus, EVERY).splits["valid"].source
    assert (valid.unknown_sentences, valid.unknown_tokens, valid.distinct) == (0.75, 0.75, 2)


def test_sentences_of_several_splits_are_found_whatever_their_case_and_spaces() -> None:
    splits = describe(CORPUS, EVERY).splits
    assert splits["train"].shared == Shared(source=2, target=0, both=0)
    assert splits["valid"].shared == Shared(source=1, target=0, both=0)
    again = replace(CORPUS, test=[*TEST, Pair("THE cat .", "un  chat .")])
    assert describe(again, EVERY).splits["test"].shared == Shared(source=1, target=1, both=1)


def test_one_pair_must_hold_both_sides_to_be_shared() -> None:
    corpus = replace(CORPUS, valid=[], test=[Pair("the cat sleeps .", "un chat .")])
    assert describe(corpus, EVERY).splits["test"].shared == Shared(source=1, target=1, both=0)


def test_gold_links_are_a_mean_over_the_pairs_that_have_some() -> None:
    splits = describe(CORPUS, EVERY).splits
    assert splits["train"].gold == Gold(pairs=2, sure=2.0, possible=0.5)
    assert splits["valid"].gold is None


def test_ratio_is_target_over_source() -> None:
    pairs = [Pair("a b", "x y z"), Pair("a", "x y")]
    split = describe(replace(CORPUS, train=pairs, valid=[], test=[]), EVERY).splits["train"]
    assert split.ratio == pytest.approx(5 / 3)
    assert 1.5 < split.ratio_low < split.ratio_high < 2


def test_a_split_without_pairs_is_left_out_and_json_is_plain() -> None:
    data = describe(replace(CORPUS, test=[]), EVERY).to_json()
    assert list(data["splits"]) == ["train", "valid"]
    assert "lengths" not in json.dumps(data)
    assert data["splits"]["train"]["shared"] == {"source": 2, "target": 0, "both": 0}


def test_a_joint_subword_vocabulary_knows_all_but_new_characters() -> None:
    corpus = replace(CORPUS, train=[*TRAIN, *TEST], valid=[Pair("cat", "chat"), Pair("cat ß", "chat ß ß")])
    found = describe(corpus, Bpe(size=60))
    assert found.source_vocabulary == found.target_vocabulary
    assert found.joint and found.to_json()["joint"] and not describe(corpus, EVERY).joint
    assert found.splits["train"].source.unknown_tokens == 0
    assert found.splits["valid"].source.unknown_sentences == 0.5
    assert found.splits["valid"].source.unknown_types == pytest.approx(1 / found.splits["valid"].source.types)


def test_tokenised_texts_are_not_split_again() -> None:
    corpus = replace(CORPUS, train=[Pair("it &apos;s low-key", "c&apos; est")], valid=[], test=[])
    lengths = [
        describe(replace(corpus, tokenised=tokenised), EVERY).splits["train"].source.longest
        for tokenised in (True, False)
    ]
    assert lengths == [3, 8]


def test_no_vocabulary_is_a_mistake_that_names_the_key() -> None:
    with pytest.raises(UserError, match=r"tokeniser\.minimum_frequency=9"):
        describe(CORPUS, Word(minimum_frequency=9))
