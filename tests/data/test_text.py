"""Reading corpora: pairs never shift, and faults are named by file and line."""

import bz2
import gzip
import lzma
import os
import random
import re
import zipfile
from pathlib import Path

import pytest

from attnrun.data import jsonl, reading, text
from attnrun.data.corpus import Corpus, Pair
from attnrun.data.words import join, tokenise
from attnrun.errors import UserError
from attnrun.launch.corpora import find

# Everything that other readers take for the end of a line, of a field, of a file, or for an instruction.
HOSTILE = [
    *"\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff\u202f\xa0\u200b\u202e\x1b\x07\x7f\x1a",
    *['"', "'", '"""', ",", ";", "\\t", "\\n", "\\", "$$", "$x$", "{{", "%s", "<b>", "[red]", "[/]", "#"],
    *[
        "\x1b[31m",
        "<pad>",
        "<eos>",
        "<unk>",
        "￭",
        "￭a",
        "|",
        "&amp;",
        "😀",
        "e\u0301",
        "İ",
        "ﬁ",
        "中文",
        "עברית",
    ],
    *[" ", "  ", "a", "word", "l'homme", "NA", "null", "0", "-", "...", "\ud7ff", "\U0010ffff"],
]


def write(directory: Path, content: str | bytes, name: str = "pairs.tsv") -> str:
    file = directory / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def lines(count: int) -> str:
    return "".join(f"source {n}\ttarget {n}\n" for n in range(count))


def pairs_of(corpus: Corpus) -> list[Pair]:
    return corpus.train + corpus.valid + corpus.test


def fault(path: str, **keys) -> str:
    with pytest.raises(UserError) as caught:
        text.tsv(path=path, **keys)
    message = str(caught.value)
    assert "\n" not in message
    return message


def hostile_lines(count: int) -> list[tuple[str, str]]:
    chance = random.Random(7)
    return [
        (
            f"s{n}" + "".join(chance.choices(HOSTILE, k=chance.randrange(9))) + f"s{n}",
            "".join(chance.choices(HOSTILE, k=chance.randrange(9))) + f"t{n}",
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_hostile_lines_pass_unchanged_and_never_shift(tmp_path, end):
    given = hostile_lines(2000)
    path = write(tmp_path, end.join(f"{source}\t{target}" for source, target in given))
    read = pairs_of(text.tsv(path=path))
    assert {(pair.source, pair.target) for pair in read} == set(given)
    assert len(read) == len(given)


def test_hostile_lines_in_a_pair_of_files_never_shift(tmp_path):
    given = hostile_lines(2000)
    for side, suffix in ((0, "en"), (1, "fr")):
        write(tmp_path, "\n".join(pair[side] for pair in given) + "\n", f"pairs.{suffix}")
    read = pairs_of(text.files(path=str(tmp_path / "pairs"), source="en", target="fr"))
    assert sorted((pair.source, pair.target) for pair in read) == sorted(given)


def test_hostile_text_survives_tokenising_up_to_white_space():
    for source, target in hostile_lines(500):
        for sentence in (source, target):
            assert join(tokenise(sentence)).split() == sentence.replace("￭", "■").split()


def test_no_break_spaces_part_tokens():
    assert tokenise("Ça va\u202f? Oui\xa0!") == ["Ça", "va", "?", "Oui", "!"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\tb\nno tab\n", ":2: no tab between source and target"),
        ("a\tb\n\nc\td\n", ":2: no tab"),
        ("a\tb\n \t d\n", ":2: the source is empty"),
        ("a\tb\nc\t\xa0\n", ":2: the target is empty"),
        (b"a\tb\nab\xff\tc\n", ":2: not UTF-8 at byte 2"),
        (b"\xef\xbb\xbfab\xff\tc\n", ":1: not UTF-8 at byte 5"),
        ("a\tb\n".encode("utf-16"), "looks like UTF-16"),
        (lzma.compress(b"a\tb\n"), "looks like xz"),
        (bz2.compress(b"a\tb\n"), "looks like bzip2"),
        (b"a\tb\nc\x00\td\n", ":2: a NUL byte"),
        ("a\tb\n" + "x" * 100_001 + "\ty\n", ":2: the line has more than 100,000 characters"),
        ("a\tb\n" + "é" * 400_001 + "\ty\n", ":2: the line has more than 100,000 characters"),
        ("", "is empty"),
        ("\ufeff", "is empty"),
        ("\n\r\n\n", "is empty"),
        ("a\tb\nc\td\n", "too few"),
        ('{"en": "a", "fr": "b"}\n', ":1: no tab between source and target; corpus=jsonl reads JSON lines"),
    ],
)
def test_faults_are_named_with_file_and_line(tmp_path, content, expected):
    message = fault(write(tmp_path, content))
    assert "pairs.tsv" in message
    assert expected in message


def test_a_line_of_100_000_characters_is_read(tmp_path):
    longest = "é" * 99_998
    corpus = text.tsv(path=write(tmp_path, lines(7) + f"{longest}\ty\r\n"))
    assert longest in {pair.source for pair in pairs_of(corpus)}


def test_missing_files_are_named_with_the_nearest(tmp_path):
    path = write(tmp_path, lines(9), "french.tsv")
    assert "french.tsv" in fault(str(tmp_path / "frnch.tsv")).partition("did you mean")[2]
    (tmp_path / "outputs").mkdir()
    assert fault(str(tmp_path / "output")) == f"no file {tmp_path / 'output'}"  # not a directory
    assert "no directory" in fault(str(tmp_path / "none" / "x.tsv"))
    assert "is a directory" in fault(str(tmp_path))
    assert "not a regular file" in fault("/dev/null")
    os.mkfifo(tmp_path / "fifo.tsv")
    assert "not a regular file" in fault(str(tmp_path / "fifo.tsv"))
    assert "is not a file's path" in fault("")
    assert "cannot read" in fault(path + "x" * 5000)


def test_a_mark_at_the_start_and_empty_lines_at_the_end_are_dropped(tmp_path):
    corpus = text.tsv(path=write(tmp_path, "\ufeff" + lines(11) + "\n\r\n\n"))
    assert {pair.source for pair in pairs_of(corpus)} == {f"source {n}" for n in range(11)}


def test_white_space_around_a_sentence_is_kept(tmp_path):
    corpus = text.tsv(path=write(tmp_path, lines(9) + " a \t b \x0b \r\r\n"))
    assert Pair(" a ", " b \x0b \r") in pairs_of(corpus)


def test_columns_by_number_and_by_name(tmp_path):
    rows = "".join(f"id{n}\tenglish {n}\tfrançais {n}\tnote\n" for n in range(13))
    plain = text.tsv(path=write(tmp_path, rows), source=3, target=2)
    named = text.tsv(
        path=write(tmp_path, "\ufeffid\ten\tfr\tnote\r\n" + rows, "x.tsv"), source="fr", target="en"
    )
    assert pairs_of(plain) == pairs_of(named)
    assert (named.source_language, named.target_language) == ("fr", "en")
    assert plain.train[0].source.startswith("français")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"source": "frr", "target": "en"}, "did you mean 'fr'"),
        ({"source": "fr", "target": "fr"}, "the same column"),
        ({"source": 2, "target": 2}, "the same column"),
        ({"source": 0}, "numbered from 1"),
        ({"source": 1, "target": 5}, "column 5 is asked for"),
        ({"source": "twice", "target": "en"}, "two columns 'twice'"),
    ],
)
def test_wrong_columns_are_refused(tmp_path, keys, expected):
    path = write(tmp_path, "en\tfr\ttwice\ttwice\n" + "a\tb\tc\td\n" * 20)
    assert expected in fault(path, **keys)


def test_numbers_that_begin_the_lines_are_text_without_alignments(tmp_path):
    for suffix in ("en", "fr"):
        write(tmp_path, "".join(f"{n}\t{suffix} {n}\n" for n in range(9)), f"t.{suffix}")
    corpus = text.files(path=str(tmp_path / "t"), source="en", target="fr", valid=0, test=0)
    assert corpus.train[3] == Pair("3\ten 3", "3\tfr 3")


def test_columns_may_stand_between_bars(tmp_path):
    rows = "".join(f"l'été {n} , a|b\t||| x {n}  |||  note \n" for n in range(7))
    corpus = text.tsv(path=write(tmp_path, rows), separator="|||", tokenised=True, valid=0, test=0)
    assert corpus.train[3] == Pair("l'été 3 , a|b\t", "x 3")
    assert corpus.tokenised
    named = text.tsv(path=write(tmp_path, "en ||| fr\n" + rows), source="fr", target="en", separator="|||")
    assert named.source_language == "fr"
    assert "pairs.tsv:1: no ||| between" in fault(write(tmp_path, lines(9)), separator="|||")
    assert "pairs.tsv:1: 3 columns, and column 4" in fault(write(tmp_path, rows), separator="|||", target=4)


def test_limit_takes_the_first_pairs_and_reads_no_further(tmp_path):
    corpus = text.tsv(path=write(tmp_path, lines(17) + "no tab here\n"), limit=17)
    assert {pair.target for pair in pairs_of(corpus)} == {f"target {n}" for n in range(17)}


def test_gzip_and_zip_are_read_in_place(tmp_path):
    plain = pairs_of(text.tsv(path=write(tmp_path, lines(19))))
    packed = write(tmp_path, gzip.compress(lines(19).encode()), "pairs.tsv.gz")
    archive = tmp_path / "pairs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("d/pairs.txt", lines(19))
        made.writestr("d/_about.txt", "notes")
        made.writestr("__MACOSX/d/._pairs.txt", b"\x00\x05")
        made.writestr("../../escape.png", b"\x00")
    assert pairs_of(text.tsv(path=packed)) == plain
    assert pairs_of(text.tsv(path=str(archive))) == plain
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["pairs.tsv", "pairs.tsv.gz", "pairs.zip"]


def test_damaged_and_doubtful_archives_are_refused(tmp_path):
    packed = gzip.compress(lines(5000).encode())
    assert "cannot read" in fault(write(tmp_path, packed[: len(packed) // 2], "cut.gz"))
    flipped = packed[:500] + bytes([packed[500] ^ 255]) + packed[501:]
    assert "flipped.gz" in fault(write(tmp_path, flipped, "flipped.gz"))
    assert "cannot read" in fault(write(tmp_path, b"PK\x03\x04 not an archive", "bad.zip"))
    for name, members in (("two.zip", ["a.txt", "b.tsv"]), ("none.zip", ["a.png"])):
        with zipfile.ZipFile(tmp_path / name, "w") as made:
            for member in members:
                made.writestr(member, lines(9))
        assert "exactly one" in fault(str(tmp_path / name))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            ["d/c.en", "d/c.fr", "d/_about.txt"],
            "; corpus=files corpus.source=en corpus.target=fr reads such a zip",
        ),
        (["a.jsonl", "notes.md"], "; corpus=jsonl reads such a zip"),
        (["a.en", "b.fr"], "found: none"),
        (["a.csv"], "found: none"),
    ],
)
def test_a_zip_for_another_reader_says_which(tmp_path, members, expected):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for member in members:
            made.writestr(member, lines(9))
    assert fault(str(tmp_path / "a.zip")).endswith(expected)


@pytest.mark.parametrize("key", ["limit", "valid", "test"])
def test_a_number_beyond_any_size_is_refused_by_its_key(key):
    path = ["path=pairs.tsv"]
    find("tsv", [*path, f"{key}={2**63 - 1}"])
    with pytest.raises(UserError, match=rf"^corpus\.{key}=9+: the value must be less than or equal to 9223"):
        find("tsv", [*path, f"{key}={'9' * 23}"])


def test_a_zip_names_its_member_in_a_fault(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("fra.txt", lines(4) + "x\n")
    assert fault(str(tmp_path / "a.zip")).endswith("a.zip/fra.txt:5: no tab between source and target")


@pytest.mark.timeout(20)
def test_a_pipe_is_no_zip_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pairs")
    with pytest.raises(UserError, match=r"no file .*pairs\.en"):
        text.files(path=str(tmp_path / "pairs"), source="en", target="fr")


def test_more_text_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAXIMUM_BYTES", 2**20)
    rows = b"".join(b"%d\t%d\n" % (number, number**201) for number in range(2**12))
    assert len(rows) > 2**20
    assert "holds more than 1 MiB" in fault(write(tmp_path, gzip.compress(rows), "large.gz"))
    with zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("large.txt", rows)
    assert "large.zip/large.txt holds more than 1 MiB" in fault(str(tmp_path / "large.zip"))


@pytest.mark.parametrize("line", [b"\n", b"a\tb\n"])
def test_more_lines_than_the_limit_are_refused(tmp_path, monkeypatch, line):
    monkeypatch.setattr(reading, "MAXIMUM_LINES", 10_000)
    message = fault(write(tmp_path, gzip.compress(line * 10_001), "bomb.gz"))
    assert message.endswith("bomb.gz holds more than 10,000 lines")


def test_files_of_unequal_length_are_refused_with_both_counts(tmp_path):
    write(tmp_path, "a\nb\nc\n", "t.en")
    write(tmp_path, "a\n", "t.fr")
    with pytest.raises(UserError, match=r"t\.fr has 1 line, but .*t\.en has 3"):
        text.files(path=str(tmp_path / "t"), source="fr", target="en")
    with pytest.raises(UserError, match=r"t\.en has 3 lines, but .*t\.fr has 1"):
        text.files(path=str(tmp_path / "t"), source="en", target="fr")


def test_faults_in_a_pair_of_files_name_the_file_at_fault(tmp_path):
    write(tmp_path, "a\nb\nc\n", "t.en")
    write(tmp_path, "a\n \nc\n", "t.fr")
    with pytest.raises(UserError, match=r"t\.fr:2: the target is empty"):
        text.files(path=str(tmp_path / "t"), source="en", target="fr")
    with pytest.raises(UserError, match=r"no file .*t\.de; did you mean .*t\.(en|fr)"):
        text.files(path=str(tmp_path / "t"), source="de", target="en")
    with pytest.raises(UserError, match="both 'en'"):
        text.files(path=str(tmp_path / "t"), source="en", target="en")


def test_a_zip_may_hold_a_pair_of_files(tmp_path):
    contents = {name: "".join(f"{name} {n}\n" for n in range(23)) for name in ("en", "fr", "de")}
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in contents.items():
            made.writestr(f"folder/train.{name}", content)
        made.writestr("folder/notes.txt", "notes")
    keys = {"path": str(tmp_path / "pairs.zip"), "source": "de", "valid": 0, "test": 0}
    corpus = text.files(target="en", **keys)
    assert corpus.train == [Pair(f"de {n}", f"en {n}") for n in range(23)]
    assert (corpus.name, corpus.source_language, corpus.target_language) == ("pairs", "de", "en")
    with pytest.raises(UserError, match=r"pairs\.zip must hold exactly one \.es file; found: none"):
        text.files(target="es", **keys)
    with zipfile.ZipFile(tmp_path / "pairs.zip", "a") as made:
        made.writestr("valid.en", "a\n")
        made.writestr("valid.es", "a\n")
    with pytest.raises(UserError, match=r"one \.en file; found: folder/train\.en, valid\.en"):
        text.files(target="en", **keys)
    with pytest.raises(UserError, match=r"train\.de has 23 lines, but .*pairs\.zip/valid\.es has 1"):
        text.files(target="es", **keys)


@pytest.mark.parametrize("path", ["", ".", "/", "x" * 5000, "a\0b", "~/none", "/dev/null"])
@pytest.mark.parametrize("source", ["", "en", "../en", "e\0", "*", "x" * 5000])
def test_odd_names_are_refused_in_one_line(path, source):
    with pytest.raises(UserError) as caught:
        text.files(path=path, source=source, target="fr")
    assert "\n" not in str(caught.value)


def make_directory(directory: Path, sizes: dict[str, int]) -> str:
    for name, size in sizes.items():
        for language in ("en", "fr"):
            content = "".join(f"{name} {language} {n}\n" for n in range(size))
            write(directory, gzip.compress(content.encode()), f"{name}.{language}.gz")
    return str(directory)


def test_splits_of_a_directory_are_kept_as_given(tmp_path):
    path = make_directory(tmp_path, {"train": 31, "val": 5, "test": 7})
    corpus = text.files(path=path, source="en", target="fr", limit=29, test=3)
    assert [pair.source for pair in corpus.train] == [f"train en {n}" for n in range(29)]
    assert [pair.target for pair in corpus.valid] == [f"val fr {n}" for n in range(5)]
    assert [pair.source for pair in corpus.test] == [f"test en {n}" for n in range(3)]


def test_splits_missing_from_a_directory_are_held_out_from_train(tmp_path):
    path = make_directory(tmp_path, {"train": 31, "test_2016": 7, "test_2017": 5})
    with pytest.raises(UserError, match=r"corpus\.test_set: test_2016, test_2017"):
        text.files(path=path, source="en", target="fr")
    corpus = text.files(path=path, source="en", target="fr", test_set="test_2017", valid=3)
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (28, 3, 5)


def test_all_of_a_file_can_be_tested_on(tmp_path):
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    with_test = make_directory(tmp_path / "with", {"train": 31, "val": 5, "test": 7})
    without = make_directory(tmp_path / "without", {"train": 31, "val": 5})
    for path, part, size in ((with_test, "test", 7), (without, "train", 31), (f"{without}/val", "val", 5)):
        corpus = text.files(path=path, source="en", target="fr", test="all")
        assert [pair.source for pair in corpus.test] == [f"{part} en {n}" for n in range(size)]
    (tmp_path / "twice.jsonl").write_text('{"en": "a", "fr": "b"}\n' * 3)  # equal pairs are all kept
    found = jsonl.load(path=str(tmp_path / "twice.jsonl"), source="en", target="fr", test="all")
    assert found.test == [Pair("a", "b")] * 3 and not found.train and not found.valid


def test_real_tatoeba_pairs(real_data):
    corpus = text.tsv(path=str(real_data / "fra-eng" / "fra-eng.zip"), limit=40_000)
    assert [len(part) for part in (corpus.train, corpus.valid, corpus.test)] == [38_000, 1000, 1000]
    assert corpus.train[0] == Pair("Go.", "Va !")
    trained = {re.sub(r"\s+", " ", pair.source.lower().strip()) for pair in corpus.train}
    assert not any(pair.source.lower() in trained for pair in corpus.test + corpus.valid)


def test_real_captions(real_data):
    path = str(real_data / "multi30k" / "raw")
    corpus = text.files(path=path, source="de", target="en", test_set="test_2016_flickr")
    assert [len(part) for part in (corpus.train, corpus.valid, corpus.test)] == [29_000, 1014, 1000]
    assert corpus.train[0].source.startswith("Zwei junge weiße Männer")
    prefix = text.files(path=path + "/train", source="de", target="en", test=1000)
    assert len(prefix.test) == 1000
