"""One writer a run directory; the lock dies with the process that holds it."""

import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from attnrun.errors import UserError
from attnrun.runs.layout import LOCK

# POSIX record locks belong to the process: a second lock by the same process succeeds, and closing any
# descriptor of the file gives the lock up. So the process has to remember what it holds.
_HELD: dict[Path, int] = {}

_BUSY = (errno.EACCES, errno.EAGAIN)


class RunBusy(UserError):
    """Somebody writes the run."""


class RunLock:
    """An exclusive `fcntl.lockf` lock on DIRECTORY/lock, from construction to `release`.

    Forked workers do not inherit it (they would with `flock`), so that it ends with the run itself.

    Raises:
        RunBusy: another process, or this one, writes the run; the message names the holder.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory.resolve() / LOCK
        if _held_here(self.path):
            raise RunBusy(f"run {directory} is already open in this process")
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take(directory)
        except BaseException:
            os.close(self._descriptor)
            raise
        _HELD[self.path] = os.getpid()

    def _take(self, directory: Path) -> None:
        if not _try_lock(self._descriptor, fcntl.LOCK_EX, attempts=5):
            holder = os.pread(self._descriptor, 500, 0).decode("utf-8", "replace").strip() or "somebody"
            raise RunBusy(f"run {directory} is being written by {holder}; wait for it or stop it")
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock up; the file stays, for removing it would race with the next writer."""
        if _HELD.get(self.path) == os.getpid():
            del _HELD[self.path]
            os.close(self._descriptor)


def is_locked(directory: Path) -> bool:
    """Tell whether a living process writes the run in `directory`."""
    path = directory.resolve() / LOCK
    if _held_here(path):
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _held_here(path: Path) -> bool:
    return _HELD.get(path) == os.getpid()


def _try_lock(descriptor: int, kind: int, attempts: int = 1) -> bool:
    """Try a few times: a reader that asks `is_locked` holds the lock for an instant."""
    for attempt in range(attempts):
        try:
            fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in _BUSY:
                raise UserError(f"this file system cannot lock a run directory: {error.strerror}") from error
        if attempt + 1 < attempts:
            time.sleep(0.05)
    return False
