"""SIGINT and SIGTERM in a training: the first asks to stop after the step, the second stops at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from attnrun.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A context that catches the signals and remembers the first one in `received`.

    Only the main thread may set handlers; in any other thread nothing is caught. The old handlers come
    back at the end.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._catch) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Interrupted(f"interrupted twice, by {name(number)}: left at once", number)
        self.received = number


def name(number: int) -> str:
    """Return SIGINT for 2."""
    return signal.Signals(number).name
