"""The log of a run, whose own troubles stop nothing: what matters of them, the failed run says itself."""

import logging
from contextlib import suppress
from pathlib import Path

from attnrun.runs.files import Appender


class LogFile(logging.Handler):
    """Adds what is logged to `path`; `logging.FileHandler` prints a traceback where the disk is full."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = Appender(path)
        self._file.append(b"")  # a place that cannot be written is found here, before anything is computed

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        with suppress(OSError):
            self._file.append(line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        self._file.close()
        super().close()
