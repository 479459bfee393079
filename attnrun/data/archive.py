"""What is kept of a downloaded body: its bytes, unpacked or not, or the one text of a zip; named by us.

A packed body decides no file's name, kind or place, only the bytes of what is kept.
"""

import errno
import gzip
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from attnrun.data.reading import TEXT, check_members, only_text, shown_name
from attnrun.errors import UserError

_BLOCK = 2**16  # bytes
_SELF = Path("the zip")  # in messages; where it lies for a moment tells nobody anything
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to unpack a byte
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


def keep(body: Path, place: Path, *, zipped: bool, gzipped: bool = False, limit: int) -> str:
    """Write what is kept of `body` to the new file `place`; return its sha256.

    Args:
        zipped: `body` is a zip, of which the only text is kept.
        gzipped: `body` is packed by gzip, and kept unpacked.
        limit: the most bytes to write.

    Raises:
        UserError: the archive is damaged, holds not exactly one text, or more than `limit` bytes of it.
        OSError: `place` cannot be written.
    """
    if gzipped:
        return _unpack(body, place, limit)
    if not zipped:
        with body.open("rb") as stream:
            return _copy(stream, place, limit)
    try:
        check_members(body, _SELF)
        with zipfile.ZipFile(body) as archive, archive.open(_member(archive)) as stream:
            return _copy(stream, place, limit)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the beginning of the zip; others are ours
            raise
        raise UserError("no sound zip: it names a place outside itself") from None
    except _DAMAGE as error:
        raise UserError(f"no sound zip: {_first_line(error)}") from None


def _unpack(body: Path, place: Path, limit: int) -> str:
    try:
        with gzip.open(body) as stream:
            return _copy(stream, place, limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"no sound gzip: {_first_line(error)}") from None


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    member = only_text(archive, _SELF, TEXT)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise UserError(f"{_SELF}: {shown_name(member)!r} is a link or a device, not a file")
    if member.compress_type not in _PACKINGS:
        raise UserError(f"{_SELF}: {shown_name(member)!r} is packed neither by deflate nor not at all")
    return member


def _copy(stream: IO[bytes] | gzip.GzipFile, place: Path, limit: int) -> str:
    digest, total = hashlib.sha256(), 0
    with place.open("xb") as out:
        while block := stream.read(_BLOCK):
            total += len(block)
            if total > limit:
                raise UserError(f"{place.name} would have more than {limit:,} bytes")
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())  # the rename that follows must not overtake the bytes
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
