"""The corpora that are downloaded: real bytes over loopback, and what their keys mean."""

import gzip
import io
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from attnrun.data import multi30k, tatoeba
from attnrun.data.corpus import Pair
from attnrun.data.download import fetch, verify
from attnrun.data.splits import normalised
from attnrun.errors import UserError

FRENCH = "0bb85dbaa1c896844649094d7eaf2e34bee34e84fe362b26ce7e8f2e12aae104"


def sides(pairs: list[Pair]) -> set[str]:
    return {normalised(text) for pair in pairs for text in (pair.source, pair.target)}


# Tatoeba


@pytest.fixture
def french(real_data: Path, server: Any) -> str:
    """Serve the real English-French zip, and return its address."""
    return str(server.serve("/fra-eng.zip", (real_data / "fra-eng/fra-eng.zip").read_bytes()))


@pytest.mark.slow
def test_the_whole_of_tatoeba(french: str, cache: Path) -> None:
    corpus = tatoeba.load(url=french, sha256=FRENCH)
    assert (corpus.name, corpus.source_language, corpus.target_language) == ("tatoeba", "en", "fr")
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (165_130, 1_000, 1_000)
    assert corpus.train[:2] == [Pair("Go.", "Va !"), Pair("Hi.", "Salut !")]
    assert not sides(corpus.test) & (sides(corpus.train) | sides(corpus.valid))
    assert sum("\u202f" in pair.target for pair in [*corpus.train, *corpus.valid, *corpus.test]) > 6_000
    assert not corpus.tokenised


def test_the_textbooks_setting_trains_on_the_first_lines(french: str, cache: Path) -> None:
    how: dict[str, Any] = {"url": french, "sha256": FRENCH, "limit": 600, "split": "in-order"}
    corpus = tatoeba.load(source="fr", target="en", valid=100, test=500, **how)
    (file,) = (cache / "tatoeba").glob("fra-eng-*.txt")
    lines = file.read_text().split("\n")[:600]
    assert [f"{pair.target}\t{pair.source}" for pair in corpus.train] == lines
    assert (len(corpus.valid), len(corpus.test)) == (100, 500)
    assert not sides(corpus.test) & (sides(corpus.train) | sides(corpus.valid))


def test_a_text_placed_by_hand_needs_no_server(real_data: Path, cache: Path) -> None:
    (cache / "tatoeba").mkdir(parents=True)
    with zipfile.ZipFile(real_data / "fra-eng/fra-eng.zip") as archive:
        (cache / "tatoeba/fra.txt").write_bytes(archive.read("fra-eng/fra.txt"))
    assert len(tatoeba.load(limit=500, valid=10, test=20).test) == 20
    assert verify(tatoeba.package()) == {"fra.txt": "ok"}


def german() -> bytes:
    note = "CC-BY 2.0 (France) Attribution: tatoeba.org #1 (a) & #2 (b)"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deu.txt", "".join(f"Go {n}.\tGeh {n}.\t{note}\n" for n in range(50)))
        archive.writestr("_about.txt", "** Info **")
    return stream.getvalue()


def test_another_language_comes_from_its_address(
    server: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.serve("/anki/deu-eng.zip", german())
    corpus = tatoeba.load(target="de", url=url, valid=5, test=5)
    assert (corpus.source_language, corpus.target_language, len(corpus.train)) == ("en", "de", 40)
    pair = corpus.train[0]
    assert pair.source.startswith("Go ") and pair.target == pair.source.replace("Go", "Geh")
    assert "was not checked" in capsys.readouterr().err
    again = tatoeba.load(source="de", target="en", url=url, valid=5, test=5)
    assert again.train[0] == pair.reversed()
    assert server.asked == {"/anki/deu-eng.zip": 1}


@pytest.mark.parametrize(
    "path",
    ["/..%2f..%2fevil.zip", "/a/../../etc/passwd", "/%00/\u202e.zip", "/", "/" + "x" * 300, "/CON.zip?a=/b"],
)
def test_an_address_never_makes_a_path(path: str) -> None:
    (remote,) = tatoeba.package(url=f"http://example.org{path}").files
    assert remote.name.removesuffix(".txt").replace("-", "").isalnum() and remote.name.isascii()
    assert len(remote.name) < 80


def test_addresses_that_end_alike_are_different_files() -> None:
    urls = ("https://a.org/deu-eng.zip", "https://b.org/deu-eng.zip")
    assert len({tatoeba.package(url=url).files[0].name for url in urls}) == 2


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"target": "de"}, r"is en and fr, not de; .*corpus.url=https://www.manythings.org/anki/deu-eng.zip"),
        ({"target": "en"}, "source=en corpus.target=en: one of them must be en, and one not"),
        ({"source": "fr", "target": "de"}, "one of them must be en"),
        ({"url": "fra.zip"}, "'fra.zip' is no http:// or https:// address"),
        ({"sha256": "123"}, "corpus.sha256='123' has not 64 hexadecimal digits"),
    ],
)
def test_keys_that_do_not_fit_are_refused_before_any_request(
    keys: dict[str, Any], said: str, cache: Path
) -> None:
    with pytest.raises(UserError, match=said):
        tatoeba.load(**keys)
    assert not cache.exists()


def test_in_order_wants_a_number(server: Any, cache: Path) -> None:
    with pytest.raises(UserError, match=r"corpus.split=in-order .* corpus.limit=600"):
        tatoeba.load(target="de", split="in-order", url=server.serve("/deu-eng.zip", german()))


def test_another_text_than_the_one_named_is_refused(server: Any, cache: Path) -> None:
    url = server.serve("/deu-eng.zip", german())
    with pytest.raises(UserError, match=f"not {FRENCH}"):
        tatoeba.load(url=url, sha256=FRENCH.upper())


@pytest.mark.parametrize(("line", "said"), [("Go. Geh.", "no tab"), ("Go.\t \t1", "the target is empty")])
def test_a_text_of_another_form_is_named_by_its_line(line: str, said: str, server: Any, cache: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("deu.txt", f"Hi.\tHallo.\n{line}\n")
    with pytest.raises(UserError, match=rf"/tatoeba/deu-[0-9a-f]{{12}}\.txt:2: {said}"):
        tatoeba.load(target="de", url=server.serve("/deu.zip", stream.getvalue()))


# Multi30k


@pytest.fixture
def captions(real_data: Path, server: Any) -> str:
    """Serve Multi30k as its authors do, and return the address of its directories."""
    server.serve_files(real_data / "multi30k", "raw/*.gz", at="/task1")
    for file in (real_data / "multi30k/tok").glob("*.gz"):
        server.serve(f"/task1/tok/{file.stem}", gzip.decompress(file.read_bytes()))
    return str(server.url("/task1"))


def test_the_tokenised_captions_carry_the_raw_target(captions: str, server: Any, cache: Path) -> None:
    corpus = multi30k.load(url=captions)
    assert (corpus.name, corpus.source_language, corpus.target_language) == ("multi30k", "de", "en")
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (29_000, 1_014, 1_000)
    assert corpus.tokenised and corpus.moses
    assert corpus.test[0] == Pair(
        "ein mann mit einem orangefarbenen hut , der etwas anstarrt .",
        "a man in an orange hat starring at something .",
        raw_target="A man in an orange hat starring at something.",
    )
    assert {pair.raw_target for pair in corpus.train} == {None}
    assert all(pair.raw_target for pair in corpus.valid)
    stems = ("train.lc.norm.tok", "val.lc.norm.tok", "test_2016_flickr.lc.norm.tok")
    tokens = [f"/task1/tok/{stem}.{language}" for stem in stems for language in ("de", "en")]
    raw = ["/task1/raw/val.en.gz", "/task1/raw/test_2016_flickr.en.gz"]
    assert server.asked == dict.fromkeys([*tokens, *raw], 1)

    reverse = multi30k.load(source="en", target="de", limit=100, test_set="test_2017_flickr", url=captions)
    assert (len(reverse.train), len(reverse.valid), len(reverse.test)) == (100, 1_014, 1_000)
    assert reverse.train[0] == Pair(corpus.train[0].target, corpus.train[0].source)
    assert sum(server.asked.values()) == 8 + 4
    assert set(verify(multi30k.package()).values()) == {"ok"}


def test_captions_are_joined_in_a_row(captions: str, server: Any, cache: Path) -> None:
    plain = multi30k.load(url=captions, limit=11)
    long = multi30k.load(url=captions, limit=11, join=4)
    counts = [2, 3, 4, 2]  # and none of those that are too few
    places = [sum(counts[:number]) for number in range(5)]
    for which in ("source", "target"):
        sides = [getattr(pair, which) for pair in plain.train]
        expected = [" ".join(sides[start:end]) for start, end in pairwise(places)]
        assert [getattr(pair, which) for pair in long.train] == expected
    first, second, *_ = plain.test
    assert long.test[0].raw_target == f"{first.raw_target} {second.raw_target}"
    assert long.train[0].raw_target is None


def test_the_raw_captions_in_french(captions: str, server: Any, cache: Path) -> None:
    corpus = multi30k.load(source="en", target="fr", text="raw", url=captions + "/")
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (29_000, 1_014, 1_000)
    assert not corpus.tokenised and not corpus.moses
    assert corpus.train[0] == Pair(
        "Two young, White males are outside near many bushes.",
        "Deux jeunes hommes blancs sont dehors près de buissons.",
    )
    assert len(server.asked) == 6
    server.stop()
    assert (
        multi30k.load(source="fr", target="en", text="raw", url=captions).train[0].source.startswith("Deux")
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"source": "en"}, "source and target are both 'en'; choose two of de, en, fr"),
        ({"target": "fr"}, "no tokenised text of 'fr'.*corpus.text=raw"),
        ({"url": "multi30k"}, "'multi30k' is no http:// or https:// address"),
    ],
)
def test_captions_that_do_not_exist_are_refused(keys: dict[str, Any], said: str, cache: Path) -> None:
    with pytest.raises(UserError, match=said):
        multi30k.load(**keys)
    assert not cache.exists()


def test_one_damaged_caption_file_is_named(captions: str, server: Any, cache: Path) -> None:
    server.replies["/task1/tok/val.lc.norm.tok.en"].body = b"two men .\n"
    with pytest.raises(UserError, match=r"/tok/val.lc.norm.tok.en: .*is not the file it should be"):
        fetch(multi30k.package(url=captions))
    assert not (cache / "multi30k/val.lc.norm.tok.en").exists()
