"""Moses tokens: equal to the authors' own files of Multi30k, and back to sentences."""

import gzip
from pathlib import Path

import pytest

from attnrun.data.moses import Moses

NAME = "test_2016_flickr"


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as stream:
        return [line.strip() for line in stream]


@pytest.mark.parametrize("language", ["en", "de"])
def test_raw_captions_become_the_authors_tokens(language: str, real_data: Path) -> None:
    raw = _lines(real_data / f"multi30k/raw/{NAME}.{language}.gz")
    theirs = _lines(real_data / f"multi30k/tok/{NAME}.lc.norm.tok.{language}.gz")
    moses = Moses(language)
    assert len(raw) == 1000
    assert [moses.tokenise(line) for line in raw] == theirs


def test_tokens_become_the_captions_but_for_capitals(real_data: Path) -> None:
    raw = _lines(real_data / f"multi30k/raw/{NAME}.en.gz")
    moses = Moses("en")
    restored = [moses.restore(moses.tokenise(line)) for line in raw]
    assert sum(ours.lower() == line.lower() for ours, line in zip(restored, raw, strict=True)) >= 985
    assert sum(ours == line for ours, line in zip(restored, raw, strict=True)) >= 900


@pytest.mark.parametrize("text", ["", " ", "<b>&amp; [x] |", "\ud800", "\x1b[31m", "a" * 5000, "￭ ▁ \u2028"])
def test_no_text_is_too_odd(text: str) -> None:
    moses = Moses("xx")
    assert isinstance(moses.restore(moses.tokenise(text)), str)
