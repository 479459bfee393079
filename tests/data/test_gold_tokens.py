"""Links count the tokens that they were made for: no number of a line, and no other reading of the text."""

import shutil
from pathlib import Path

import pytest

from attnrun.data import text
from attnrun.data.corpus import Corpus, Pair
from attnrun.errors import UserError

SOURCES = ["a b c", "d e", "f", "g h i j", "k l"]
TARGETS = ["x y", "w v u", "t s", "r", "q p"]
LINKS = ["0-0 1p1 2?1", "1-0 0-2", "", "3-0 0p0", "1-1"]


def write(directory: Path, content: str, name: str) -> str:
    (directory / name).write_bytes(content.encode())
    return str(directory / name)


def fault(call, *arguments, **keys) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def by_source(corpus: Corpus) -> dict[str, Pair]:
    return {pair.source: pair for pair in corpus.train + corpus.valid + corpus.test}


def numbered(directory: Path, links: list[str], sources: list[str], targets: list[str] = TARGETS) -> Corpus:
    for name, column in (("t.en", sources), ("t.fr", targets), ("gold", links)):
        write(directory, "\n".join(column) + "\n", name)
    paths = {"path": str(directory / "t"), "alignments": str(directory / "gold")}
    return text.files(source="en", target="fr", tokenised=True, valid=1, test=1, **paths)


def count(lines: list[str], first: int = 0) -> list[str]:
    return [f"{number}\t{line}" for number, line in enumerate(lines, first)]


@pytest.mark.parametrize("first", [0, 1, 40001001])
def test_numbers_that_begin_the_lines_of_links_and_sentences_are_no_tokens(tmp_path, first):
    plain = by_source(numbered(tmp_path, LINKS, SOURCES))
    assert plain["d e"].links == ((0, 2), (1, 0))
    links, sources, targets = (count(lines, first) for lines in (LINKS, SOURCES, TARGETS))
    assert by_source(numbered(tmp_path, links, sources, targets)) == plain
    assert by_source(numbered(tmp_path, links, sources)) == plain
    assert by_source(numbered(tmp_path, links, SOURCES)) == plain


def test_numbers_that_do_not_agree_are_refused(tmp_path):
    links, sources, targets = map(count, (LINKS, SOURCES, TARGETS))
    late = [*sources[:3], *count(SOURCES[3:], 4)]
    message = fault(numbered, tmp_path, links, late)
    assert "gold:4: the line begins with 3 and a tab, but its source with 4 and a tab" in message
    message = fault(numbered, tmp_path, links, SOURCES, [targets[0], *TARGETS[1:]])
    assert "gold:2: the line begins with 1 and a tab, but its target without a number" in message
    message = fault(numbered, tmp_path, LINKS, sources)
    assert "gold:1: the line begins without a number, but its source with 0 and a tab" in message
    assert "gold:3: the source is empty" in fault(
        numbered, tmp_path, links, [*sources[:2], "2\t", *sources[3:]]
    )


def test_a_sentence_with_a_number_and_a_tab_is_one_like_any_other(tmp_path):
    corpus = numbered(tmp_path, LINKS, ["7\tb c", *SOURCES[1:]])
    assert by_source(corpus)["7\tb c"].links == ((0, 0),)


def test_real_short_stories_with_numbered_lines(real_data, tmp_path):
    folder = real_data / "alibi-fr-en" / "ali"
    for name, end in (("LaVision", "fr"), ("TheVision", "en")):
        shutil.copy(folder / f"{name}_sents.txt", tmp_path / f"vision.{end}")
    gold = str(folder / "ali_w2w_LaVision_TheVision.txt")
    keys = {"path": str(tmp_path / "vision"), "source": "fr", "target": "en", "alignments": gold}
    title = by_source(text.files(tokenised=True, **keys))["Vision de Charles XI"]
    source, target = title.source.split(), title.target.split()
    links = [[(source[i], target[j]) for i, j in kind or ()] for kind in (title.links, title.possible)]
    assert links[0] == [("de", "OF"), ("Charles", "CHARLES"), ("XI", "XI")]
    assert links[1] == [("Vision", "THE"), ("Vision", "VISION")]
    assert fault(text.files, **keys).endswith("set corpus.tokenised=true")


def test_links_over_text_that_is_tokenised_are_not_read_as_over_words(tmp_path):
    rows = "".join(f"aujourd' hui , Mr. {n} .\ttoday , M. {n} .\t0-0 3-2 5p4\n" for n in range(7))
    path = write(tmp_path, rows, "pairs.tsv")
    message = fault(text.tsv, path=path, alignment_column=3)
    assert "pairs.tsv:1: the text looks tokenised" in message
    assert message.endswith("set corpus.tokenised=true")
    assert text.tsv(path=path, alignment_column=3, tokenised=True).train[0].possible == ((5, 4),)


@pytest.mark.parametrize(
    "row",
    [
        "aujourd' hui , Mr. {} .\ttoday , M. {} .\t0-0 6p5",  # a link lies beyond what stands between spaces
        "aujourd' hui , Mr. {} .\ttoday , M. {} .\t0-0 3-2",  # the same token, however it is counted
        "Oui, L'homme {} !\tYes, the man {}!\t0-0 1-1 2-2",  # plain French has a space before this mark
        "« Mr. {} » : non ?\tMr. {}: no?\t1-0 2p1",
        "a - b {} ; c's\tx - y {}'s\t3-3",
    ],
)
def test_links_over_words_are_never_refused(tmp_path, row):
    path = write(tmp_path, "".join(row.format(n, n) + "\n" for n in range(7)), "pairs.tsv")
    assert text.tsv(path=path, alignment_column=3).train[0].links


def test_real_links_over_tokenised_text(real_data):
    folder = real_data / "hansards-en-fr"
    keys = {"path": str(folder / "enfr.src-tgt"), "separator": "|||", "alignment_base": 1}
    message = fault(text.tsv, alignments=str(folder / "enfr.gold"), **keys)
    assert "enfr.gold:6: the text looks tokenised" in message
    verses = str(real_data / "bible-grc-en" / "nt.grc-en.tsv.gz")
    message = fault(text.tsv, path=verses, source=2, target=3, alignment_column=4, limit=500)
    assert "nt.grc-en.tsv.gz:6: the text looks tokenised" in message
