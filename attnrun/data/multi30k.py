"""Multi30k: captions of photographs, translated by people (Elliott, Frank, Sima'an and Specia 2016).

Raw text in three languages, and lower-cased tokens as the authors made them with the Moses scripts, which
published figures are scored on.
"""

from pathlib import Path
from typing import Literal

from attnrun.data.corpus import Corpus, Pair, joined
from attnrun.data.download import Package, Remote, fetch
from attnrun.data.reading import read_lines
from attnrun.data.transfer import check_address
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

_UPSTREAM = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1"
_VALID = "val"

# sha256, bytes and path of each file, as it is served and kept
_LIST = """
726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6 637044 raw/train.de.gz
d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f 568929 raw/train.en.gz
622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c 604242 raw/train.fr.gz
f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a 24681 raw/val.de.gz
14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28 21650 raw/val.en.gz
ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9 23001 raw/val.fr.gz
9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8 22890 raw/test_2016_flickr.de.gz
611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9 21077 raw/test_2016_flickr.en.gz
6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90 22310 raw/test_2016_flickr.fr.gz
a2c89666db00c495cd8513b9d708d5a3acc205d7de312ef2bf5fb7ebc1540aee 21471 raw/test_2017_flickr.de.gz
76a444ee25172e72695cddb13ae4a3bda59430617be88e0bb46b60504f054074 19138 raw/test_2017_flickr.en.gz
3ba671ceb2299f3304ffafefea7a833d08632fbaf0ba18546f8a2ec2391af496 20434 raw/test_2017_flickr.fr.gz
cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505 2150008 tok/train.lc.norm.tok.de
08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119 1837696 tok/train.lc.norm.tok.en
97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00 77273 tok/val.lc.norm.tok.de
46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec 64608 tok/val.lc.norm.tok.en
c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4 71917 tok/test_2016_flickr.lc.norm.tok.de
5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2 63307 tok/test_2016_flickr.lc.norm.tok.en
02067e4a9402786a4fcb8c1b6f4307e4a5073ced64800abead5273b54f5f31f6 65228 tok/test_2017_flickr.lc.norm.tok.de
c9d1dfd7a26add989382e534af235af9f0f658b2a30e7eb0efdaf142496ee54f 56123 tok/test_2017_flickr.lc.norm.tok.en
"""
_FILES = {path: (sha256, int(size)) for sha256, size, path in map(str.split, _LIST.strip().splitlines())}

Language = Literal["de", "en", "fr"]
Text = Literal["tok", "raw"]
TestSet = Literal["test_2016_flickr", "test_2017_flickr"]


def package(
    *,
    source: Language = "de",
    target: Language = "en",
    text: Text = "tok",
    test_set: TestSet = "test_2016_flickr",
    url: str | None = None,
) -> Package:
    """Return what the keys need, see `load`.

    Raises:
        UserError: the languages are the same, a text does not exist, or `url` is no web address.
    """
    _check_languages(source, target, text)
    base = _UPSTREAM if url is None else url.rstrip("/")
    check_address(base)
    splits = ("train", _VALID, test_set)
    paths = [_path(split, language, text) for split in splits for language in (source, target)]
    if text == "tok":
        paths += [_path(split, target, "raw") for split in splits[1:]]
    return Package(
        name="multi30k",
        licence="none is named for the texts; their authors point to the terms of Flickr30K: "
        "research and education, not commerce",
        citation="Elliott, Frank, Sima'an and Specia 2016, Multi30K: Multilingual English-German Image "
        "Descriptions, https://aclanthology.org/W16-3210; French and test_2017_flickr: Elliott, Frank, "
        "Barrault, Bougares and Specia 2017, https://aclanthology.org/W17-4718",
        homepage="https://github.com/multi30k/dataset",
        files=tuple(_remote(path, base) for path in paths),
        known=tuple(_remote(path, base) for path in _FILES),
    )


def load(
    *,
    source: Language = "de",
    target: Language = "en",
    text: Text = "tok",
    test_set: TestSet = "test_2016_flickr",
    limit: PositiveInt | None = None,
    join: PositiveInt = 1,
    url: str | None = None,
) -> Corpus:
    """Return the corpus in its own splits of 29,000, 1,014 and 1,000 pairs, downloaded at its first use.

    Args:
        source: language of the source.
        target: language of the target.
        text: `tok` for the authors' lower-cased tokens (de and en), whose validation and test pairs carry
            the raw target too; `raw` for the text as written.
        test_set: which captions to test on.
        limit: read the first so many training pairs only.
        join: make long pairs of 2, 3, … to so many captions in a row, in all splits; 1 leaves them alone.
        url: where the directories `raw` and `tok` are served; None is the authors' own place.

    Raises:
        UserError: the languages are the same, a text does not exist, or a file cannot be had.
    """
    wanted = package(source=source, target=target, text=text, test_set=test_set, url=url)
    directory = fetch(wanted)
    tokenised = text == "tok"

    def read(split: str, *, with_raw: bool = tokenised) -> list[Pair]:
        sides = [_lines(directory, split, language, text) for language in (source, target)]
        raw = _lines(directory, split, target, "raw") if with_raw else [None] * len(sides[0])
        rows = zip(*sides, raw, strict=True)
        return [Pair(line, other, raw_target=published) for line, other, published in rows]

    splits = read("train", with_raw=False)[:limit], read(_VALID), read(test_set)
    train, valid, test = (joined(pairs, join) for pairs in splits)
    return Corpus("multi30k", source, target, train, valid, test, tokenised=tokenised, moses=tokenised)


def _check_languages(source: Language, target: Language, text: Text) -> None:
    if source == target:
        raise UserError(f"corpus multi30k: source and target are both {source!r}; choose two of de, en, fr")
    if text == "tok" and "fr" in (source, target):
        raise UserError("corpus multi30k: no tokenised text of 'fr' is offered here; use corpus.text=raw")


def _path(split: str, language: str, text: str) -> str:
    return f"raw/{split}.{language}.gz" if text == "raw" else f"tok/{split}.lc.norm.tok.{language}"


def _remote(path: str, base: str) -> Remote:
    sha256, size = _FILES[path]
    return Remote(path.partition("/")[2], f"{base}/{path}", sha256, size)


def _lines(directory: Path, split: str, language: str, text: str) -> list[str]:
    file = directory / _path(split, language, text).partition("/")[2]
    return [line for _, line in read_lines(file)]
