"""Filters: what is dropped, why, and that valid and test stay comparable."""

import json
import math

import pytest
from pydantic import TypeAdapter, ValidationError

from attnrun.data import text
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.filters import Filter, Ratio, Report
from attnrun.errors import UserError

LONG = Pair("one two three four five six seven", "un deux")
SHORT = Pair("Hm.", "Bon .")
EVEN = Pair("a b c", "x y z")


def corpus(
    train: list[Pair], valid: list[Pair] = (), test: list[Pair] = (), tokenised: bool = False
) -> Corpus:
    return Corpus("name", "en", "fr", list(train), list(valid), list(test), tokenised)


def train_of(given: Corpus, **keys) -> list[Pair]:
    kept, report = Filter(**keys).apply(given)
    assert report.train.kept == len(kept.train) == report.train.pairs - sum(report.train.dropped.values())
    assert kept.test == given.test
    return kept.train


def test_by_default_nothing_is_dropped():
    given = corpus([LONG, SHORT, EVEN, EVEN], [EVEN], [EVEN, LONG])
    kept, report = Filter().apply(given)
    assert kept == given
    assert report.summary() == "4 training pairs: 4 kept"
    assert report.examples == ()


def test_lengths_are_of_each_side_and_the_ratio_of_the_longer():
    given = corpus([LONG, LONG.reversed(), SHORT, EVEN])
    assert train_of(given, maximum_words=7) == given.train
    assert train_of(given, maximum_words=6) == [SHORT, EVEN]
    assert train_of(given, minimum_words=2) == given.train  # a full stop counts as a word
    assert train_of(given, minimum_words=3) == [EVEN]
    assert train_of(given, maximum_ratio=3.5) == given.train
    assert train_of(given, maximum_ratio=3.4) == [SHORT, EVEN]
    assert train_of(given, maximum_ratio=1) == [SHORT, EVEN]


def test_words_of_tokenised_text_stand_between_spaces():
    assert train_of(corpus([SHORT, EVEN], tokenised=True), minimum_words=2) == [EVEN]


def test_lengths_and_ratio_leave_valid_and_test_alone():
    given = corpus([LONG, EVEN], [LONG], [LONG, SHORT])
    kept, report = Filter(maximum_words=3, maximum_ratio=2, minimum_words=3).apply(given)
    assert (kept.train, kept.valid, kept.test) == ([EVEN], [LONG], [LONG, SHORT])
    assert report.valid.dropped == {}


def test_the_splits_share_no_sentence_after_deduplication():
    train = [Pair(f"s {n}", f"t {n}") for n in range(11)]
    valid = [Pair("S  3", "new"), Pair("other", "in test"), Pair("fresh", "fresh"), Pair("fresh", "fresh")]
    test = [Pair("new too", "T 5"), Pair("x", "IN\xa0TEST"), Pair("x", "in test")]
    kept, report = Filter(deduplicate=True).apply(corpus([*train, train[7], train[0]], valid, test))
    assert kept.train == [pair for n, pair in enumerate(train) if n not in (3, 5)]
    assert kept.valid == [valid[0], *valid[2:]]
    assert kept.test == test
    assert report.train.dropped == {"sharing a sentence with valid or test": 2, "repeated": 2}
    assert report.valid.dropped == {"sharing a sentence with test": 1}
    assert [(example.split, example.index, example.target) for example in report.examples] == [
        ("train", 3, "t 3"),
        ("train", 5, "t 5"),
        ("train", 11, "t 7"),
        ("train", 12, "t 0"),
        ("valid", 1, "in test"),
    ]


def test_a_pair_dropped_from_valid_costs_no_training_pair():
    given = corpus(
        [Pair("a", "only in valid")], [Pair("in test", "only in valid"), EVEN], [Pair("in test", "b")]
    )
    kept, _ = Filter(deduplicate=True).apply(given)
    assert (kept.train, kept.valid) == (given.train, [EVEN])


def test_only_equal_pairs_are_repeated():
    given = [Pair("a", "b"), Pair("a", "c"), Pair("d", "b"), Pair("A ", "ｂ"), Pair("b", "a")]
    assert train_of(corpus(given), deduplicate=True) == [*given[:3], given[4]]


def report_of(count: int) -> Report:
    pairs = [Pair("w " * 51 + str(n), "w " * 50) for n in range(count)]
    pairs += [Pair(f"a b c d {n}", "x") for n in range(30)]
    return Filter(maximum_words=50, maximum_ratio=3).apply(corpus(pairs + [EVEN] * 2000))[1]


def test_the_report_counts_every_pair_and_shows_some_for_each_reason():
    report = report_of(41)
    assert report.summary() == (
        "2,071 training pairs: 2,000 kept; 41 longer than 50 words, 30 of ratio over 3"
    )
    data = json.loads(json.dumps(report.to_json()))
    assert data["train"] == {
        "pairs": 2071,
        "kept": 2000,
        "dropped": {"longer than 50 words": 41, "of ratio over 3": 30},
    }
    assert len(data["examples"]) == 40
    assert data["examples"][20] == {
        "split": "train",
        "index": 41,
        "source": "a b c d 0",
        "target": "x",
        "reason": "of ratio over 3",
    }


def test_a_filter_that_leaves_nothing_names_the_key():
    with pytest.raises(
        UserError, match=r"^2 training pairs: 0 kept; 2 shorter.*relax filter\.minimum_words=9$"
    ):
        Filter(minimum_words=9).apply(corpus([LONG, EVEN]))
    with pytest.raises(UserError, match=r"1 validation pairs: 0 kept.*relax filter\.deduplicate=true"):
        Filter(deduplicate=True).apply(corpus([LONG], [EVEN], [EVEN]))
    with pytest.raises(UserError, match=r"filter\.minimum_words=3 is more than filter\.maximum_words=2"):
        Filter(minimum_words=3, maximum_words=2)
    Filter(minimum_words=3, maximum_words=3)


@pytest.mark.parametrize("ratio", [0.99, 0, -1, math.nan, "x"])
def test_a_ratio_below_one_is_no_ratio(ratio):
    with pytest.raises(ValidationError):
        TypeAdapter(Ratio).validate_python(ratio)


def test_links_and_tags_stay_with_their_pairs():
    linked = Pair("a b", "c", ((0, 0),), ("A", "B"), ("C",), ((1, 0),), "C!")
    assert train_of(corpus([LONG, linked]), maximum_words=3, deduplicate=True) == [linked]


@pytest.mark.slow
def test_real_tatoeba_pairs_are_filtered(real_data):
    given = text.tsv(path=str(real_data / "fra-eng" / "fra-eng.zip"))
    assert sum(len(part) for part in (given.train, given.valid, given.test)) == 167_130
    _, report = Filter(maximum_words=50, maximum_ratio=2.5, deduplicate=True).apply(given)
    assert report.valid.dropped == {}  # the splits are made so that they share no sentence
    assert set(report.train.dropped) == {"longer than 50 words", "of ratio over 2.5", "repeated"}
    assert report.train.pairs == 165_130
