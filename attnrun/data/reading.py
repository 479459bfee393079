"""Lines of a text file, plain, gzipped or zipped: every fault is a UserError with file and line."""

import difflib
import gzip
import lzma
import mmap
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, cast

from attnrun.errors import UserError
from attnrun.escape import for_terminal, truncate

MAXIMUM_CHARACTERS = 100_000  # a line
MAXIMUM_BYTES = 2 * 1024**3  # of text, unpacked
MAXIMUM_LINES = 10_000_000  # a small packed file can hold more than memory does
TEXT = (".txt", ".tsv")
JSON_LINES = (".jsonl", ".ndjson", ".json")
_LARGEST_RATIO = 50  # of a text to its packed form; ordinary text packs to a quarter
_SMALL = 2**18  # bytes; so much may be in a file of any size
_MOST_MEMBERS = 20_000
_MEMBER = re.compile(rb"PK\x01\x02")  # begins a member's entry in the table at the end of a zip
_LONGEST_LINE = 4 * MAXIMUM_CHARACTERS + 2  # bytes: UTF-8 takes at most four a character; CR LF
_ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_LOOKS_LIKE = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"%PDF": "PDF",
}
# What gzip and zipfile raise for damaged files; some come from the libraries beneath them.
_DAMAGE = (
    *(
        OSError,
        EOFError,
        MemoryError,
        ValueError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def read_lines(
    path: str | Path, ends: tuple[str, ...] = TEXT, *, blank_end: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield (place, line) for the lines of a UTF-8 text file; the place is `file:number`, for messages.

    Only a line feed ends a line, with a carriage return before it or not: other separators that Unicode
    knows are ordinary text. A byte order mark is dropped, and so are empty lines at the end of the file,
    unless `blank_end` is true. Gzip and zip are known by their first bytes; a zip must hold one file named
    with one of `ends`, and is never unpacked to disk.

    Raises:
        UserError: the file is missing, unreadable, no text, empty, not UTF-8, or has too long a line.
    """
    file = existing_file(path)
    blank = 0  # empty lines since the last text: counted, not kept, for there may be millions
    found = False
    try:
        with _opened(file, ends) as (stream, name, packed):
            for number, line in enumerate(_decoded(stream, name, packed), 1):
                found = found or bool(line)
                if not line and not blank_end:
                    blank += 1
                    continue
                yield from ((f"{name}:{empty}", "") for empty in range(number - blank, number))
                blank = 0
                yield f"{name}:{number}", line
    except _DAMAGE as error:
        raise UserError(f"cannot read {file}: {_reason(error)}") from None
    if not found:
        raise UserError(f"{file} is empty")


def counted(count: int, thing: str) -> str:
    """Return a count with the word for what is counted, as `1 line` or `2 lines`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def is_zip(path: str | Path) -> bool:
    """Say whether there is a file `path`, and a zip by its first bytes."""
    try:
        if not os.path.isfile(path):  # first of all: to open a pipe would wait for who writes into it
            return False
        with open(path, "rb") as stream:
            return stream.read(len(_ZIP)) == _ZIP
    except (OSError, ValueError):
        return False


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


def existing_folder(path: str, instead: str) -> Path:
    """Return the folder `data.path` names, `~` expanded; raise UserError, with what to give `instead`."""
    folder = Path(os.path.expanduser(path))
    if not path or not folder.is_dir():
        kind = "not a folder" if path and folder.exists() else "no folder"
        raise UserError(f"data.path={path!r}: {kind}; give one with {instead}")
    return folder


def entries_of(folder: Path) -> list[Path]:
    """Return what is in a folder by name, but for what is hidden; raise UserError if it cannot be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(f"cannot read {folder}: {_reason(error)}") from None


def _neighbour(missing: Path) -> str:
    """Return the tail of a message: the file in the same directory spelled most like the missing one."""
    try:
        names = sorted(entry.name for entry in missing.parent.iterdir() if entry.is_file())
    except OSError:
        return f"; there is no directory {missing.parent}"
    close = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.5)
    return f"; did you mean {str(missing.parent / close[0])!r}?" if close else ""


@contextmanager
def _opened(file: Path, ends: tuple[str, ...]) -> Iterator[tuple[IO[bytes], str, Callable[[], float]]]:
    """Open a file as bytes, unpacked; with the name to call it in messages, and how much of it was read.

    That is in bytes as they are packed; infinity where nothing is packed, or its size is known.
    """
    with file.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(raw) as unpacked:
                yield cast(IO[bytes], unpacked), str(file), raw.tell
        elif magic == _ZIP:
            check_members(file, file)
            with zipfile.ZipFile(raw) as archive:
                member = only_text(archive, file, ends)
                name = f"{file}/{shown_name(member)}"
                _check_ratio(member.file_size, min(member.compress_size, file.stat().st_size), name)
                with archive.open(member) as stream:
                    yield stream, name, _no_limit
        else:
            yield raw, str(file), _no_limit


def _no_limit() -> float:
    return float("inf")


def check_members(body: Path, shown: Path) -> None:
    """Count them first: `zipfile` keeps half a kilobyte of each before it says how many there are.

    Raises:
        UserError: the zip is empty, or has too many.
    """
    if not body.stat().st_size:
        raise UserError("no sound zip: it is empty")
    with body.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        count = sum(1 for _ in islice(_MEMBER.finditer(view), _MOST_MEMBERS + 1))
    if count > _MOST_MEMBERS:
        raise UserError(f"{shown} has more than {_MOST_MEMBERS:,} members")


def only_text(archive: zipfile.ZipFile, file: Path, ends: tuple[str, ...]) -> zipfile.ZipInfo:
    """Return the one file of an archive that ends so, passing over notes and system files.

    Such are `_about.txt` and `__MACOSX/`.

    Raises:
        UserError: there is no such file, or more than one.
    """
    members = [
        member
        for member in archive.infolist()
        if not any(part.startswith(("_", ".")) for part in member.filename.split("/"))
    ]
    texts = [member for member in members if _ends_with(member, ends)]
    if len(texts) != 1:
        names = ", ".join(map(shown_name, texts[:5])) or "none"
        other = "" if texts else _other_reader(members)
        raise UserError(f"{file} must hold exactly one {' or '.join(ends)} file; found: {names}{other}")
    return texts[0]


def _check_ratio(size: int, packed: float, name: str) -> None:
    if size > _SMALL + _LARGEST_RATIO * packed:
        raise UserError(f"{name} unpacks to more than {_LARGEST_RATIO} times its size, as no text does")


def shown_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member for a message: one short line, whatever the archive says."""
    return for_terminal(truncate(member.filename, 60))


def _ends_with(member: zipfile.ZipInfo, ends: tuple[str, ...]) -> bool:
    return member.filename.lower().endswith(tuple(end.lower() for end in ends))


def _other_reader(members: list[zipfile.ZipInfo]) -> str:
    """Return the tail of a message: the corpus that reads what an archive holds instead."""
    for corpus, ends in (("tsv", TEXT), ("jsonl", JSON_LINES)):
        if sum(_ends_with(member, ends) for member in members) == 1:
            return f"; corpus={corpus} reads such a zip"
    files = [PurePosixPath(shown_name(member)) for member in members]
    if len(files) == 2 and files[0].stem == files[1].stem:
        languages = (file.suffix.removeprefix(".") for file in files)
        keys = "corpus.source={} corpus.target={}".format(*languages)
        return f"; corpus=files {keys} reads such a zip"
    return ""


def _decoded(stream: IO[bytes], name: str, packed: Callable[[], float]) -> Iterator[str]:
    number = total = 0
    while raw := stream.readline(_LONGEST_LINE + 1):
        number += 1
        total += len(raw)
        if total > MAXIMUM_BYTES:
            raise UserError(f"{name} holds more than {MAXIMUM_BYTES // 1024**2} MiB of text")
        if number % 64 == 0:  # seldom, for it asks the system
            _check_ratio(total, packed(), name)
        if number > MAXIMUM_LINES:
            raise UserError(f"{name} holds more than {MAXIMUM_LINES:,} lines")
        yield _text(raw, f"{name}:{number}", first=number == 1)


def _text(raw: bytes, place: str, *, first: bool) -> str:
    """Decode one line, with its end cut off."""
    mark = len(_BOM) if first and raw.startswith(_BOM) else 0
    line = raw[mark:].removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        # A line longer than was read may be cut inside a character.
        if len(raw) <= _LONGEST_LINE:
            offset = mark + error.start
            raise UserError(f"{place}: not UTF-8 at byte {offset} of the line{_looks(raw, first)}") from None
        text = ""
    if len(raw) > _LONGEST_LINE or len(text) > MAXIMUM_CHARACTERS:
        raise UserError(f"{place}: the line has more than {MAXIMUM_CHARACTERS:,} characters")
    if "\0" in text:
        raise UserError(f"{place}: a NUL byte; this is not a text file")
    return text


def _looks(raw: bytes, first: bool) -> str:
    kinds = [kind for magic, kind in _LOOKS_LIKE.items() if first and raw.startswith(magic)]
    return f"; it looks like {kinds[0]}" if kinds else ""


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__
