"""Everyday sentence pairs of tatoeba.org as manythings.org/anki packs them: English and one more language.

By default the English-French file of the textbook Dive into Deep Learning, a release of 2019 that does not
change; the packs that manythings.org serves do, over the years.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from attnrun.data.corpus import Corpus, Pair
from attnrun.data.download import Package, Remote, fetch
from attnrun.data.pairs import checked, divided
from attnrun.data.reading import read_lines
from attnrun.data.splits import HELD_OUT_MOST, Split, in_order
from attnrun.data.transfer import check_address
from attnrun.errors import UserError
from attnrun.ranges import NonNegativeInt, PositiveInt

_FRENCH = Remote(
    name="fra.txt",
    url="http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip",
    sha256="0bb85dbaa1c896844649094d7eaf2e34bee34e84fe362b26ce7e8f2e12aae104",
    size=11_669_748,
    zipped=True,
)
_LARGEST = 256 * 2**20  # bytes of another text; the largest at manythings.org has half of that
_LONGEST_SENTENCES = 2**20  # bytes of the first line, in which the tab is looked for
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

Way = Literal["hashed", "in-order"]


def package(
    *, source: str = "en", target: str = "fr", url: str | None = None, sha256: str | None = None
) -> Package:
    """Return what is fetched: the text in the zip at `url`, that of the textbook where it is None.

    Args:
        source: see `load`.
        target: see `load`.
        url: see `load`.
        sha256: of the text in the zip; None takes a text from another `url` as it comes.

    Raises:
        UserError: the languages are not English and one other, `url` is no web address, or `sha256` no such
            hash.
    """
    _other_language(source, target, url)
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise UserError(f"corpus.sha256={sha256!r} has not 64 hexadecimal digits")
    wanted = _FRENCH if url is None else _elsewhere(url)
    return Package(
        name="tatoeba",
        licence="CC BY 2.0 FR, https://creativecommons.org/licenses/by/2.0/fr/",
        citation="sentences of https://tatoeba.org, packed by https://www.manythings.org/anki",
        homepage="https://www.manythings.org/anki",
        files=(wanted if sha256 is None else replace(wanted, sha256=sha256.lower()),),
        known=(_FRENCH,),
    )


def load(
    *,
    source: str = "en",
    target: str = "fr",
    limit: PositiveInt | None = None,
    valid: NonNegativeInt | None = None,
    test: NonNegativeInt | None = None,
    split: Way = "hashed",
    url: str | None = None,
    sha256: str | None = None,
) -> Corpus:
    """Return the corpus, downloaded at its first use.

    Args:
        source: language of the source: `en`, or the other language of the file.
        target: language of the target; one of the two is `en`.
        limit: read the first so many pairs only; with split=in-order, train on them. The file begins with
            the shortest sentences.
        valid: pairs to hold out for validation; by default as `splits.split`, and 1,000 with split=in-order.
        test: pairs to hold out for testing, by default as many.
        split: `hashed` draws the held-out pairs from those read, by `splits.split`; `in-order` takes those
            that follow in the file, by `splits.in_order`.
        url: a zip with one text of lines `english TAB other language`, as
            https://www.manythings.org/anki/deu-eng.zip; None is the textbook's English-French.
        sha256: of the text in it, see `package`.

    Raises:
        UserError: the languages are not English and one other, the file cannot be had, or it does not hold
            such lines or so many of them.
    """
    other = _other_language(source, target, url)
    wanted = package(source=source, target=target, url=url, sha256=sha256)
    file = fetch(wanted) / wanted.files[0].name
    parts = _divided(file, split, limit, valid, test)
    corpus = Corpus("tatoeba", "en", other, parts.train, parts.valid, parts.test)
    return corpus if source == "en" else corpus.reversed()


def _other_language(source: str, target: str, url: str | None) -> str:
    languages = [source, target]
    if languages.count("en") != 1:
        raise UserError(f"corpus.source={source} corpus.target={target}: one of them must be en, and one not")
    languages.remove("en")
    if url is None and languages != ["fr"]:
        raise UserError(
            f"corpus tatoeba is en and fr, not {languages[0]}; for another language give its zip, "
            "as corpus.url=https://www.manythings.org/anki/deu-eng.zip"
        )
    return languages[0]


def _elsewhere(url: str) -> Remote:
    """Return a file whose name tells addresses apart, whatever they hold."""
    check_address(url)
    stem = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(urlsplit(url).path).stem.lower()).strip("-")[:40]
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Remote(f"{stem or 'text'}-{digest}.txt", url, None, _LARGEST, zipped=True, check=_check)


def _check(file: Path) -> None:
    """Raise UserError unless a text begins as it should."""
    with file.open("rb") as stream:
        first = stream.readline(_LONGEST_SENTENCES)
    if b"\t" not in first:
        fault = "no tab in its first line" if first else "it is empty"
        raise UserError(f"the text is not of lines `english TAB other language`: {fault}")


def _pairs(file: Path) -> Iterator[Pair]:
    for place, line in read_lines(file):
        english, tab, rest = line.partition("\t")
        if not tab:
            raise UserError(f"{place}: no tab between English and the other language")
        other = rest.partition("\t")[0]  # a third column says who wrote the sentences
        yield checked(english, other, place, place)


def _divided(file: Path, split: Way, limit: int | None, valid: int | None, test: int | None) -> Split:
    if split == "hashed":
        return divided(str(file), list(islice(_pairs(file), limit)), valid, test)
    if limit is None:
        raise UserError("corpus.split=in-order trains on the first pairs; say how many, as corpus.limit=600")
    sizes = [HELD_OUT_MOST if size is None else size for size in (valid, test)]
    return in_order(list(_pairs(file)), train=limit, valid=sizes[0], test=sizes[1])
