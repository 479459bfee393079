"""Corpora from the web, in a cache: fetched once, verified, and shared by processes that run at once."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from attnrun.data.archive import keep
from attnrun.data.transfer import say, transfer, without_password
from attnrun.errors import UserError

_SLACK = 2**20  # bytes that a packed body may have beyond what is kept: other members, names, no gain
_PARTIAL = ".partial-"
NOTICE = "LICENCE.txt"

Verdict = Literal["ok", "missing", "damaged", "unknown"]


@dataclass(frozen=True)
class Remote:
    """A file of a package.

    Attributes:
        name: of the file in the cache: ours, never one from a server or an archive.
        url: where it comes from.
        sha256: of the file as it is kept; None where it is not known.
        size: bytes it has, or the most it may have.
        zipped: the address serves a zip, of which the only text is kept.
        gzipped: the address serves it packed by gzip; what is kept is unpacked.
        check: raises a UserError where the file at a path is not of its form, before it is kept.
    """

    name: str
    url: str
    sha256: str | None
    size: int
    zipped: bool = False
    gzipped: bool = False
    check: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Package:
    """What is fetched, under which licence, and whom to cite for it.

    `known` are files that may lie in the same directory too: those that other keys fetch. `instead` says what
    to use where it cannot be had.
    """

    name: str
    licence: str
    citation: str
    homepage: str
    files: tuple[Remote, ...]
    known: tuple[Remote, ...] = ()
    instead: str = "corpus=phrases, which is built in"

    @property
    def directory(self) -> Path:
        """Where its files are kept."""
        return cache_directory() / self.name


@dataclass(frozen=True)
class _Record:
    """What a file was when it was verified; kept beside it."""

    sha256: str
    size: int


def cache_directory() -> Path:
    """Return where downloads are kept: $ATTNRUN_DATA, else the user's cache directory."""
    given = os.environ.get("ATTNRUN_DATA")
    if given:
        return Path(os.path.expanduser(given)).absolute()
    import pooch

    return Path(pooch.os_cache("attnrun"))


def fetch(package: Package) -> Path:
    """Download the files of `package` that are missing, and return the directory of all of them.

    A file that was verified before is trusted by its size; one that was placed by hand is verified now.
    Processes that fetch at once wait for the one that downloads. Licence and citation are shown the first
    time, on stderr.

    Raises:
        UserError: a file cannot be had, or is not the one it should be; or the cache cannot be written.
    """
    with _explained(package.directory):
        missing = [remote for remote in package.files if not _is_there(package, remote)]
        if missing:
            package.directory.mkdir(parents=True, exist_ok=True)
            with _locked(package):
                for number, remote in enumerate(missing, 1):
                    if not _is_there(package, remote):
                        _get(package, remote, len(missing) - number)
        _introduce(package)
    return package.directory


def state(package: Package) -> dict[str, Literal["present", "missing"]]:
    """Say of each file whether it is in the cache; none is read."""
    with _explained(package.directory):
        return {
            remote.name: "present" if (package.directory / remote.name).is_file() else "missing"
            for remote in package.files
        }


def whole(package: Package) -> Package:
    """Return the package with every file that is in its directory, those of other keys too."""
    named = {remote.name for remote in package.files}
    known = {remote.name: remote for remote in package.known}
    found = sorted(path.name for path in package.directory.glob("[!.]*") if path.is_file())
    others = [known.get(name, Remote(name, "", None, 0)) for name in found if name not in {*named, NOTICE}]
    return replace(package, files=(*package.files, *others))


def verify(package: Package) -> dict[str, Verdict]:
    """Say of each file whether it has the hash it should have, or had when it came; all are read.

    It is `unknown` of a file that has neither: one of no package, or placed by hand and not used yet.
    """
    with _explained(package.directory):
        return {remote.name: _verdict(package, remote) for remote in package.files}


def _verdict(package: Package, remote: Remote) -> Verdict:
    place = package.directory / remote.name
    if not place.is_file():
        return "missing"
    expected = _expected(place, remote)
    if expected is None:
        return "unknown"
    return "ok" if expected == _hash(place) else "damaged"


def _is_there(package: Package, remote: Remote) -> bool:
    """Say whether the file can be used, verifying one of which there is no record."""
    place = package.directory / remote.name
    if not place.is_file():
        return False
    size, record = place.stat().st_size, _read_record(place)
    if record is not None and record.size == size and remote.sha256 in (None, record.sha256):
        return True
    found, expected = _hash(place), _expected(place, remote)
    if expected not in (None, found):
        raise UserError(
            f"{place} is not the file it should be: its sha256 is {found}, not {expected}; "
            "delete it, and it is downloaded again"
        )
    with suppress(OSError):  # a cache that others prepared may be read-only
        _write_record(place, _Record(found, size))
    return True


def _get(package: Package, remote: Remote, more: int) -> None:
    """Download one file, while `more` are missing; the caller holds the lock."""
    directory = package.directory
    for stale in directory.glob(f"{_PARTIAL}*"):  # of processes that died: the lock was theirs
        shutil.rmtree(stale, ignore_errors=True)
    place = directory / remote.name
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=directory) as scratch:
        part = Path(scratch) / remote.name
        try:
            found = _fetch_part(remote, part)
        except UserError as error:
            way_out = f"{_by_hand(place, remote, more)}, or use {package.instead}"
            raise UserError(f"{error}; {way_out}") from None
        _check(part, remote)
        _record_of(place).unlink(missing_ok=True)  # of a file that was there before
        os.replace(part, place)
    _write_record(place, _Record(found, place.stat().st_size))
    if remote.sha256 is None:
        say(f"{remote.name} was not checked, for no sha256 was given; it has {found}")


def _fetch_part(remote: Remote, part: Path) -> str:
    """Download and check what becomes the file; return its sha256."""
    body = part.with_name(f"{remote.name}.body")
    transfer(remote.url, body, remote.size + _SLACK * (remote.zipped or remote.gzipped), remote.name)
    try:
        found = keep(body, part, zipped=remote.zipped, gzipped=remote.gzipped, limit=remote.size)
    except UserError as error:
        raise UserError(f"{without_password(remote.url)}: {error}") from None
    if remote.sha256 not in (None, found):
        raise UserError(
            f"{without_password(remote.url)}: {remote.name} is not the file it should be: "
            f"its sha256 is {found}, not {remote.sha256}"
        )
    return found


def _check(part: Path, remote: Remote) -> None:
    try:
        if remote.check is not None:
            remote.check(part)
    except UserError as error:
        raise UserError(f"{without_password(remote.url)}: {error}") from None


def _by_hand(place: Path, remote: Remote, more: int) -> str:
    what = "the text of that zip" if remote.zipped else f"that file{', unpacked,' * remote.gzipped}"
    hash_ = f" (sha256 {remote.sha256})" if remote.sha256 else ""
    others = f", and {more} more beside it" if more else ""
    return f"put {what} at {place} by hand{hash_}{others}"


@contextmanager
def _locked(package: Package) -> Iterator[None]:
    """Hold the only right to write in the package's directory; it ends with the process."""
    from filelock import FileLock, Timeout

    lock = FileLock(package.directory / ".lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        say(f"another process is downloading {package.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _introduce(package: Package) -> None:
    """Show licence and citation once: the notice beside the files says that it was done."""
    notice = (
        f"{package.name}: {package.homepage}",
        f"licence: {package.licence}",
        f"cite: {package.citation}",
    )
    try:
        with (package.directory / NOTICE).open("x", encoding="utf-8") as file:
            file.write("\n".join(notice) + "\n")
    except FileExistsError:
        return
    except OSError:  # a read-only cache: shown each time
        pass
    for line in notice:
        say(line)


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"cannot use the cache {directory}: {reason}; ATTNRUN_DATA=… names another") from None


def _expected(place: Path, remote: Remote) -> str | None:
    """Return the hash that a file must have: the known one, else the one it had when it came."""
    record = _read_record(place)
    return remote.sha256 or (record.sha256 if record else None)


def _hash(place: Path) -> str:
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _record_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.json")


def _read_record(place: Path) -> _Record | None:
    try:
        return _Record(**json.loads(_record_of(place).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _write_record(place: Path, record: _Record) -> None:
    # A reader who finds half of it only hashes the file again.
    _record_of(place).write_text(json.dumps(asdict(record)), encoding="utf-8")
