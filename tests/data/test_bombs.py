"""Corpora made to exhaust a machine are refused; `tests/faults/test_limits.py` measures how soon."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from attnrun.data import jsonl, regression, text
from attnrun.data.reading import read_lines
from attnrun.errors import UserError

MIB = 2**20
ROWS = b"a\tb\n" * (MIB // 4)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    **{
        name: (lambda data, kind=kind: zipped(data, kind))
        for name, kind in (
            ("zip", zipfile.ZIP_DEFLATED),
            ("bzip2", zipfile.ZIP_BZIP2),
            ("lzma", zipfile.ZIP_LZMA),
        )
    },
}


def zipped(data: bytes, kind: int, copies: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive, archive.open("pairs.tsv", "w", force_zip64=True) as out:
        for _ in range(copies):
            out.write(data)
    return file.getvalue()


def refused(load: Callable[..., object], path: Path, **keys: str) -> str:
    with pytest.raises(UserError) as caught:
        load(path=str(path), **keys)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


@pytest.mark.parametrize("packing", PACKERS)
def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, packing: str) -> None:
    (tmp_path / "bomb").write_bytes(PACKERS[packing](ROWS * 2))
    assert refused(text.tsv, tmp_path / "bomb").endswith(
        "unpacks to more than 50 times its size, as no text does"
    )


@pytest.mark.parametrize("packing", PACKERS)
def test_what_packs_as_text_does_is_read(tmp_path: Path, packing: str) -> None:
    rows = "".join(f"one {n}\tone {n * n}\n" for n in range(40_000)).encode()
    assert len(rows) > MIB // 2
    (tmp_path / "corpus").write_bytes(PACKERS[packing](rows))
    assert [line for _, line in read_lines(tmp_path / "corpus")] == rows.decode().splitlines()


@pytest.mark.parametrize("claimed", [1, 2**31])
def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path, claimed: int) -> None:
    sound = bytearray(zipped(ROWS * 2, zipfile.ZIP_DEFLATED))
    entry = sound.index(b"PK\x01\x02")
    sound[entry + 20 : entry + 24] = claimed.to_bytes(4, "little")  # packed
    (tmp_path / "bomb.zip").write_bytes(sound)
    refused(text.tsv, tmp_path / "bomb.zip")


def test_a_zip_of_too_many_members_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(20_001):
            archive.writestr(str(number), "")
    assert refused(text.tsv, tmp_path / "many.zip").endswith("many.zip has more than 20,000 members")


LINES = {
    "a million words": "a " * 1_000_000,
    "one word of a million letters": "a" * 1_000_000,
    "a million accents": "e" + "\u0301\u0316" * 500_000,
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_of_a_million_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "long.tsv").write_text(f"a\tb\n{line}\tb\n")
    message = refused(text.tsv, tmp_path / "long.tsv")
    assert message.endswith("long.tsv:2: the line has more than 100,000 characters")
    (tmp_path / "long.jsonl").write_text(json.dumps({"en": line, "fr": "b"}) + "\n")
    assert "long.jsonl:1: the line has more" in refused(
        jsonl.load, tmp_path / "long.jsonl", source="en", target="fr"
    )
    (tmp_path / "long.csv").write_text(f"x,y\n{line},1\n")
    with pytest.raises(UserError, match=r"long\.csv:2: the line has more"):
        regression.csv(0, path=str(tmp_path / "long.csv"), x="x", y="y")


@pytest.mark.parametrize("reader", ["tsv", "jsonl"])
def test_accents_that_take_long_to_sort_are_refused(tmp_path: Path, reader: str) -> None:
    marked = "e" + "\u0301\u0316" * 7_000
    rows = [("a", "b"), (marked, "c")] * 50
    if reader == "tsv":
        (tmp_path / "marks").write_text("".join(f"{source}\t{target}\n" for source, target in rows))
        message = refused(text.tsv, tmp_path / "marks")
    else:
        lines = (json.dumps({"en": source, "fr": target}) for source, target in rows)
        (tmp_path / "marks").write_text("\n".join(lines))
        message = refused(jsonl.load, tmp_path / "marks", source="en", target="fr")
    assert message.endswith("marks:2: the source has over 200 accents on one letter")
