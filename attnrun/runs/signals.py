"""SIGINT and SIGTERM: within a step they wait a little for its end, anywhere else they end things at once."""

import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from attnrun.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Caught(ABC):
    """A context that handles the signals, in the main thread: no other may. The old handlers come back."""

    def __init__(self) -> None:
        self._old: dict[int, Any] = {}

    @abstractmethod
    def _catch(self, number: int, frame: FrameType | None) -> None:
        """Do what a signal asks for."""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._catch) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def end_the_process() -> Iterator[None]:
    """Within this context a signal ends the process as the system does, and runs nothing of Python."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class StopAtOnce(_Caught):
    """A signal raises `Interrupted` where the program is.

    It leaves the context as such, even where a library, torn out of its work, makes another error of it.
    """

    _raised: Interrupted | None = None

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._raised = Interrupted(f"interrupted by {name(number)}", number)
        raise self._raised

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._raised is not None and isinstance(error, Exception):
            raise self._raised from error


class StopRequest(_Caught):
    """The first signal waits for `taken`, for so many seconds of `patience`; a second one does not.

    Who is not waited for any longer meets `Interrupted` where the program is.
    """

    def __init__(self, patience: float = 2.5) -> None:
        super().__init__()
        self._patience = patience
        self._received: int | None = None
        self._timer: threading.Timer | None = None

    def taken(self) -> int | None:
        """Return the signal that has come, if any; from now on it is the caller's, who may take the time."""
        self._call_off()
        return self._received

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            self._call_off()
            raise Interrupted(f"interrupted by {name(number)}, without waiting for the step", number)
        self._received = number
        self._timer = threading.Timer(self._patience, os.kill, (os.getpid(), number))
        self._timer.daemon = True
        self._timer.start()

    def _call_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call_off()
        super().__exit__(kind, error, trace)


def name(number: int) -> str:
    """Return SIGINT for 2."""
    return signal.Signals(number).name


@contextmanager
def ending_with(parent: int) -> Iterator[None]:
    """Take the end of `parent`, which started this process, for a SIGTERM; 0 is no process."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    if parent and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
    if parent:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
