"""Texts with summaries: a user's file, sentences, and numbers for words that no vocabulary has."""

from pathlib import Path
from typing import Any

import pytest

from attnrun.data.subwords import Characters
from attnrun.data.summaries import Reading, Summarised, encode, first_sentence, summaries, to_fit
from attnrun.data.tokenisers import Word, WordTokeniser
from attnrun.errors import UserError

ROWS = [f"{n}\tThe text number {n} is long.\tText {n}" for n in range(60)]


def written(place: Path, lines: list[str]) -> str:
    (place / "texts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(place / "texts.tsv")


def test_a_file_by_numbers_and_by_names_of_columns(tmp_path: Path) -> None:
    found = summaries(0, path=written(tmp_path, ROWS), text=2, summary=3)
    whole = [*found.train, *found.valid, *found.test]
    assert sorted(whole) == sorted(Summarised(*row.split("\t")[1:]) for row in ROWS)
    assert found == summaries(9, path=written(tmp_path, ROWS), text=2, summary=3)
    named = written(tmp_path, ["n\tlong\tshort", *ROWS])
    assert found == summaries(0, path=named, text="long", summary="short")
    assert summaries(0, path=named, text="long", summary="short", limit=7).train == found.train[:7]
    moved = written(tmp_path, ROWS[::-1])  # what is held out does not depend on the order
    assert sorted(summaries(0, path=moved, text=2, summary=3).test) == sorted(found.test)


def test_one_text_with_several_summaries_is_in_one_split(tmp_path: Path) -> None:
    rows = [f"Text {n % 30}.\tsummary {n}" for n in range(90)]
    found = summaries(0, path=written(tmp_path, rows), valid=0.2, test=0.2)
    parts = [{one.text for one in part} for part in (found.train, found.valid, found.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30


@pytest.mark.parametrize(
    "lines, keys, message",
    [
        (ROWS, {"text": 2, "summary": 4}, r"texts\.tsv:1: 3 columns between tabs, and column 4 is asked for"),
        (ROWS, {"text": 2, "summary": 2}, "data.text=2 and data.summary=2 are the same column"),
        (ROWS, {"text": 0}, "data.text=0: columns are numbered from 1"),
        (["a\tb", *ROWS], {"text": "a", "summary": "c"}, "no column 'c' for data.summary"),
        ([*ROWS, "60\t \tText"], {"text": 2, "summary": 3}, r"tsv:61: nothing in the column of data\.text"),
        ([*ROWS, "60\tText\t"], {"text": 2, "summary": 3}, r"tsv:61: nothing in the column of data\.summary"),
        (ROWS[:2], {}, r"texts\.tsv: too few to part by data\.valid=0\.1 and data\.test=0\.1"),
        (["only text"], {}, r"texts\.tsv:1: 1 column between tabs"),
    ],
)
def test_faults_of_a_file(lines: list[str], keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        summaries(0, path=written(tmp_path, lines), **keys)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"no file nowhere\.tsv"):
        summaries(0, path="nowhere.tsv")


def test_where_the_first_sentence_ends() -> None:
    ends = {
        "It rained. Then it cleared.": "It rained.",
        "One sentence of 3.5 metres": "One sentence of 3.5 metres",
        "“Really?” she said. No.": "“Really?”",
        "下雨了。天晴了。": "下雨了。",
        "他說「好。」走了。": "他說「好。」",
        "Τι λες; Ναι. Όχι.": "Τι λες; Ναι.",
    }
    assert {text: first_sentence(text) for text in ends} == ends


def words(lowercase: bool = False) -> WordTokeniser:
    return Word(lowercase=lowercase, minimum_frequency=1).fit(["the ring of the king, and the queen"])


def test_unknown_words_are_numbered_as_they_come_and_spelled_again() -> None:
    tokeniser = words()
    reading = Reading.of(tokeniser, "Zoe gave Kim the ring, Zoe the king.", 50)
    size = tokeniser.size
    assert reading.unknown == ["Zoe", "gave", "Kim", "."]
    assert reading.numbers[:3] == [size, size + 1, size + 2] and reading.numbers[6] == size
    summary = reading.encode("the ring of Kim and Bob, Zoe", 50)
    assert summary[3] == size + 2 and summary[5] == tokeniser.unk and summary[-1] == size
    assert reading.decode(summary) == "the ring of Kim and <unk>, Zoe"
    assert reading.labels(summary) == ["the", "ring", "of", "Kim", "and", "<unk>", ",", "Zoe"]
    assert reading.encode("the ring of Kim and Bob", 4) == summary[:4]


def test_what_is_cut_off_is_not_there_to_copy() -> None:
    reading = Reading.of(words(), "the ring Zoe Kim", 3)
    assert reading.unknown == ["Zoe"] and len(reading.numbers) == 3
    assert words().unk in reading.encode("Kim", 5)


def test_pieces_of_words_are_read_as_they_are() -> None:
    tokeniser = Characters(lowercase=False).fit(["abc cab"])
    reading = Reading.of(tokeniser, "cab z", 50)
    assert reading.numbers == tokeniser.encode("cab z") and reading.unknown == []
    assert reading.decode(reading.encode("abc", 50)) == "abc"
    assert len(reading.labels(reading.numbers)) == len(reading.numbers)


def test_batches_hold_texts_and_summaries_in_one_numbering() -> None:
    tokeniser = words()
    rows = [Summarised("the king Zoe", "Zoe and Bob"), Summarised("Ann the queen", "Ann")]
    pairs = encode(tokeniser, rows, 50, 2)
    assert pairs.source[0][2] == pairs.target[0][1] == pairs.source[1][0] == tokeniser.size
    assert [len(pairs.target[row]) for row in (0, 1)] == [4, 3]  # two words and the ends
    assert (pairs.target[0][0], pairs.target[0][-1]) == (tokeniser.bos, tokeniser.eos)


def test_a_word_that_only_a_text_and_its_summary_have_is_rare() -> None:
    rows = [Summarised("Zoe met the king.", "Zoe, king: news"), Summarised("The king saw Kim.", "king: news")]
    assert list(to_fit(rows)) == [rows[0].text, ["Zoe,", "king:", "news"][0] + " king: news", rows[1].text,
                                  "king: news"]  # fmt: skip
    tokeniser = Word(lowercase=False, minimum_frequency=2).fit(to_fit(rows))
    assert "king" in tokeniser.vocabulary and "news" in tokeniser.vocabulary
    assert "Kim" not in tokeniser.vocabulary


def test_a_row_of_dots_takes_no_time() -> None:
    assert first_sentence("." * 100_000) == "." * 100_000
    assert first_sentence("One." + "." * 100_000 + " Two.") == "One." + "." * 100_000
