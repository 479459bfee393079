"""TensorBoard events of one run, in the run directory itself; imported and opened on first use (0.2 s)."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.escape import for_markdown
from attnrun.runs.layout import EVENTS


class Board:
    """The run's own event file; after `purge(step)` TensorBoard forgets what came after `step`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._purge_step: int | None = None
        self._writer: Any = None

    @property
    def writer(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(log_dir=str(self.directory), purge_step=self._purge_step)
        return self._writer

    def scalars(self, step: int, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if is_number(value):
                self.writer.add_scalar(name, value, step)

    def image(self, name: str, png: bytes, step: int) -> None:
        """Add a picture as it is: `SummaryWriter.add_figure` would import pyplot and draw it again."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))  # of the IHDR chunk
        picture = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
        self._add(Summary(value=[Summary.Value(tag=name, image=picture)]), step)

    def text(self, name: str, markdown: str, step: int) -> None:
        self.writer.add_text(name, markdown, step)

    def hparams(self, config: dict[str, Any], metrics: dict[str, float], step: int) -> None:
        """Record configuration and result for the HParams page.

        `SummaryWriter.add_hparams` makes a run of its own in a subdirectory. The start and end records
        alone, without the experiment record, put the same on this run.
        """
        from torch.utils.tensorboard.summary import hparams

        self.scalars(step, metrics)
        _, start, end = hparams(flat(config), metrics)  # type: ignore[no-untyped-call]
        self._add(start, None)
        self._add(end, None)

    def purge(self, step: int) -> None:
        self.close()
        self._purge_step = step + 1

    def clear(self, others: Collection[str] = ()) -> None:
        """Remove the events of an attempt that leaves nothing to resume from; files named `others` stay."""
        self.close()
        for path in self.directory.glob(EVENTS):
            if path.name not in others:
                path.unlink()

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, summary: Any, step: int | None) -> None:
        self.writer.file_writer.add_summary(summary, step)


def markdown_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Return a table for TensorBoard's text page; what stands in the cells is text, never markup."""
    lines = [
        columns,
        ["---"] * len(columns),
        *([for_markdown(row[name]) for name in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def is_number(value: Any) -> bool:
    """Tell whether TensorBoard can draw `value`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Return nested settings as `{"trainer.epochs": 3}`; lists as text, unset ones left out."""
    found: dict[str, bool | int | float | str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        elif value is not None:
            found[name] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
