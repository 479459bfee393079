"""What a training shows on stderr: a bar on a terminal, one line an epoch elsewhere, or nothing."""

import math
import sys
import time
from typing import Any, Protocol


class Progress(Protocol):
    """Receives what happens in the loop."""

    def step(self, step: int, epoch: int, loss: float, count: float) -> None: ...
    def evaluated(self, step: int, epoch: int, values: dict[str, float]) -> None: ...
    def close(self) -> None: ...


def make_progress(total: int, start: int, unit: str, quiet: bool) -> Progress:
    """Return the display that fits stderr.

    Args:
        total: steps of the whole training.
        start: steps that are done already.
        unit: what the loss counts, such as "tokens".
    """
    if quiet:
        return Quiet()
    return Bar(total, start, unit) if sys.stderr.isatty() else Lines(total, start, unit)


class Quiet:
    """Shows nothing."""

    def step(self, step: int, epoch: int, loss: float, count: float) -> None:
        pass

    def evaluated(self, step: int, epoch: int, values: dict[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


class Meter:
    """Speed and time left since it was made."""

    def __init__(self, total: int, start: int) -> None:
        self.total, self.start, self.done, self.count = total, start, start, 0.0
        self.began = time.monotonic()

    def add(self, step: int, count: float) -> None:
        self.done = step
        self.count += count

    @property
    def speed(self) -> float:
        """Counted things a second."""
        return self.count / max(time.monotonic() - self.began, 1e-9)

    @property
    def left(self) -> float:
        """Seconds to go."""
        steps = self.done - self.start
        seconds = time.monotonic() - self.began
        return seconds / steps * max(self.total - self.done, 0) if steps else math.nan


class Lines:
    """One line for each epoch or evaluation."""

    def __init__(self, total: int, start: int, unit: str) -> None:
        self.meter, self.unit = Meter(total, start), unit

    def step(self, step: int, epoch: int, loss: float, count: float) -> None:
        self.meter.add(step, count)

    def evaluated(self, step: int, epoch: int, values: dict[str, float]) -> None:
        parts = [f"epoch {epoch}", f"step {step}/{self.meter.total}", *map(shown, values.items())]
        speed = f"{self.meter.speed:,.0f} {self.unit}/s"
        sys.stderr.write(" · ".join([*parts, speed, f"{clock(self.meter.left)} left"]) + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        pass


class Bar:
    """A line that is drawn over, with the newest evaluations above it."""

    def __init__(self, total: int, start: int, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.meter, self.unit = Meter(total, start), unit
        columns = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
        ]
        self._bar: Any = Progress(*columns, console=Console(stderr=True), refresh_per_second=4)
        self._task = self._bar.add_task("epoch 1", total=total, completed=start, figures="")
        self._bar.start()

    def step(self, step: int, epoch: int, loss: float, count: float) -> None:
        self.meter.add(step, count)
        speed = f"{self.meter.speed:,.0f} {self.unit}/s"
        figures = f"{step}/{self.meter.total} · loss {loss:.4g} · {speed} · {clock(self.meter.left)} left"
        self._bar.update(self._task, completed=step, description=f"epoch {epoch + 1}", figures=figures)

    def evaluated(self, step: int, epoch: int, values: dict[str, float]) -> None:
        line = " · ".join([f"epoch {epoch}", f"step {step}", *map(shown, values.items())])
        self._bar.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


def shown(item: tuple[str, float]) -> str:
    """Return `valid/loss 0.25`."""
    return f"{item[0]} {item[1]:.4g}"


def clock(seconds: float) -> str:
    """Return 1:02:03, 2:03, or a dash where it is not known."""
    if not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
