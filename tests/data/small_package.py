"""A package of one file for the tests of downloads, and what they ask about it."""

import hashlib
import io
import subprocess
import sys
import textwrap
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from attnrun.data.download import Package, Remote, fetch, state
from attnrun.errors import UserError

TEXT = "".join(f"Go {number}.\tVa {number} !\n" for number in range(9_000)).encode()
LONG = TEXT * 4  # about 0.7 MB


# A process that a shell runs in its background has been told not to.
_HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def package(url: str, body: bytes = TEXT, **how: Any) -> Package:
    """A package of one file, which should be `body`."""
    remote = {"name": "x.txt", "url": url, "sha256": sha256(body), "size": len(body), **how}
    return Package("small", "CC0", "somebody 1999", "https://example.org", (Remote(**remote),))


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return stream.getvalue()


def files(directory: Path) -> set[str]:
    """Every file below `directory` that is not a record of ours."""
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and path.name not in (".lock", ".x.txt.json")
    }


def refused(wanted: Package) -> str:
    """Return the message of the refusal, which leaves no file."""
    with pytest.raises(UserError) as caught:
        fetch(wanted)
    assert "\n" not in str(caught.value)
    assert not files(wanted.directory) if wanted.directory.exists() else True
    assert state(wanted) == {"x.txt": "missing"}
    return str(caught.value)


def fetching(url: str, body: bytes = LONG) -> str:
    """A program that fetches as `package` says, and ends with 3 after a line on stderr where it cannot."""
    return textwrap.dedent(f"""
        import sys
        from attnrun.data.download import Package, Remote, fetch
        from attnrun.errors import UserError
        remote = Remote("x.txt", {url!r}, {sha256(body)!r}, {len(body)})
        try:
            fetch(Package("small", "CC0", "somebody 1999", "https://example.org", (remote,)))
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(3)
    """)


def start(program: str, log: Path | int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Run a program that hears of Ctrl-C, with stderr to a file, a descriptor or a pipe."""
    with log.open("w") if isinstance(log, Path) else nullcontext(log) as stderr:
        return subprocess.Popen([sys.executable, "-c", _HEARS + program], stderr=stderr, text=True)
