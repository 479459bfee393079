"""Lines of a text file, plain, gzipped or zipped: every fault is a UserError with file and line."""

import difflib
import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from attnrun.errors import UserError

MAXIMUM_CHARACTERS = 100_000  # a line
MAXIMUM_BYTES = 2 * 1024**3  # of text, unpacked
_LONGEST_LINE = 4 * MAXIMUM_CHARACTERS + 2  # bytes: UTF-8 takes at most four a character; CR LF
_BOM = b"\xef\xbb\xbf"
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def read_lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield (place, line) for the lines of a UTF-8 text file; the place is `file:number`, for messages.

    Only a line feed ends a line, with a carriage return before it or not: other separators that Unicode
    knows are ordinary text. A byte order mark is dropped, and so are empty lines at the end of the file.
    Gzip and zip are known by their first bytes; a zip must hold one text file, and is never unpacked.

    Raises:
        UserError: the file is missing, unreadable, no text, empty, not UTF-8, or has too long a line.
    """
    file = existing_file(path)
    empty: list[tuple[str, str]] = []
    found = False
    try:
        with _opened(file) as (stream, name):
            for place, line in _decoded(stream, name):
                if not line:
                    empty.append((place, line))
                    continue
                yield from empty
                empty.clear()
                found = True
                yield place, line
    except _DAMAGE as error:
        raise UserError(f"cannot read {file}: {_reason(error)}") from None
    if not found:
        raise UserError(f"{file} is empty")


def existing_file(path: str | Path) -> Path:
    """Return `path`, `~` expanded, if it is a regular file.

    Raises:
        UserError: it is not; the message names the nearest file there is.
    """
    text = str(path)
    if not text or "\0" in text:
        raise UserError(f"{text!r} is not a file's path")
    file = Path(os.path.expanduser(text))
    try:
        if file.is_file():
            return file
        kind = "a directory, not a file" if file.is_dir() else "not a regular file"
        if file.exists():
            raise UserError(f"{file} is {kind}")
    except OSError as error:
        raise UserError(f"cannot read {file}: {_reason(error)}") from None
    raise UserError(f"no file {file}{_neighbour(file)}")


def _neighbour(missing: Path) -> str:
    """Return the tail of a message: the file in the same directory spelled most like the missing one."""
    try:
        names = sorted(entry.name for entry in missing.parent.iterdir())
    except OSError:
        return f"; there is no directory {missing.parent}"
    close = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.5)
    return f"; did you mean {str(missing.parent / close[0])!r}?" if close else ""


@contextmanager
def _opened(file: Path) -> Iterator[tuple[IO[bytes], str]]:
    """Open a file as bytes, unpacked, with the name to call it in messages."""
    with file.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(raw) as unpacked:
                yield cast(IO[bytes], unpacked), str(file)
        elif magic == b"PK\x03\x04":
            with zipfile.ZipFile(raw) as archive:
                member = _only_text(archive, file)
                with archive.open(member) as stream:
                    yield stream, f"{file}/{member.filename}"
        else:
            yield raw, str(file)


def _only_text(archive: zipfile.ZipFile, file: Path) -> zipfile.ZipInfo:
    """Return the text of an archive, passing over notes and system files (`_about.txt`, `__MACOSX/`)."""
    texts = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith((".txt", ".tsv"))
        and not any(part.startswith(("_", ".")) for part in member.filename.split("/"))
    ]
    if len(texts) != 1:
        names = ", ".join(member.filename for member in texts[:5]) or "none"
        raise UserError(f"{file} must hold exactly one .txt or .tsv file; found: {names}")
    return texts[0]


def _decoded(stream: IO[bytes], name: str) -> Iterator[tuple[str, str]]:
    number = total = 0
    while raw := stream.readline(_LONGEST_LINE + 1):
        number += 1
        total += len(raw)
        if total > MAXIMUM_BYTES:
            raise UserError(f"{name} holds more than {MAXIMUM_BYTES // 1024**2} MiB of text")
        yield f"{name}:{number}", _text(raw, f"{name}:{number}", first=number == 1)


def _text(raw: bytes, place: str, *, first: bool) -> str:
    """Decode one line, with its end cut off."""
    mark = len(_BOM) if first and raw.startswith(_BOM) else 0
    line = raw[mark:].removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        # A line longer than was read may be cut inside a character.
        if len(raw) <= _LONGEST_LINE:
            wide = "; it looks like UTF-16" if first and raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
            offset = mark + error.start
            raise UserError(f"{place}: not UTF-8 at byte {offset} of the line{wide}") from None
        text = ""
    if len(raw) > _LONGEST_LINE or len(text) > MAXIMUM_CHARACTERS:
        raise UserError(f"{place}: the line has more than {MAXIMUM_CHARACTERS:,} characters")
    if "\0" in text:
        raise UserError(f"{place}: a NUL byte; this is not a text file")
    return text


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
