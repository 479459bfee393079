"""Downloads: the right bytes arrive or one line says why not, whatever servers do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from attnrun import __version__
from attnrun.data.download import cache_directory, fetch, state, verify
from attnrun.errors import UserError
from tests.data.small_package import LONG, TEXT, fetching, files, package, refused, sha256, start, zipped

# The ordinary way


def test_a_file_comes_once_and_is_then_found_without_the_server(server: Any, cache: Path) -> None:
    wanted = package(server.serve("/x.txt", TEXT))
    assert state(wanted) == verify(wanted) == {"x.txt": "missing"}
    assert fetch(wanted) == cache / "small" == wanted.directory
    assert (cache / "small/x.txt").read_bytes() == TEXT
    assert server.agents == {f"attnrun/{__version__}"}
    server.stop()
    assert fetch(wanted) == cache / "small"
    assert server.asked == {"/x.txt": 1}
    assert (state(wanted), verify(wanted)) == ({"x.txt": "present"}, {"x.txt": "ok"})
    assert files(cache) == {"small/x.txt", "small/LICENCE.txt"}


def test_a_verified_file_is_trusted_by_its_size(server: Any, cache: Path) -> None:
    wanted = package(server.serve("/x.txt", TEXT))
    place = fetch(wanted) / "x.txt"
    place.write_bytes(TEXT[:-1] + b"?")
    fetch(wanted)
    assert verify(wanted) == {"x.txt": "damaged"}
    place.write_bytes(TEXT[:-1])
    with pytest.raises(UserError, match=r"is not the file it should be.*delete it"):
        fetch(wanted)
    assert verify(wanted) == {"x.txt": "damaged"}


def test_the_text_of_a_zip_is_kept_under_our_name(server: Any, cache: Path) -> None:
    body = zipped(("deep/fra.txt", TEXT), ("deep/_about.txt", b"note"), ("__MACOSX/deep/._fra.txt", b"\0"))
    fetch(package(server.serve("/fra-eng.zip", body), zipped=True))
    assert (cache / "small/x.txt").read_bytes() == TEXT


def test_what_comes_and_its_licence_are_said_once(
    server: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = package(server.serve("/x.txt", LONG), LONG)
    fetch(wanted)
    said = capsys.readouterr()
    assert not said.out
    assert f"downloading x.txt (675.1 kB) from {wanted.files[0].url}" in said.err
    assert "licence: CC0" in said.err and "cite: somebody 1999" in said.err
    fetch(wanted)
    (cache / "small/x.txt").unlink()
    fetch(wanted)
    assert capsys.readouterr().err.splitlines() == [
        f"attnrun: downloading x.txt (675.1 kB) from {wanted.files[0].url}"
    ]


def test_a_terminal_sees_a_bar(server: Any, cache: Path) -> None:
    import pty

    url = server.serve("/x.txt", LONG, pause=0.01)
    master, slave = pty.openpty()
    with start(fetching(url, LONG), slave) as process:
        os.close(slave)
        shown = b""
        try:
            while block := os.read(master, 2**12):
                shown += block
        except OSError:  # how a pseudo-terminal says that the other side has closed
            pass
        assert process.wait() == 0
    os.close(master)
    assert b"downloading x.txt" in shown and b"\x1b[" in shown and b"CC0" in shown
    assert b".body" not in shown, "pooch's own messages name files that nobody will find"


def test_without_a_known_hash_the_one_that_came_is_said_and_held_to(
    server: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = package(server.serve("/x.txt", TEXT), sha256=None, size=10**6)
    fetch(wanted)
    assert f"x.txt was not checked, for no sha256 was given; it has {sha256(TEXT)}" in capsys.readouterr().err
    assert verify(wanted) == {"x.txt": "ok"}
    (cache / "small/x.txt").write_bytes(TEXT[:-1] + b"?")
    assert verify(wanted) == {"x.txt": "damaged"}


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("ATTNRUN_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert "attnrun" in cache_directory().name


# What lies in the cache already


def test_a_file_placed_by_hand_is_verified_at_its_first_use(server: Any, cache: Path) -> None:
    wanted = package(server.url("/never"))
    (cache / "small").mkdir(parents=True)
    (cache / "small/x.txt").write_bytes(TEXT)
    assert fetch(wanted) == cache / "small"
    assert not server.asked

    (cache / "small/x.txt").write_bytes(TEXT[:-1])
    with pytest.raises(UserError, match=f"x.txt is not.*{sha256(TEXT[:-1])}.*delete it"):
        fetch(wanted)
    assert verify(wanted) == {"x.txt": "damaged"}


def test_a_damaged_record_only_means_that_the_file_is_read_again(server: Any, cache: Path) -> None:
    wanted = package(server.serve("/x.txt", TEXT))
    fetch(wanted)
    for record in ("", "[]", '{"sha256": 1}', json.dumps({"sha256": "0" * 64, "size": len(TEXT)})):
        (cache / "small/.x.txt.json").write_text(record)
        fetch(wanted)
    assert server.asked == {"/x.txt": 1}


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_made_is_named(
    place: str, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", place)
    with pytest.raises(UserError, match=f"cannot use the cache {place}/small: .*ATTNRUN_DATA"):
        fetch(package(server.serve("/x.txt", TEXT)))


def test_a_full_disk_is_one_line_and_leaves_nothing(server: Any, cache: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    url = server.serve("/x.txt", LONG)
    with start(limit + fetching(url, LONG)) as process:
        _, said = process.communicate()
    assert process.returncode == 3
    assert f"cannot use the cache {cache}/small: file too large" in said
    assert not files(cache)


# Servers


@pytest.mark.parametrize(("status", "said"), [(404, "404 Not Found"), (500, "500 Internal"), (799, "799")])
def test_a_refusal_of_the_server_says_what_to_do(
    status: int, said: str, server: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.serve("/x.txt", b"<html>", status=status)
    message = refused(package(url))
    assert f"cannot download {url}: the server answers {said}" in message
    assert f"put that file at {cache}/small/x.txt by hand (sha256 {sha256(TEXT)})" in message
    assert "corpus=phrases" in message
    assert server.asked == {"/x.txt": 1}
    assert "licence" not in capsys.readouterr().err


def test_a_server_that_is_down_is_one_line(server: Any, cache: Path) -> None:
    server.stop()
    assert "Connection refused; put that file at" in refused(package(server.url("/x.txt")))


@pytest.mark.parametrize("announce", [True, False])
def test_a_truncated_body_is_refused(announce: bool, server: Any, cache: Path) -> None:
    url = server.serve("/x.txt", LONG, cut=400_000, announce=announce)
    message = refused(package(url, LONG))
    if announce:
        assert "400000 bytes read" in message
        assert server.asked == {"/x.txt": 2}
    else:
        assert f"its sha256 is {sha256(LONG[:400_000])}, not {sha256(LONG)}" in message


def test_a_connection_that_breaks_once_is_tried_again(server: Any, cache: Path) -> None:
    fetch(package(server.serve("/x.txt", LONG, cut=400_000, cuts=1), LONG))
    assert (cache / "small/x.txt").read_bytes() == LONG
    assert server.asked == {"/x.txt": 2}


def test_wrong_bytes_are_refused_with_both_hashes(server: Any, cache: Path) -> None:
    wrong = TEXT[:-1] + b"?"
    url = server.serve("/x.txt", wrong)
    message = refused(package(url))
    assert f"{url}: x.txt is not the file it should be: its sha256 is {sha256(wrong)}" in message
    assert f"not {sha256(TEXT)}" in message


@pytest.mark.parametrize("how", [{"endless": True}, {}])
def test_too_large_a_body_is_cut_off_at_once(how: dict[str, Any], server: Any, cache: Path) -> None:
    body = b"a" * 30_000_000 if not how else LONG
    message = refused(package(server.serve("/x.txt", body, **how)))
    assert f"larger than {len(TEXT):,} bytes" in message
    assert server.sent < 20_000_000


def test_a_body_packed_for_the_way_cannot_grow(server: Any, cache: Path) -> None:
    import gzip

    bomb = gzip.compress(b"\0" * 50_000_000)
    url = server.serve("/x.txt", bomb, headers={"Content-Encoding": "gzip"})
    assert "larger than" in refused(package(url))


def test_redirects_are_followed_and_bounded(server: Any, cache: Path) -> None:
    server.serve("/x.txt", TEXT)
    server.serve("/ring", status=302, headers={"Location": "/ring"})
    server.serve("/file", status=302, headers={"Location": "file:///etc/passwd"})
    assert "/ring: the server redirects again and again; put" in refused(package(server.url("/ring")))
    assert "file:///etc/passwd" in refused(package(server.url("/file")))
    fetch(package(server.serve("/old", status=301, headers={"Location": "/x.txt"})))
    assert (cache / "small/x.txt").read_bytes() == TEXT


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "doi:10.5281/zenodo.1/x",
        "x.txt",
        "",
        "http://",
        "http://[::1/x",
        "http://\x1b[31m/x",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:port/x",
    ],
)
def test_only_web_addresses_are_taken(url: str, cache: Path) -> None:
    assert "is no http:// or https:// address" in refused(package(url))


def test_an_address_that_leads_nowhere_is_one_line(cache: Path) -> None:
    assert refused(package("http://a..b/x")).startswith("cannot download http://a..b/x: ")
