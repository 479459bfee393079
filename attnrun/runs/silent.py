"""`SilentRun`, what all processes of a training but the first have in the place of its run."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from attnrun.runs.device import prepare_process, seed_everything
from attnrun.runs.lock import RunLock
from attnrun.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SilentRun(Run):
    """A run of the same settings and seed that writes, logs and shows nothing; it needs no directory."""

    def _start(self, lock: RunLock | None, former_hash: str) -> None:
        self.quiet, self.resumed, self.step, self.warnings = True, False, 0, []
        logging.getLogger("attnrun").addHandler(logging.NullHandler())  # in place of stderr
        prepare_process(self.runtime.threads)
        seed_everything(self.seed)

    def log(self, step: int, values: dict[str, Any], *, epoch: int | None = None) -> None:
        self.step = max(self.step, step)

    def figure(self, name: str, figure: "Figure", step: int | None = None) -> Path:
        return self.directory

    def picture(self, step: int, name: str, png: bytes) -> None:
        pass

    def curves(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def embeddings(self, found: Mapping[str, tuple[Iterable[Sequence[float]], Sequence[str]]]) -> None:
        pass

    def text(self, name: str, markdown: str, step: int | None = None) -> None:
        pass

    def samples(self, name: str, samples: str | bytes | list[dict[str, Any]]) -> Path:
        return self.directory

    def save_json(self, name: str, data: Any) -> Path:
        return self.directory

    def warn(self, message: str) -> None:
        pass

    def truncate(self, step: int, position: dict[str, Any] | None = None) -> None:
        self.step = max(step, 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
