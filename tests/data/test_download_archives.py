"""Downloaded archives: the one text in them arrives, or one line says why not, whatever they hold."""

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnrun.data.download import fetch
from attnrun.errors import UserError
from tests.data.small_package import TEXT, files, package, refused, sha256, zipped


def _link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


def _encrypted() -> bytes:
    body = bytearray(zipped(("x.txt", TEXT)))
    body[6] |= 1
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def _lying(size: int) -> bytes:
    """A zip whose headers give another size of the text."""
    body = bytearray(zipped(("x.txt", b"\0" * 40_000_000)))
    body[22:26] = struct.pack("<I", size)
    at = body.rindex(b"PK\x01\x02") + 24
    body[at : at + 4] = struct.pack("<I", size)
    return bytes(body)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (zipped, "exactly one"),
    "no text": (lambda: zipped(("run.exe", b"MZ")), "exactly one"),
    "two texts": (lambda: zipped(("a.txt", TEXT), ("b.txt", TEXT)), "found: a.txt, b.txt"),
    "a way out": (lambda: zipped(("../../x.txt", TEXT)), "exactly one"),
    "a zip in a zip": (lambda: zipped(("x.zip", zipped(("x.txt", TEXT)))), "exactly one"),
    "ten thousand": (lambda: zipped(*((f"{n}.txt", b"a") for n in range(10_000))), "found: 0.txt, 1.txt"),
    "many more": (lambda: zipped() + b"PK\x01\x02" * 20_001, "more than 20,000 members"),
    "link": (lambda: zipped((_link("x.txt"), b"/etc/passwd")), "is a link or a device"),
    "device": (lambda: zipped((_link("x.txt", stat.S_IFCHR), b"")), "is a link or a device"),
    "encrypted": (_encrypted, "encrypted"),
    "bomb": (lambda: zipped(("x.txt", b"\0" * 40_000_000)), f"more than {len(TEXT):,} bytes"),
    "bomb that lies": (lambda: _lying(len(TEXT)), "no sound zip: Bad CRC-32"),
    "bomb that says zero": (lambda: _lying(0), "no sound zip: Bad CRC-32"),
    "lzma": (lambda: zipped(("x.txt", TEXT), packing=zipfile.ZIP_LZMA), "packed neither"),
    "cut off": (lambda: zipped(("x.txt", TEXT))[:-30], "no sound zip"),
    "no zip": (lambda: b"<html>not found</html>", "no sound zip"),
    "empty": (lambda: b"", "no sound zip: it is empty; put"),
    "wrong text": (lambda: zipped(("x.txt", TEXT[1:])), "is not the file it should be"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [*HOSTILE, "one name twice"])
def test_a_hostile_archive_is_refused(name: str, server: Any, cache: Path) -> None:
    twice: tuple[Callable[[], bytes], str] = (
        lambda: zipped(("x.txt", TEXT), ("x.txt", TEXT)),
        "found: x.txt, x.txt",
    )
    make, said = HOSTILE.get(name, twice)
    assert said in refused(package(server.serve("/x.zip", make()), zipped=True))


@pytest.mark.parametrize("name", ["/tmp/evil.txt", "C:\\evil.txt", "a/b\\..\\..\\evil.txt", "NUL.txt"])
def test_a_name_in_an_archive_names_no_file(name: str, server: Any, cache: Path, tmp_path: Path) -> None:
    fetch(package(server.serve("/x.zip", zipped((name, TEXT))), zipped=True))
    assert files(tmp_path) == {"cache/small/x.txt", "cache/small/LICENCE.txt"}
    assert (cache / "small/x.txt").read_bytes() == TEXT


def test_a_zip_with_flipped_bytes_gives_the_text_or_one_line(tmp_path: Path) -> None:
    import random

    from attnrun.data.archive import keep

    dice = random.Random(7)
    sound = zipped(("d/x.txt", TEXT[:2_000]), ("_about.txt", b"note"))
    body, place = tmp_path / "body", tmp_path / "x.txt"
    outcomes = set()
    for _ in range(300):
        changed = bytearray(sound)
        for _ in range(dice.randint(1, 4)):
            # most of them in the headers, where they do most
            changed[dice.choice((dice.randrange(len(sound)), -dice.randrange(1, 180)))] = dice.randrange(256)
        body.write_bytes(changed)
        place.unlink(missing_ok=True)
        try:
            outcomes.add(keep(body, place, zipped=True, limit=2_000) == sha256(TEXT[:2_000]))
        except UserError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes >= {True, "refused"}
