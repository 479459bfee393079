"""Subwords: exact round trips, specials out of reach of text, one vocabulary for both sides."""

import gzip
import json
import random
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest

from attnrun.data import tokenisers
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.subwords import Bpe, BpeTokeniser, Characters
from attnrun.data.tokenisers import Word, fit_sides
from attnrun.data.vocabulary import BOS, EOS, PAD, UNK
from attnrun.errors import UserError
from attnrun.launch.config import check, compose

TEXTS = [
    "the lowest newest tower, the widest.",
    "l'homme dort: <unk> <pad>!",
    "newer, lower &apos;s low-lying",
] * 3


def test_any_text_of_known_characters_comes_back_exactly() -> None:
    tokeniser = Bpe(size=61, lowercase=False).fit(TEXTS)
    letters = sorted(set("".join(TEXTS)))
    draw = random.Random(3)
    for _ in range(500):
        text = " ".join("".join(draw.choices(letters, k=draw.randrange(1, 9))) for _ in range(5))
        ids = tokeniser.encode(text)
        assert tokeniser.decode(ids) == " ".join(text.split())
        assert tokeniser.decode([BOS, *ids, EOS, PAD]) == " ".join(text.split())
        assert UNK not in ids
        assert len(tokeniser.tokens(text)) == len(ids) == len(tokeniser.labels(ids))


def test_frequent_words_are_whole_and_rare_ones_in_pieces() -> None:
    tokeniser = Bpe(size=200).fit(["the lower the better"] * 50 + ["newest lowland"])
    assert tokeniser.tokens("the lower") == ["▁the", "▁lower"]
    pieces = tokeniser.tokens("lowland")
    assert len(pieces) > 1
    assert "".join(pieces) == "▁lowland"


def test_a_token_spelled_like_the_librarys_unknown_is_refused() -> None:
    data = Bpe(size=83).fit(TEXTS).to_json()
    for token in ("<unk> ", "\ud800"):
        with pytest.raises(ValueError):
            tokenisers.from_json(data | {"tokens": [*data["tokens"], token]})


def test_pieces_that_meet_too_rarely_stay_apart() -> None:
    texts = ["x<unk> y<unk> z<unk>"] * 50
    learned = Bpe(size=60, minimum_frequency=1, split="spaces").fit(texts)
    assert "<unk>" in learned.vocabulary
    assert UNK not in learned.encode("<unk>")
    rare = Bpe(size=60, minimum_frequency=500, split="spaces").fit(texts)
    assert all(len(token) == 1 for token in rare.vocabulary.tokens)


def test_text_spelled_like_a_special_is_text() -> None:
    texts = ["<unk> " * 50, "<pad> <bos>", "<eos>x"]
    tokeniser = Bpe(size=97).fit([*TEXTS, *texts])
    for text in texts:
        assert min(tokeniser.encode(text)) >= 4
        assert tokeniser.decode(tokeniser.encode(text)) == text.strip()


def test_an_unseen_character_is_unknown_and_keeps_its_place() -> None:
    tokeniser = Bpe(size=97).fit(TEXTS)
    ids, labels = tokeniser.encode("the ☃ tower"), tokeniser.tokens("the ☃ tower")
    assert [label for number, label in zip(ids, labels, strict=True) if number == UNK] == ["☃"]
    assert tokeniser.decode(ids) == "the <unk> tower"
    assert tokeniser.encode("\ud800") == tokeniser.encode("?")


@pytest.mark.parametrize(("split", "whole"), [("words", False), ("spaces", True)])
def test_only_a_split_at_spaces_joins_a_letter_to_a_mark(split, whole) -> None:
    tokeniser = Bpe(size=300, split=split).fit(["it &apos;s here"] * 20)
    assert ("▁&apos;s" in tokeniser.tokens("&apos;s")) is whole


def test_the_mark_of_a_space_is_no_letter() -> None:
    tokeniser = Bpe(size=97).fit([*TEXTS, "_"])
    assert tokeniser.decode(tokeniser.encode("the▁tower")) == "the_tower"


def test_only_blank_text_has_no_number() -> None:
    tokeniser = Bpe(size=97).fit(TEXTS)
    assert [bool(tokeniser.encode(text)) for text in ("", " \xa0\u2028\t", "▁", "\x1b")] == [
        False,
        False,
        True,
        True,
    ]


def test_too_small_a_size_names_the_least() -> None:
    with pytest.raises(UserError, match=r"tokeniser\.size=11 .* at least (\d+)") as caught:
        Bpe(size=11).fit(TEXTS)
    least = int(str(caught.value).rsplit(" ", 1)[1])
    assert Bpe(size=least).fit(TEXTS).size == least
    with pytest.raises(UserError):
        Bpe(size=least - 1).fit(TEXTS)


def test_the_same_texts_give_the_same_tokeniser_in_another_process() -> None:
    program = f"from attnrun.data.subwords import Bpe; print(Bpe(size=83).fit({TEXTS!r}).fingerprint())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == Bpe(size=83).fit(TEXTS).fingerprint(), done.stderr


def test_it_survives_json_and_is_found_by_its_kind() -> None:
    tokeniser = Bpe(size=83, split="spaces", lowercase=False).fit(TEXTS)
    back = tokenisers.from_json(json.loads(json.dumps(tokeniser.to_json())))
    assert isinstance(back, BpeTokeniser)
    assert (back.size, back.fingerprint()) == (83, tokeniser.fingerprint())
    assert back.encode("the new LOW ☃") == tokeniser.encode("the new LOW ☃")


@pytest.mark.parametrize(
    "change",
    [
        {"merges": [["a"]]},
        {"merges": None},
        {"merges": [["q", "q"]]},
        {"split": "x"},
        {"lowercase": 1},
        {"kind": []},
    ],
)
def test_json_of_something_else_is_refused(change) -> None:
    with pytest.raises(ValueError):
        tokenisers.from_json(Bpe(size=83).fit(TEXTS).to_json() | change)


HARD = [
    "Čeština, naïve café – „Größe“",
    "🙂👩‍👩‍👧 ok 👍🏽!",
    "我喜欢吃苹果。他不喜欢。",
    "e\u0301 ﬁ ﷺ ½",
    "a<unk>b 3.14",
]


@pytest.mark.parametrize(
    "recipe", [Bpe(size=150, lowercase=False), Bpe(size=150, lowercase=False, split="spaces"), Characters()]
)
def test_accents_emoji_and_text_without_spaces_come_back_exactly(recipe) -> None:
    tokeniser = tokenisers.from_json(json.loads(json.dumps(recipe.fit(HARD * 2).to_json())))
    for text in [*HARD, *(text[::-1].strip() for text in HARD)]:
        ids = tokeniser.encode(text)
        assert UNK not in ids
        assert tokeniser.decode(ids) == text


@pytest.mark.parametrize("recipe", [Bpe(size=900, lowercase=False), Characters()], ids=["bpe", "characters"])
def test_real_text_comes_back_exactly(recipe, real_data) -> None:
    with gzip.open(real_data / "multi30k/raw/train.de.gz", "rt", encoding="utf-8") as stream:
        texts = [" ".join(line.split()) for line in islice(stream, 500)]
    tokeniser = recipe.fit(texts)
    assert [tokeniser.decode(tokeniser.encode(text)) for text in texts] == texts


def test_characters_are_one_number_each() -> None:
    tokeniser = Characters(minimum_frequency=2).fit(["ab ab", "ac"])
    assert tokeniser.tokens("ab c") == ["▁", "a", "b", "▁", "c"]
    assert [number == UNK for number in tokeniser.encode("ab c")] == [False, False, False, False, True]
    assert tokeniser.size == 4 + 3  # space, a and b
    assert Characters(lowercase=True).fit(["AB"]).tokens("Ba") == ["▁", "b", "a"]
    with pytest.raises(UserError, match=r"tokeniser\.minimum_frequency=9"):
        Characters(minimum_frequency=9).fit(["ab ab"])


@pytest.mark.parametrize("recipe", [Bpe(size=40, joint=False), Characters()], ids=["bpe", "characters"])
def test_vocabularies_of_their_own_hold_their_own_language_alone(recipe) -> None:
    corpus = Corpus("", "en", "zh", [Pair("go home now", "回家")] * 5, [], [])
    source, target = fit_sides(recipe, corpus)
    assert source.encode("go") and UNK not in source.encode("go") and UNK in target.encode("go")
    assert UNK not in target.encode("回") and UNK in source.encode("回")


def test_a_joint_recipe_makes_one_tokeniser_of_both_sides() -> None:
    corpus = Corpus("", "en", "fr", [Pair("go home now", "va chez toi"), Pair("go now", "va")], [], [])
    source, target = fit_sides(Word(minimum_frequency=1, joint=True), corpus)
    assert source is target
    assert UNK not in source.encode("go va toi")
    source, target = fit_sides(Word(minimum_frequency=1), corpus)
    assert source.encode("va") == [UNK]
    assert UNK not in target.encode("va")


def test_the_textbooks_words_end_before_its_four_stops_and_nowhere_else() -> None:
    tokeniser = Word(minimum_frequency=1, split="stops").fit(["J'ai perdu\u202f! Hi, it's me.Go"])
    assert tokeniser.tokens("J'ai perdu\u202f!") == ["j'ai", "perdu", "!"]
    assert tokeniser.tokens("Hi, it's me.Go?") == ["hi", ",", "it's", "me", ".go", "?"]
    assert tokeniser.decode(tokeniser.encode("Hi, it's me!")) == "hi , it's me !"


def test_words_of_tokenised_text_are_what_stands_between_spaces() -> None:
    tokeniser = Word(minimum_frequency=1, split="spaces").fit(["the man &apos;s low-lying , dog ."])
    assert tokeniser.tokens("man &apos;s .") == ["man", "&apos;s", "."]
    assert tokeniser.decode(tokeniser.encode("the &apos;s  low-lying .")) == "the &apos;s low-lying ."
    back = tokenisers.from_json(json.loads(json.dumps(tokeniser.to_json())))
    assert back.encode("man &apos;s") == tokeniser.encode("man &apos;s")


@pytest.mark.parametrize("recipe", [Word(minimum_frequency=1), Bpe(size=200)], ids=["word", "bpe"])
def test_tokens_of_a_tokenised_corpus_are_not_split_again(recipe) -> None:
    corpus = Corpus("", "en", "fr", [Pair("it &apos;s low-key", "c&apos; est")] * 9, [], [])
    lengths = {}
    for tokenised in (False, True):
        source, _ = fit_sides(recipe, replace(corpus, tokenised=tokenised))
        lengths[tokenised] = len(source.encode("it &apos;s low-key"))
    assert lengths[True] < lengths[False]


@pytest.mark.parametrize(
    "key", ["tokeniser.size=2000000", "tokeniser.minimum_frequency=9999999999999999999999"]
)
def test_a_size_beyond_reason_is_refused(key: str) -> None:
    with pytest.raises(UserError, match=key.partition("=")[0].replace(".", r"\.")):
        check(compose("translation", ["tokeniser=bpe", key]))
