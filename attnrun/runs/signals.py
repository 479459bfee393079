"""SIGINT and SIGTERM: within a step they wait for its end, anywhere else they end things at once."""

import signal
import threading
from abc import ABC, abstractmethod
from types import FrameType, TracebackType
from typing import Any, Self

from attnrun.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Caught(ABC):
    """A context that handles the signals, in the main thread: no other may. The old handlers come back."""

    def __init__(self) -> None:
        self._old: dict[int, Any] = {}

    @abstractmethod
    def _catch(self, number: int, frame: FrameType | None) -> None:
        """Do what a signal asks for."""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._catch) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class StopAtOnce(_Caught):
    """A signal raises `Interrupted` where the program is."""

    def _catch(self, number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"interrupted by {name(number)}", number)


class StopRequest(_Caught):
    """The first signal is remembered in `received`, the second raises `Interrupted`."""

    def __init__(self) -> None:
        super().__init__()
        self.received: int | None = None

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Interrupted(f"interrupted twice, by {name(number)}: left at once", number)
        self.received = number


def name(number: int) -> str:
    """Return SIGINT for 2."""
    return signal.Signals(number).name
