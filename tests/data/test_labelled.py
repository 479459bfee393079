"""Texts with labels: splits that no seed changes, real bytes over loopback, files of every wrong kind."""

import gzip
from pathlib import Path
from typing import Any

import emoji
import pytest

from attnrun.data.labelled import Labelled, LabelledTexts, emoji_names, labelled, surnames
from attnrun.errors import UserError


def write(path: Path, rows: int = 200) -> Path:
    lines = [f"word{number:03}\t{'even' if number % 2 == 0 else 'odd'}\tx" for number in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def whole(data: LabelledTexts) -> list[Labelled]:
    return [*data.train, *data.valid, *data.test]


def test_names_of_one_emoji_are_in_one_split_and_skin_tones_in_none():
    data = emoji_names(3)
    assert data == emoji_names(4) and data.labels == sorted(emoji.LANGUAGES)
    assert len(whole(data)) > 25_000 and 0.08 < len(data.test) / len(whole(data)) < 0.12
    split_of = {one: name for name in ("train", "valid", "test") for one in getattr(data, name)}
    for name, language in (("dog", "en"), ("chien", "fr"), ("Hund", "de")):
        assert Labelled(name, language) in split_of or Labelled(name.lower(), language) in split_of
    assert split_of[Labelled("dog", "en")] == split_of[Labelled("chien", "fr")]
    assert not [one for one in whole(data) if "skin tone" in one.text and one.label == "en"]


def test_all_surnames_from_loopback(real_data: Path, server: Any, cache: Path):
    for path in sorted((real_data / "names18").glob("*.txt")):
        server.serve(f"/names/{path.name}", path.read_bytes())
    data = surnames(0, url=server.url("/names"))
    lines = {
        (line, path.stem) for path in (real_data / "names18").glob("*.txt")
        for line in path.read_text().splitlines() if line
    }  # fmt: skip
    assert {(one.text, one.label) for one in whole(data)} == {(text.strip(), label) for text, label in lines}
    assert len(data.labels) == 18 and (cache / "surnames/Arabic.txt").exists()
    held_out = {one.text.casefold() for one in (*data.valid, *data.test)}
    assert not held_out & {one.text.casefold() for one in data.train}


def test_columns_by_number_and_by_name_packed_or_not(tmp_path: Path):
    file = write(tmp_path / "a.tsv")
    data = labelled(0, path=str(file))
    assert len(whole(data)) == 200 and data.labels == ["even", "odd"]
    assert data == labelled(7, path=str(file))
    turned = tmp_path / "b.tsv.gz"
    rows = [f"{one.label}\t{one.text}" for one in whole(data)]
    turned.write_bytes(gzip.compress("\n".join(["kind\ttext", *rows]).encode()))
    found = labelled(0, path=str(turned), text="text", label="kind")
    assert sorted(found.test) == sorted(data.test) and sorted(found.train) == sorted(data.train)


def test_shares_are_kept(tmp_path: Path):
    data = labelled(0, path=str(write(tmp_path / "a.tsv", 4000)), valid=0.25, test=0.05)
    assert 0.22 < len(data.valid) / 4000 < 0.28 and 0.04 < len(data.test) / 4000 < 0.06


@pytest.mark.parametrize(
    "text, keys, message",
    [
        ("a\tx\nb\n", {}, r"a.tsv:2: 1 column between tabs, and column 2 is asked for"),
        ("a\tx\n \ty\n", {}, r"a.tsv:2: nothing in the column of data.text"),
        ("a\tx\nb\ty\n", {"text": 0}, "data.text=0: columns are numbered from 1"),
        ("a\tx\nb\ty\n", {"text": 2}, "data.text=2 and data.label=2 are the same column"),
        ("word\tkind\nb\ty\n", {"text": "wrod", "label": "kind"}, "a.tsv:1: no column 'wrod' .* mean 'word'"),
        ("a\tx\nb\ty\n", {}, r"a.tsv: too few to part by data.valid=0.1 and data.test=0.1 \(train"),
        ("".join(f"a{n}\tx\n" for n in range(100)), {}, "a.tsv: 1 label; there is nothing to tell apart"),
        ("", {}, "a.tsv is empty"),
    ],
)
def test_files_of_every_wrong_kind(text: str, keys: dict[str, Any], message: str, tmp_path: Path):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(UserError, match=message):
        labelled(0, path=str(tmp_path / "a.tsv"), **keys)
