"""Gold alignments stay with their pair, and a wrong base or a shifted file does not pass for data."""

import json
import re
from pathlib import Path

import pytest

from attnrun.data import jsonl, text
from attnrun.data.corpus import Corpus, Pair
from attnrun.errors import UserError

ROWS = [  # source, target, links counted from 0
    ("a b c", "x y", "0-0 1p1 2?1"),
    ("d e", "w v u", "1-0 0-2"),
    ("f", "t s", ""),
    ("g h i j", "r", "3-0 0p0"),
    ("k l", "q p", "1-1"),
]


def write(directory: Path, content: str, name: str) -> str:
    (directory / name).write_bytes(content.encode())
    return str(directory / name)


def from_one(links: str) -> str:
    """Count from 1 what is counted from 0."""
    return re.sub(r"\d+", lambda number: str(int(number[0]) + 1), links)


def pairs_of(corpus: Corpus) -> list[Pair]:
    return corpus.train + corpus.valid + corpus.test


def by_source(corpus: Corpus) -> dict[str, Pair]:
    return {pair.source: pair for pair in pairs_of(corpus)}


def tsv(directory: Path, rows: list[tuple[str, str, str]] = ROWS, **keys) -> Corpus:
    path = write(directory, "".join("\t".join(row) + "\n" for row in rows), "pairs.tsv")
    return text.tsv(path=path, tokenised=True, alignment_column=3, valid=1, test=1, **keys)


def beside(directory: Path, gold: str, **keys) -> Corpus:
    path = write(directory, "".join(f"{source}\t{target}\n" for source, target, _ in ROWS), "pairs.tsv")
    return text.tsv(
        path=path, tokenised=True, alignments=write(directory, gold, "gold"), valid=1, test=1, **keys
    )


def fault(call, *arguments, **keys) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def check(corpus: Corpus) -> None:
    pairs = by_source(corpus)
    assert (pairs["a b c"].links, pairs["a b c"].possible) == (((0, 0),), ((1, 1), (2, 1)))
    assert (pairs["d e"].links, pairs["d e"].possible) == (((0, 2), (1, 0)), ())
    assert (pairs["f"].links, pairs["f"].possible) == ((), ())
    assert (pairs["g h i j"].links, pairs["g h i j"].possible) == (((3, 0),), ((0, 0),))
    assert pairs["k l"].links == ((1, 1),)


def test_every_place_and_base_gives_the_same_links(tmp_path):
    check(tsv(tmp_path))
    check(tsv(tmp_path, [(s, t, from_one(links)) for s, t, links in ROWS], alignment_base=1))
    gold = "\n".join(links for *_, links in ROWS)
    check(beside(tmp_path, gold))
    check(beside(tmp_path, gold + "\n\n\n"))
    check(beside(tmp_path, "".join(f"{n}\t{links} \r\n" for n, (*_, links) in enumerate(ROWS))))
    check(beside(tmp_path, "\n".join(from_one(links) for *_, links in ROWS), alignment_base=1))
    for side, suffix in ((0, "en"), (1, "fr")):
        write(tmp_path, "".join(row[side] + "\n" for row in ROWS), f"pairs.{suffix}")
    keys = {"path": str(tmp_path / "pairs"), "source": "en", "target": "fr", "valid": 1, "test": 1}
    check(text.files(alignments=str(tmp_path / "gold"), alignment_base=1, tokenised=True, **keys))
    lines = [json.dumps({"s": source, "t": target, "a": {"b": links}}) for source, target, links in ROWS]
    path = write(tmp_path, "\n".join(lines), "pairs.jsonl")
    keys = {"path": path, "source": "s", "target": "t", "valid": 1, "test": 1, "tokenised": True}
    check(jsonl.load(alignment_field="a.b", **keys))
    check(jsonl.load(alignments=str(tmp_path / "gold"), alignment_base=1, **keys))


def test_links_may_be_a_list_of_pairs_in_json(tmp_path):
    lines = [{"s": f"a b {n}", "t": f"c {n}", "l": [[0, 0], [2, 1], [0, 0]]} for n in range(7)]
    path = write(tmp_path, "\n".join(map(json.dumps, lines)), "pairs.jsonl")
    corpus = jsonl.load(path=path, source="s", target="t", alignment_field="l")
    assert {pair.links for pair in corpus.train} == {((0, 0), (2, 1))}
    for bad in ('[["0", 0]]', "[[0]]", "[0, 1]", "[[true, 0]]", "[[0.0, 0]]", "{}", "3", "null"):
        path = write(tmp_path, f'{{"s": "a", "t": "b", "l": {bad}}}', "bad.jsonl")
        message = fault(jsonl.load, path=path, source="s", target="t", alignment_field="l")
        assert message.endswith("bad.jsonl:1: field 'l' is neither a text of links nor a list of [i, j]")
    path = write(tmp_path, '{"s": "a", "t": "b", "l": [[-1, 0]]}', "bad.jsonl")
    assert "'-1-0' is no link" in fault(jsonl.load, path=path, source="s", target="t", alignment_field="l")


@pytest.mark.parametrize("links", ["0-0\t1-1", "0-0 1-1\t", "\t0-0 1-1"])
def test_any_white_space_parts_links(tmp_path, links):
    for name, lines in (("t.en", "a b\n" * 5), ("t.fr", "c d\n" * 5), ("gold", f"{links}\n" * 5)):
        write(tmp_path, lines, name)
    keys = {"path": str(tmp_path / "t"), "alignments": str(tmp_path / "gold"), "valid": 0, "test": 0}
    corpus = text.files(source="en", target="fr", **keys)
    assert {pair.links for pair in corpus.train} == {((0, 0), (1, 1))}


def test_a_link_both_sure_and_possible_is_sure(tmp_path):
    pair = by_source(tsv(tmp_path, [*ROWS, ("m n", "o p", "0p0 0-0 1p1 1p1")]))["m n"]
    assert (pair.links, pair.possible) == (((0, 0),), ((1, 1),))


def test_the_reversed_pair_turns_both_kinds_of_links():
    pair = Pair("a b", "c d e", ((0, 2), (1, 0)), ("A", "B"), ("C", "D", "E"), ((0, 1),), "C D E")
    turned = Pair("c d e", "a b", ((0, 1), (2, 0)), ("C", "D", "E"), ("A", "B"), ((1, 0),))
    assert pair.reversed() == turned
    assert Pair("a", "b").reversed() == Pair("b", "a")


def test_limit_keeps_links_with_their_pairs_and_reads_no_further(tmp_path):
    path = write(tmp_path, "".join(f"{s}\t{t}\n" for s, t, _ in ROWS) + "no tab\n", "pairs.tsv")
    gold = write(tmp_path, "\n".join(links for *_, links in ROWS) + "\nnonsense\n", "gold")
    pairs = text.tsv(path=path, alignments=gold, tokenised=True, limit=4, valid=1, test=1)
    assert by_source(pairs)["d e"].links == ((0, 2), (1, 0))
    assert set(by_source(pairs)) == {source for source, *_ in ROWS[:4]}


def test_alignments_of_a_directory_are_those_of_its_test_files(tmp_path):
    for name, size in (("train", 20), ("test", 5)):
        for side, suffix in ((0, "en"), (1, "fr")):
            sentences = [ROWS[n % 5][side] + f" {n}" * (name == "train") for n in range(size)]
            write(tmp_path, "\n".join(sentences), f"{name}.{suffix}")
    gold = write(tmp_path, "\n".join(links for *_, links in ROWS), "gold")
    keys = {"path": str(tmp_path), "source": "en", "target": "fr", "tokenised": True, "alignments": gold}
    corpus = text.files(**keys)
    assert corpus.tokenised
    assert [pair.links for pair in corpus.test][1] == ((0, 2), (1, 0))
    assert {pair.links for pair in corpus.train + corpus.valid} == {None}
    assert len(text.files(test=3, **keys).test) == 3
    for suffix in ("en", "fr"):
        write(tmp_path, "a\nb\n", f"valid.{suffix}")
    assert [pair.links for pair in text.files(**keys).valid] == [None, None]
    write(tmp_path, "0-0\n1-0\n\n", "gold")
    assert "gold has 3 lines, but the text has 5 pairs" in fault(text.files, test=3, **keys)
    for suffix in ("en", "fr"):
        (tmp_path / f"test.{suffix}").unlink()
    assert "belongs to the test files" in fault(text.files, **keys)


@pytest.mark.parametrize(
    ("links", "keys", "expected"),
    [
        ("0-0 1:1", {}, "pairs.tsv:6: '1:1' is no link; write i-j, or ipj for a possible one"),
        ("0-0-0", {}, "'0-0-0' is no link"),
        ("-1-0", {}, "'-1-0' is no link"),
        ("٠-٠", {}, "is no link"),
        ("0" * 5000 + "-0", {}, "is no link"),
        ("0-3", {}, "pairs.tsv:6: a link names target token 3, but the target has 2 tokens, counted from 0"),
        ("2-0", {}, "a link names source token 2, but the source has 2 tokens, counted from 0"),
        ("1-1", {"alignment_base": 1}, "look 0-indexed: set corpus.alignment_base=0"),
    ],
)
def test_faulty_links_are_named_with_file_and_line(tmp_path, links, keys, expected):
    message = fault(tsv, tmp_path, [*ROWS, ("m n", "o p", links)], **keys)
    assert expected in message
    assert "1-indexed" not in message  # for there is an index 0


def test_links_counted_from_1_do_not_pass_for_links_counted_from_0(tmp_path):
    rows = [(source, target, from_one(links)) for source, target, links in ROWS]
    message = fault(tsv, tmp_path, rows)
    assert "pairs.tsv:1: a link names" in message
    assert message.endswith("the links look 1-indexed: set corpus.alignment_base=1")
    message = fault(tsv, tmp_path, [(source, target, "7-1") for source, target, _ in ROWS])
    assert "names source token 7" in message
    assert "1-indexed" not in message  # counted from 1 it would lie outside too


def test_an_alignment_file_of_another_length_is_refused_with_both_counts(tmp_path):
    links = [row[2] for row in ROWS]
    assert "gold has 4 lines, but the text has 5 pairs" in fault(beside, tmp_path, "\n".join(links[:4]))
    assert "gold has 6 lines, but the text has 5 pairs" in fault(beside, tmp_path, "\n".join([*links, "0-0"]))
    assert "gold has 2 lines, but the text has at least 3" in fault(beside, tmp_path, "0-0\n1-1", limit=3)
    assert "gold is empty" in fault(beside, tmp_path, "\n\n\n\n\n")


def test_alignments_in_two_places_are_refused(tmp_path):
    gold = write(tmp_path, "0-0\n", "gold")
    message = fault(tsv, tmp_path, alignments=gold)
    assert message == "corpus.alignments and corpus.alignment_column both name alignments; give one of them"
    keys = {"path": gold, "source": "s", "target": "t", "alignments": gold, "alignment_field": "l"}
    assert "corpus.alignment_field both name" in fault(jsonl.load, **keys)


def test_tokens_are_words_unless_the_text_is_tokenised(tmp_path):
    rows = "".join(f"L'homme {n}.\tThe man {n}.\t2-2 3p3\n" for n in range(7))
    path = write(tmp_path, rows, "pairs.tsv")
    assert text.tsv(path=path, alignment_column=3).train[0].links == ((2, 2),)
    message = fault(text.tsv, path=path, alignment_column=3, tokenised=True)
    assert "source token 2, but the source has 2 tokens" in message


def test_columns_of_alignments_go_by_name_too(tmp_path):
    rows = "gold\tfr\ten\n" + "".join(f"0-0\ta {n}\tb {n}\n" for n in range(7))
    path = write(tmp_path, rows, "pairs.tsv")
    corpus = text.tsv(path=path, source="en", target="fr", alignment_column="gold")
    assert corpus.train[0].links == ((0, 0),)
    assert corpus.source_language == "en"
    message = fault(text.tsv, path=path, source="en", target="fr", alignment_column="glod")
    assert "no column 'glod' for corpus.alignment_column; did you mean 'gold'" in message
    message = fault(text.tsv, path=path, source=2, target=3, alignment_column=2)
    assert "corpus.source=2 and corpus.alignment_column=2 are the same column" in message


def counts(corpus: Corpus) -> tuple[int, int, int]:
    pairs = pairs_of(corpus)
    return len(pairs), sum(len(p.links or ()) for p in pairs), sum(len(p.possible or ()) for p in pairs)


def test_real_hansards(real_data):
    folder = real_data / "hansards-en-fr"
    keys = {
        "path": str(folder / "enfr.src-tgt"),
        "separator": "|||",
        "alignments": str(folder / "enfr.gold"),
        "tokenised": True,
    }
    corpus = text.tsv(alignment_base=1, **keys)
    assert counts(corpus) == (447, 4038, 13400)
    linked = {(pair.source, pair.target): pair.links for pair in pairs_of(corpus)}
    assert linked["oh , oh !", "oh , oh !"] == ((0, 0), (1, 1), (2, 2), (3, 3))
    assert "enfr.gold:1:" in (message := fault(text.tsv, **keys))
    assert message.endswith("look 1-indexed: set corpus.alignment_base=1")
    assert "tokens" in fault(text.tsv, source=2, target=1, alignment_base=1, **keys)


def test_real_short_stories(real_data, tmp_path):
    folder = real_data / "alibi-fr-en" / "ali"
    total = 0
    for gold in sorted(folder.glob("ali_w2w_*.txt")):
        _, _, french, english = gold.stem.split("_")
        columns = [(folder / f"{name}_sents.txt").read_bytes().splitlines() for name in (french, english)]
        path = tmp_path / "pairs.tsv"
        path.write_bytes(b"\n".join(b"\t".join(row) for row in zip(*columns, strict=True)))
        keys = {"path": str(path), "source": 2, "target": 4, "alignments": str(gold), "tokenised": True}
        found = counts(text.tsv(**keys))
        written = gold.read_text().replace("\t", " ").split()
        assert found[1:] == (sum("-" in link for link in written), sum("p" in link for link in written))
        assert "look 0-indexed" in fault(text.tsv, alignment_base=1, **keys)
        total += found[0]
    assert total == 522


def test_real_greek_verses(real_data):
    path = str(real_data / "bible-grc-en" / "nt.grc-en.tsv.gz")
    keys = {"path": path, "alignment_column": 4, "tokenised": True}
    assert counts(text.tsv(source=2, target=3, **keys)) == (7919, 189_473, 0)
    assert "look 0-indexed" in fault(text.tsv, source=2, target=3, limit=9, alignment_base=1, **keys)
    assert "nt.grc-en.tsv.gz:1: a link names" in fault(text.tsv, source=3, target=2, limit=9, **keys)
