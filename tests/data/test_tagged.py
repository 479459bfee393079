"""Sentences with tags: treebanks, files of lines, and words that endings stand for."""

from pathlib import Path

import pytest

from attnrun.data.tagged import Tagged, Words, conllu, phrase_tags, tag_lines
from attnrun.errors import UserError


@pytest.fixture(scope="module")
def some():
    return phrase_tags(0, limit=50)


def test_the_embedded_corpus_has_a_tag_for_each_token(some):
    assert len(some.train) == 50 and some.split == "words"
    assert all(len(one.tokens) == len(one.tags) > 0 for one in (*some.train, *some.valid, *some.test))
    assert {"NOUN", "VERB", "DET"} < set(some.tags)


def test_a_treebank(real_data: Path):
    data = conllu(0, path=str(real_data / "tagging/web.conllu.gz"))
    assert data == conllu(5, path=str(real_data / "tagging/web.conllu.gz"))
    whole = [*data.train, *data.valid, *data.test]
    first = next(one for one in whole if one.tokens[:2] == ("Burda", "da"))
    assert first.tags == ("PRON", "PRT", "VERB", "CONJ", "VERB", "PRT", "PUNCT")
    language = conllu(0, path=str(real_data / "tagging/web.conllu.gz"), tag=5)
    assert sum(map(len, whole)) == sum(map(len, [*language.train, *language.valid, *language.test]))
    assert {"NN", "VB"} < set(language.tags)


def test_lines_of_tokens_and_tags(real_data: Path):
    data = tag_lines(0, path=str(real_data / "bible-grc-en/nt.grc.pos.tsv.gz"), tokens=2, tags=3)
    assert len(data.train) + len(data.valid) + len(data.test) == 7919 and len(data.tags) == 11


def test_a_file_of_two_columns_with_comments_and_no_end(tmp_path: Path):
    sentences = "".join(f"a{n}\tX\n1.1\tY\n\n\n" for n in range(60))
    (tmp_path / "a.txt").write_text(f"# what it is\n{sentences}last\tX")
    data = conllu(0, path=str(tmp_path / "a.txt"), token=1, tag=2)
    assert len(data.train) + len(data.valid) + len(data.test) == 61
    assert data.train[0].tags == ("X", "Y")  # ranges and empty nodes are CoNLL-U's, whose first column counts


def test_a_token_in_the_first_column_may_begin_as_a_comment_does(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"# number {n}\n#go{n}\tX\nnow\tY\n\n" for n in range(60)))
    data = conllu(0, path=str(tmp_path / "a.txt"), token=1, tag=2)
    assert all(one.tokens[0].startswith("#go") and one.tags == ("X", "Y") for one in data.train)


def test_ranges_and_empty_nodes_of_conllu_are_no_tokens(tmp_path: Path):
    one = "1-2\tim\t_\t_\n1\tin\tin\tADP\n2\tdem\tder\tDET\n2.1\tx\tx\tVERB\n\n"
    (tmp_path / "a.conllu").write_text(one * 2 + "".join(f"1\ta{n}\t_\tX\n\n" for n in range(60)))
    data = conllu(0, path=str(tmp_path / "a.conllu"))
    assert Tagged(("in", "dem"), ("ADP", "DET")) in [*data.train, *data.valid, *data.test]


@pytest.mark.parametrize(
    "text, keys, message",
    [
        (
            "1\tin\tin\tADP\n2\tdem\n",
            {},
            r"a.txt:2: expected a token in column 2 and a tag in column 4; ",
        ),
        ("1\tin\tin\t\n", {}, r"a.txt:1: expected a token in column 2 and a tag"),
        ("1\tin\tin\tADP\n", {}, r"a.txt: too few to part by data.valid=0.1"),
    ],
)
def test_treebanks_of_every_wrong_kind(text: str, keys: dict[str, int], message: str, tmp_path: Path):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        conllu(0, path=str(tmp_path / "a.txt"), **keys)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a b\tX Y\na b\tX\n", r"a.txt:2: 2 tokens, 1 tag$"),
        ("a b\tX Y\na b\n", r"a.txt:2: 1 column between tabs, and column 2 is asked for"),
        ("a b\tX Y\n\t\n", r"a.txt:2: nothing in the column of data.tokens"),
    ],
)
def test_lines_of_every_wrong_kind(text: str, message: str, tmp_path: Path):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        tag_lines(0, path=str(tmp_path / "a.txt"))


def test_a_rare_word_counts_as_the_longest_ending_that_is_known():
    tokens = ["go", "go", "walking", "talking", "Parking", "Barking", "xyz"]
    known = Words.fit([Tagged(tuple(tokens), ("X",) * len(tokens))], 2)
    go, walking, talking, parking, xyz = known.encode(["go", "walking", "talking", "Parking", "xyz"])
    assert walking == talking != parking and len({go, walking, parking, xyz}) == 4
    assert known.encode(["singing", "thong", "Singing"]) == [walking, known.encode(["thong"])[0], parking]
    assert known.encode(["thong"]) != [walking] and known.encode(["qqq"]) == [1] == [xyz]
