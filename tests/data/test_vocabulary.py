"""Vocabularies and the word tokeniser: fixed numbers, exact round trips, specials out of reach of text."""

import json
import random

import pytest

from attnrun.data import tokenisers
from attnrun.data.tokenisers import Word, WordTokeniser
from attnrun.data.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary
from attnrun.data.words import tokenise
from attnrun.errors import UserError

SENTENCES = [["b", "a", "c"], ["a", "b", "d"], ["a", "e"]]


def test_specials_have_the_numbers_that_padding_relies_on():
    assert (PAD, UNK, BOS, EOS) == (0, 1, 2, 3)
    assert [Vocabulary(["x"]).token(number) for number in range(5)] == [*SPECIALS, "x"]


def test_order_is_by_frequency_then_spelling_whatever_the_order_of_the_texts():
    expected = ("a", "b", "c", "d", "e")
    for seed in range(7):
        shuffled = [random.Random(seed).sample(sentence, len(sentence)) for sentence in SENTENCES]
        random.Random(seed).shuffle(shuffled)
        assert Vocabulary.build(shuffled).tokens == expected


def test_rare_tokens_are_unknown_and_the_maximum_counts_specials():
    frequent = Vocabulary.build(SENTENCES, minimum_frequency=2)
    assert frequent.tokens == ("a", "b")
    assert frequent.encode(["b", "c", "a"]) == [5, UNK, 4]
    small = Vocabulary.build(SENTENCES, maximum_size=7)
    assert len(small) == 7
    assert small.tokens == ("a", "b", "c")


@pytest.mark.parametrize(
    ("keys", "named"),
    [({"minimum_frequency": 4}, "minimum_frequency"), ({"maximum_size": 4}, "maximum_size")],
)
def test_an_empty_vocabulary_is_refused(keys, named):
    with pytest.raises(UserError, match=named):
        Vocabulary.build(SENTENCES, **keys)


def test_tokens_spelled_like_specials_are_ordinary():
    vocabulary = Vocabulary.build([[*SPECIALS, "x"]])
    ids = vocabulary.encode(SPECIALS)
    assert min(ids) >= 4
    assert len(set(ids)) == 4
    assert vocabulary.decode(ids) == list(SPECIALS)
    tokeniser = Word(minimum_frequency=1).fit(["<pad> <eos> go"])
    assert min(tokeniser.encode("<pad> <eos>")) >= 4
    assert tokeniser.decode(tokeniser.encode("<pad> <eos>")) == "<pad> <eos>"


def test_duplicates_and_numbers_outside_are_misuse():
    with pytest.raises(ValueError, match="once"):
        Vocabulary(["a", "a"])
    for number in (-1, 5):
        with pytest.raises(ValueError, match="outside"):
            Vocabulary(["a"]).token(number)


def hostile_tokens() -> list[str]:
    return ["\u2028", "\x00", '"', "\\", "\ud800", "é", "e\u0301", "￭a", "😀", "", " ", "<pad>"]


def test_json_is_an_exact_round_trip_through_text():
    vocabulary = Vocabulary(hostile_tokens())
    back = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert back == vocabulary
    assert back.fingerprint() == vocabulary.fingerprint()
    assert back.encode(hostile_tokens()) == list(range(4, 16))


def test_fingerprints_tell_vocabularies_apart():
    made = [
        Vocabulary(tokens).fingerprint()
        for tokens in (["a", "b"], ["b", "a"], ["ab"], ["a", "b", "c"], ['a","b'])
    ]
    assert len(set(made)) == len(made)
    assert all(len(value) == 64 for value in made)
    assert Word(minimum_frequency=1).fit(["a"]).fingerprint() != (
        Word(lowercase=False, minimum_frequency=1).fit(["a"]).fingerprint()
    )


@pytest.mark.parametrize("data", [{}, {"tokens": "ab"}, {"tokens": [1]}, {"tokens": None}])
def test_json_of_something_else_is_refused(data):
    with pytest.raises(ValueError, match="tokens"):
        Vocabulary.from_json(data)
    with pytest.raises(ValueError):
        tokenisers.from_json(data)
    with pytest.raises(ValueError, match=r"no tokeniser of kind 'os\.system'"):
        tokenisers.from_json({"kind": "os.system", **data})


def test_words_join_back_to_the_text():
    text = "L'homme (né à Paris) dit : « Ça va ? » $$ [red]<b>"
    tokeniser = Word(lowercase=False, minimum_frequency=1).fit([text])
    assert tokeniser.decode(tokeniser.encode(text)) == text
    assert tokeniser.decode([BOS, *tokeniser.encode(text), EOS, PAD, PAD]) == text


def test_case_is_levelled_only_when_asked():
    lower = Word(minimum_frequency=1).fit(["Go home."])
    assert lower.encode("GO HOME.") == lower.encode("go home.")
    cased = Word(lowercase=False, minimum_frequency=1).fit(["Go home."])
    assert cased.encode("go Home.")[:2] == [UNK, UNK]


def test_each_number_has_one_label_in_step_with_gold_alignments():
    tokeniser = Word(minimum_frequency=1).fit(["the man's hat."])
    text = "İstanbul: the man's ￭ HAT\u202f!"
    labels = tokeniser.tokens(text)
    assert len(labels) == len(tokeniser.encode(text)) == len(tokenise(text))
    assert labels[-2:] == ["hat", "!"]
    assert labels[3:5] == ["man'", "s"]
    assert tokeniser.labels([BOS, *tokeniser.encode("the zebra"), EOS]) == ["<bos>", "the", "<unk>", "<eos>"]


def test_only_blank_text_has_no_number():
    tokeniser = Word(minimum_frequency=1).fit(["a"])
    assert [len(tokeniser.encode(text)) for text in ("", " \xa0\u2028", "￭", "\x1b", "\u200b")] == [
        0,
        0,
        1,
        1,
        1,
    ]


def test_a_tokeniser_survives_json_and_is_found_by_its_kind():
    tokeniser = Word(maximum_size=11).fit(["Go on, go on.", "On, on!"])
    back = tokenisers.from_json(json.loads(json.dumps(tokeniser.to_json())))
    assert isinstance(back, WordTokeniser)
    assert (back.size, back.fingerprint()) == (tokeniser.size, tokeniser.fingerprint())
    assert back.encode("GO on x") == tokeniser.encode("GO on x")


def test_a_copy_that_begins_with_the_joining_mark_is_joined_once():
    target = Word(minimum_frequency=1).fit(["d'un ami"])
    numbers = [*target.encode("d'"), target.unk]
    for copy in ("anna", "￭anna"):
        assert target.decode_copying(numbers, [None, copy]) == "d'anna"
