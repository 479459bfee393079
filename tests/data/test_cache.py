"""What the cache says of its files, and what it refuses to keep."""

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from attnrun.data import multi30k, tatoeba
from attnrun.data.download import Package, Remote, fetch, verify, whole
from attnrun.data.reading import read_lines
from attnrun.data.transfer import without_password
from attnrun.errors import UserError


def zipped(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("deu.txt", text)
    return stream.getvalue()


def refused(wanted: Package) -> str:
    with pytest.raises(UserError) as caught:
        fetch(wanted)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# States


def test_a_file_that_nothing_is_known_of_is_unknown(cache: Path) -> None:
    (cache / "tatoeba").mkdir(parents=True)
    (cache / "tatoeba/notes.txt").write_text("mine")
    package = tatoeba.package(url="http://example.org/deu-eng.zip", target="de")
    by_hand = cache / "tatoeba" / package.files[0].name
    by_hand.write_text("Go.\tGeh.\n")
    assert verify(whole(package)) == {by_hand.name: "unknown", "notes.txt": "unknown"}
    fetch(package)
    assert verify(whole(package))[by_hand.name] == "ok"


def test_files_of_other_keys_are_held_to_their_known_hashes(cache: Path, real_data: Path) -> None:
    (cache / "multi30k").mkdir(parents=True)
    (cache / "multi30k/train.fr.gz").write_bytes(b"garbage")
    real = (real_data / "multi30k/raw/val.fr.gz").read_bytes()
    (cache / "multi30k/val.fr.gz").write_bytes(real)
    found = verify(whole(multi30k.package()))
    assert {name: state for name, state in found.items() if state != "missing"} == {
        "train.fr.gz": "damaged",
        "val.fr.gz": "ok",
    }
    (remote,) = (remote for remote in whole(multi30k.package()).files if remote.name == "val.fr.gz")
    assert remote.url.endswith("/raw/val.fr.gz") and remote.sha256


def test_the_textbooks_file_is_known_beside_another_address(cache: Path) -> None:
    (cache / "tatoeba").mkdir(parents=True)
    (cache / "tatoeba/fra.txt").write_text("garbage")
    package = tatoeba.package(url="http://example.org/deu-eng.zip", target="de")
    assert verify(whole(package))["fra.txt"] == "damaged"


# Refusals


def test_the_first_of_several_missing_files_says_how_many_more(server: Any, cache: Path) -> None:
    server.stop()
    message = refused(multi30k.package(url=server.url()))
    assert f"put that file at {cache}/multi30k/train.lc.norm.tok.de by hand (sha256 " in message
    assert message.endswith("), and 7 more beside it, or use corpus=phrases, which is built in")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it is empty"), ("Go. Geh.\n", "no tab in its first line"), ("\n", "no tab in its")],
)
def test_a_text_of_another_form_is_not_kept(text: str, said: str, server: Any, cache: Path) -> None:
    url = server.serve("/deu-eng.zip", zipped(text))
    package = tatoeba.package(url=url, target="de")
    message = refused(package)
    assert message.startswith(f"{url}: the text is not of lines `english TAB other language`: {said}")
    assert set(verify(package).values()) == {"missing"}
    assert not list(cache.rglob(".partial-*"))
    server.serve("/deu-eng.zip", zipped("Go.\tGeh.\n"))
    fetch(package)
    assert set(verify(package).values()) == {"ok"}


# Passwords


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@example.org/x", "http://me:***@example.org/x"),
        ("https://secret@example.org/x", "https://***@example.org/x"),
        ("http://me:p@secret@example.org", "http://me:***@example.org"),
        ("http://me:p/#secret@example.org/", "http://me:***@example.org/"),
        ("me:secret@example.org/x", "me:***@example.org/x"),
        ("no adapter for ftp://me:secret@example.org/x", "no adapter for ftp://me:***@example.org/x"),
        ("http://example.org/a@b?c=d@e", "http://example.org/a@b?c=d@e"),
    ],
)
def test_a_password_is_starred(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_no_message_shows_a_password(
    server: Any, cache: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def package(path: str, **keys: Any) -> Package:
        url = server.url(path).replace("//", "//me:secret@")
        return Package("small", "CC0", "nobody", "", (Remote("x.txt", url, None, 9, **keys),))

    caplog.set_level(logging.DEBUG)
    server.serve("/right", b"text")
    server.serve("/long", b"a long text")
    server.serve("/away", status=302, headers={"Location": "ftp://me:secret@example.org/"})
    server.serve("/port", status=302, headers={"Location": "http://me:secret@example.org:99999/"})
    wanted = [package("/missing"), package("/long"), package("/right", zipped=True), package("/away")]
    messages = [refused(each) for each in [*wanted, package("/port")]]
    messages += [refused(Package("small", "", "", "", (Remote("x.txt", "ftp://me:secret@h", None, 9),)))]
    assert all("//me:***@" in message for message in messages)
    fetch(package("/right"))
    server.stop()
    (cache / "small/x.txt").unlink()
    messages += [refused(package("/right")), *capsys.readouterr(), caplog.text]
    assert "downloading x.txt (4 bytes) from http://me:***@" in "".join(messages)
    assert not [message for message in messages if "secret" in message]


def test_a_record_of_a_file_that_is_gone_binds_no_new_one(
    server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/x", b"before")
    package = Package("one", "free", "nobody", "nowhere", (Remote("x.txt", url, None, 100),))
    file = fetch(package) / "x.txt"
    file.unlink()
    server.serve("/x", b"after, and longer")

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("attnrun.data.download._write_record", die)
        fetch(package)
    assert fetch(package).joinpath("x.txt").read_bytes() == b"after, and longer"


def test_names_in_an_archive_make_no_long_message(tmp_path: Path) -> None:
    file = tmp_path / "long.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for letter in "ab":
            archive.writestr(f"{letter * 60_000}\n\x1b[31m.txt", "x\ty\n")
    with pytest.raises(UserError) as caught:
        list(read_lines(file))
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
