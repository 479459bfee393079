"""TensorBoard events of one run, in the run directory itself; the file is opened by the first of them.

They are written here and now, each whole. `SummaryWriter` has a thread for that: what fails there comes to
light at some later event, with a traceback on stderr, or never.
"""

import io
import os
import socket
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.escape import for_markdown
from attnrun.runs.files import Appender
from attnrun.runs.layout import EVENTS

_VERSION = "brain.Event:2"  # of the file format


class Board:
    """The run's own event file: one for each time that the run was opened."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._purge_step: int | None = None
        self._file: Appender | None = None

    def scalars(self, step: int, values: dict[str, Any]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        drawn = {name: value for name, value in values.items() if is_number(value)}
        if drawn:
            scalars = [Summary.Value(tag=name, simple_value=value) for name, value in drawn.items()]
            self._add(Summary(value=scalars), step)

    def image(self, name: str, png: bytes, step: int) -> None:
        """Add a picture as it is: `SummaryWriter.add_figure` would import pyplot and draw it again."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))  # of the IHDR chunk
        picture = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
        self._add(Summary(value=[Summary.Value(tag=name, image=picture)]), step)

    def text(self, name: str, markdown: str, step: int) -> None:
        from torch.utils.tensorboard.summary import text

        self._add(text(name, markdown), step)  # type: ignore[no-untyped-call]

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

    def sizes(self) -> dict[str, int]:
        """Return how long the event files are by now, by name, for `keep`."""
        self.flush()
        return {path.name: path.stat().st_size for path in self.directory.glob(EVENTS)}

    def keep(self, step: int, sizes: Mapping[str, int], others: Collection[str] = ()) -> None:
        """Cut off what was added since the files had these sizes; files named `others` stay as they are.

        A TensorBoard that has read it forgets what is later than `step`.
        """
        self.close()
        for path in self.directory.glob(EVENTS):
            size = sizes.get(path.name, 0)
            if path.name not in others and path.stat().st_size > size:
                os.truncate(path, size) if size else path.unlink()
        self._purge_step = step + 1

    def clear(self, others: Collection[str] = ()) -> None:
        """Remove the events of an attempt that leaves nothing to resume from; files named `others` stay."""
        self.keep(-1, {}, others)
        self._purge_step = None

    def flush(self) -> None:
        """Bring the events to the disk."""
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, summary: Any, step: int | None) -> None:
        if self._file is None:
            self._file = self._begin()
        self._file.append(_record(step=step, summary=summary))

    def _begin(self) -> Appender:
        """Return a new event file; TensorBoard reads those of a directory in the order of their names."""
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        records = [_record(file_version=_VERSION)]
        if self._purge_step is not None:
            from tensorboard.compat.proto.event_pb2 import SessionLog

            start = SessionLog(status=SessionLog.START)
            records.append(_record(step=self._purge_step, session_log=start))
        file = Appender(self.directory / name)
        try:
            file.append(b"".join(records))
        except OSError:
            file.close()
            raise
        return file


def _record(step: int | None = None, **content: Any) -> bytes:
    """Return an event as the file holds it, with its length and checksums."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    stream = io.BytesIO()
    event = Event(wall_time=time.time(), step=step, **content)
    RecordWriter(stream).write(event.SerializeToString())
    return stream.getvalue()


def markdown_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Return a table for TensorBoard's text page; what stands in the cells is text, never markup."""
    lines = [
        columns,
        ["---"] * len(columns),
        *([for_markdown(row[name]) for name in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def is_number(value: Any) -> bool:
    """Tell whether `value` can be drawn: a finite number, and no larger than a float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


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
