"""Damaged files of every format: a UserError, or exactly the pairs a slow reader finds; never a shift."""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from attnrun.data import jsonl, text
from attnrun.errors import UserError

Pairs = list[tuple[str, str]]
TRIES = 2000
SIDES = [
    "a",
    "b c",
    "é",
    "\ufeff",
    "😀",
    "d\re",
    '"',
    "'",
    "\u2028",
    "\x85",
    "\x0c",
    "\u202f",
    "\xa0x",
    "|||",
]
FAULTS = [
    *[b"", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\t", b"\t\t", b"\n", b"\n\n", b"\r", b"\r\n", b" "],
    *[b"\x1f\x8b", b"PK\x03\x04", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"{", b"}", b"[", b"\\", b":", b","],
    *[b"\\u0000", b"\\ud800", b"\\n", b"NaN", b"null", b"1e999", b"9" * 5000, b"[" * 3000, b"\\u00e9", b"_"],
]


def write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # some file systems are slow to overwrite
    path.write_bytes(content)


def mutated(content: bytes, chance: random.Random, count: int) -> bytes:
    for _ in range(count):
        place = chance.randrange(len(content) + 1)
        content = content[:place] + chance.choice(FAULTS) + content[place + chance.randrange(4) :]
    return content


def sentences(chance: random.Random, count: int) -> Pairs:
    # The number on either side shows a shift, and makes every sentence differ.
    return [(f"{chance.choice(SIDES)}{n}", f"{chance.choice(SIDES)}{n}") for n in range(count)]


def slow_lines(content: bytes) -> list[str] | None:
    """Read lines one byte at a time; None where the file is to be refused."""
    if content[:2] == b"\x1f\x8b" or content[:4] == b"PK\x03\x04" or b"\0" in content:
        return None
    lines, line = [], b""
    for byte in content.removeprefix(b"\xef\xbb\xbf"):
        if byte == 10:
            lines.append(line)
            line = b""
        else:
            line += bytes([byte])
    lines.append(line)
    try:
        decoded = [line.removesuffix(b"\r").decode() for line in lines]
    except UnicodeDecodeError:
        return None
    while decoded and not decoded[-1]:
        del decoded[-1]
    return decoded or None


def whole(pairs: Pairs) -> Pairs | None:
    return pairs if all(side.strip() for pair in pairs for side in pair) else None


def slow_tsv(content: bytes) -> Pairs | None:
    lines = slow_lines(content)
    if lines is None or any("\t" not in line for line in lines):
        return None
    return whole([tuple(line.split("\t")[:2]) for line in lines])


def slow_files(source: bytes, target: bytes) -> Pairs | None:
    sides = slow_lines(source), slow_lines(target)
    if sides[0] is None or sides[1] is None or len(sides[0]) != len(sides[1]):
        return None
    return whole(list(zip(*sides, strict=True)))


def slow_jsonl(content: bytes) -> Pairs | None:
    pairs = []
    for line in slow_lines(content) or [""]:
        try:
            found = json.loads(line)
            source, target = found["en"], found["fr"]
            (source + target).encode()
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if not isinstance(source, str) or not isinstance(target, str) or "\0" in source + target:
            return None
        pairs.append((source.replace("\n", " "), target.replace("\n", " ")))
    return whole(pairs)


def read(load: Callable, path: Path, **keys) -> Pairs | None:
    """Return the pairs in the order of the file, None where it is refused in one line that names it."""
    try:
        corpus = load(path=str(path), valid=0, test=0, **keys)
    except UserError as error:
        assert "\n" not in str(error)
        assert path.name in str(error)
        return None
    assert not corpus.valid and not corpus.test
    return [(pair.source, pair.target) for pair in corpus.train]


def check_all(tries: list[tuple[Pairs | None, Pairs | None]]) -> None:
    wrong = [(found, expected) for found, expected in tries if found != expected]
    assert not wrong, wrong[0]
    refused = sum(found is None for found, _ in tries)
    assert TRIES // 5 < refused < TRIES * 4 // 5  # neither everything nor nothing


def test_tab_separated_files(tmp_path):
    chance, path, tries = random.Random(11), tmp_path / "fuzz.tsv", []
    for n in range(TRIES):
        content = "\n".join(f"{source}\t{target}" for source, target in sentences(chance, 7)).encode()
        content = mutated(content, chance, n % 4)
        write(path, content)
        tries.append((read(text.tsv, path), slow_tsv(content)))
    check_all(tries)


def test_pairs_of_files(tmp_path):
    chance, tries = random.Random(12), []
    for n in range(TRIES):
        sides = zip(*sentences(chance, 7), strict=True)
        contents = [mutated("\n".join(side).encode(), chance, n % 3) for side in sides]
        for content, suffix in zip(contents, ("en", "fr"), strict=True):
            write(tmp_path / f"fuzz.{suffix}", content)
        found = read(text.files, tmp_path / "fuzz", source="en", target="fr")
        tries.append((found, slow_files(*contents)))
    check_all(tries)


def test_json_lines(tmp_path):
    chance, path, tries = random.Random(13), tmp_path / "fuzz.jsonl", []
    for n in range(TRIES):
        rows = [{"id": 7, "en": en, "fr": fr} for en, fr in sentences(chance, 7)]
        lines = [json.dumps(row, ensure_ascii=chance.random() < 0.5) for row in rows]
        content = mutated("\n".join(lines).encode(), chance, n % 3)
        write(path, content)
        tries.append((read(jsonl.load, path, source="en", target="fr"), slow_jsonl(content)))
    check_all(tries)


@pytest.mark.parametrize("packing", ["gzip", "stored", "deflated", "bzip2", "lzma"])
def test_damaged_archives(tmp_path, packing):
    chance = random.Random(14)
    given = sentences(chance, 50)
    whole_file = packed("".join(f"{en}\t{fr}\n" for en, fr in given).encode(), packing)
    path, read_whole = tmp_path / "fuzz.tsv", 0
    for n in range(300):
        content = bytearray(whole_file)
        for _ in range(n % 3):
            content[chance.randrange(len(content))] = chance.randrange(256)
        write(path, content[: chance.randrange(len(content)) if n % 5 == 4 else None])
        found = read(text.tsv, path)
        assert found in (None, given)
        read_whole += found == given
    assert 80 < read_whole < 240


def packed(content: bytes, packing: str) -> bytes:
    if packing == "gzip":
        return gzip.compress(content)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", getattr(zipfile, f"ZIP_{packing.upper()}")) as archive:
        archive.writestr("pairs.tsv", content)
    return file.getvalue()
