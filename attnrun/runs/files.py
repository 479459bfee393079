"""Files that are either wholly there or not at all, and JSON without NaN."""

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attnrun.runs.layout import OUTPUTS

MAXIMUM_BYTES = 4 * 2**20  # of a JSON file about a run; a larger one is not ours

PNG = b"\x89PNG\r\n\x1a\n"  # how a file of this kind begins

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*")


def checked_name(name: str) -> str:
    """Return `name`, raising ValueError unless it is plain: no other place can be reached by it."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a file of a run: use a-z, 0-9, _, - and / between parts")
    return name


class CannotWrite(OSError):
    """A file that could not be written, with the bytes wanted and, on a full disk, those that are free."""

    def __init__(self, path: Path, wanted: int, cause: OSError) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), str(path))
        self.wanted = f"{wanted:,} bytes wanted{_free(path) if cause.errno in _FULL else ''}"

    def __str__(self) -> str:
        return f"cannot write {self.filename}: {self.strerror} ({self.wanted})"


def unusable(error: OSError) -> str:
    """Return one line about what cannot be read or written, and where to go if it is ./outputs."""
    if isinstance(error, CannotWrite) or error.filename is None:
        return str(error)
    refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    ours = refused and str(error.filename).partition(os.sep)[0] == str(OUTPUTS)
    advice = "; what attnrun makes lands in ./outputs: go where that can be written" if ours else ""
    return f"cannot use {error.filename}: {error.strerror}{advice}"


@contextmanager
def writing(path: Path, wanted: int) -> Iterator[None]:
    """Turn the OSError of a write to `path` into CannotWrite; `wanted` is how many bytes were to go there."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(path, wanted, error) from error


def _free(path: Path) -> str:
    try:
        return f", {shutil.disk_usage(path.parent).free:,} free"
    except OSError:
        return ""


def write_durably(path: Path, data: bytes) -> None:
    """Write `path` so that a crash or power cut leaves the old content or the new one, never a part.

    Raises:
        CannotWrite: nothing was changed, unless it was the directory that could not be synced.
    """
    with writing(path, len(data)):
        _replace(path, data)
        sync_directory(path.parent)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the same disk may refuse this too
            temporary.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make renames and removals in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Appender:
    """A file that grows by whole records, made at the first; a record that fails leaves no part behind.

    Nothing waits in a buffer: the write that fails is the one that raises, and a fork inherits nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._unsynced = 0

    def append(self, data: bytes) -> None:
        """Add one record; raises CannotWrite."""
        with writing(self.path, len(data)):
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o666)
            _append(self._descriptor, data)
        self._unsynced += len(data)

    def sync(self) -> None:
        """Bring the records to the disk; raises CannotWrite."""
        if self._descriptor is not None:
            with writing(self.path, self._unsynced):
                os.fsync(self._descriptor)
        self._unsynced = 0

    def close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):  # what was written is in the kernel's hands; `sync` is what asks for it
                os.close(descriptor)


def _append(descriptor: int, data: bytes) -> None:
    end = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, end)
        raise


def write_json(path: Path, data: Any) -> None:
    """Write strict JSON durably; NaN and infinities become null (see `strict` for their names)."""
    clean, _ = strict(data)
    text = json.dumps(clean, indent=2, ensure_ascii=False, allow_nan=False)
    write_durably(path, (text + "\n").encode("utf-8", "backslashreplace"))


def read_json(path: Path, largest: int = MAXIMUM_BYTES) -> Any:
    """Return the content of a JSON file, or None where it is absent, damaged or over `largest` bytes."""
    try:
        if path.stat().st_size > largest:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def as_lines(content: str | list[dict[str, Any]]) -> bytes:
    """Return text that ends with a newline, or records as JSON lines, in UTF-8; lone surrogates escaped."""
    if isinstance(content, str):
        text = content if content.endswith("\n") else content + "\n"
    else:
        text = "".join(json.dumps(strict(record)[0], ensure_ascii=False) + "\n" for record in content)
    return text.encode("utf-8", "backslashreplace")


def ending(content: str | bytes | list[dict[str, Any]]) -> str:
    """Return how the name of a file with this content ends: text, records, or the bytes of a WAV or PNG."""
    if isinstance(content, bytes):
        return ".png" if content.startswith(PNG) else ".wav"
    return ".txt" if isinstance(content, str) else ".jsonl"


def strict(data: Any, place: str = "") -> tuple[Any, list[str]]:
    """Return `data` as plain JSON values, and the places where a NaN or an infinity became None."""
    if isinstance(data, dict):
        return _strict_items({str(key): value for key, value in data.items()}, place)
    if isinstance(data, list | tuple):
        pairs = [strict(value, f"{place}[{index}]") for index, value in enumerate(data)]
        return [value for value, _ in pairs], [name for _, names in pairs for name in names]
    if hasattr(data, "tolist"):  # a tensor, an array or a numpy scalar
        return strict(data.tolist(), place)
    if isinstance(data, float) and not math.isfinite(data):
        return None, [place]
    return data, []


def _strict_items(items: dict[str, Any], place: str) -> tuple[dict[str, Any], list[str]]:
    clean, names = {}, []
    for key, value in items.items():
        clean[key], bad = strict(value, f"{place}.{key}" if place else key)
        names += bad
    return clean, names


def remove_empty(directory: Path) -> None:
    """Remove the directory if it is empty, and its empty parents up to `outputs`."""
    names = [parent.name for parent in directory.parents]
    above = directory.parents[: names.index("outputs") + 1] if "outputs" in names else ()
    for place in (directory, *above):
        try:
            place.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # something is in it
            break
