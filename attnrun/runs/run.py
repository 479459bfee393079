"""`Run`, the only writer of a run directory."""

import logging
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attnrun.runs import layout, opening
from attnrun.runs.board import Board, is_number
from attnrun.runs.device import (
    Runtime,
    autocast,
    check_precision,
    prepare_process,
    resolve_device,
    seed_everything,
    weight_dtype,
)
from attnrun.runs.environment import versions
from attnrun.runs.files import strict
from attnrun.runs.lock import RunLock
from attnrun.runs.pages import Pages
from attnrun.runs.result import Status, write_result
from attnrun.runs.rows import RowWriter

if TYPE_CHECKING:
    import torch

logger = logging.getLogger("attnrun")


class Run(Pages):
    """A run directory opened for writing; `Run.open` makes one, a `with` statement ends it.

    Leaving the `with` block by an exception, or without `finish`, records the run as failed; as interrupted
    for a KeyboardInterrupt, or a SystemExit, by which submitit ends a job that Slurm will start again.

    Attributes:
        directory: where everything goes.
        experiment, config, config_hash, primary: what runs, as in `result.json`.
        seed: everything random follows from it.
        runtime: the settings that `device`, `dtype` (of the weights) and `autocast()` come from.
        quiet: show no progress.
        resumed: the directory had checkpoints when it was opened.
        step: the training step that figures and texts belong to by default.
    """

    experiment: str
    config: dict[str, Any]
    config_hash: str
    seed: int
    primary: tuple[str, str]
    runtime: Runtime
    device: "torch.device"
    dtype: "torch.dtype"
    quiet: bool
    resumed: bool
    warnings: list[str]

    @classmethod
    def open(
        cls,
        directory: Path | str,
        *,
        experiment: str,
        config: dict[str, Any],
        config_hash: str,
        seed: int,
        runtime: Runtime | None = None,
        primary: tuple[str, str],
        quiet: bool = False,
        lock: RunLock | None = None,
        former_hash: str = "",
    ) -> Self:
        """Open `directory`, new or to be resumed: lock it, describe the run in it, set threads and seeds.

        A directory without a checkpoint starts again: its metrics and events are removed.

        Args:
            config: plain resolved values, written to config.yaml.
            primary: name of the metric that says how good the run is, and its goal, "min" or "max".
            lock: that of the directory, where the caller has it already; from now on it is the run's.
            former_hash: of the configuration that a run in the directory has had until now.

        Raises:
            UserError: an absent device, before anything is made; a directory that somebody else writes
                or that holds a run of another configuration.
        """
        runtime = runtime or Runtime()
        device = resolve_device(runtime.device)
        check_precision(device, runtime.precision)
        if primary[1] not in ("min", "max"):
            raise ValueError(f"the goal of {primary[0]} is 'min' or 'max', not {primary[1]!r}")
        run = cls()
        run.directory, run.experiment, run.config = Path(directory), experiment, config
        run.config_hash, run.seed, run.primary = config_hash, seed, primary
        run.runtime, run.device, run.dtype = runtime, device, weight_dtype(runtime.precision)
        run.quiet = quiet
        run._start(lock, former_hash)
        return run

    def _start(self, lock: RunLock | None, former_hash: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._others = opening.names_of_others(self.directory)
        self._lock = lock or RunLock(self.directory)
        is_new = not (self.directory / layout.IDENTITY).exists()
        try:
            opening.check_identity(self.directory, {self.config_hash, former_hash})
            opening.remove_leftovers(self.directory, self._others)
            self._began, self.step, self._ended = time.monotonic(), 0, False
            self.warnings, self._written = [], []
            self._log_file = opening.start_log(self.directory / layout.LOG)
            self._board = Board(self.directory)
            self._forget_unless_resumable()
            self._rows = RowWriter(self.directory / layout.METRICS)
            prepare_process(self.runtime.threads)
            seed_everything(self.seed)
            self._describe(former_hash)
        except BaseException:
            if is_new:
                opening.remove_run(self.directory, [], self._others)
            self._release()
            raise

    def _forget_unless_resumable(self) -> None:
        self.resumed = opening.has_checkpoints(self.directory)
        (self.directory / layout.RESULT).unlink(missing_ok=True)
        if not self.resumed:
            (self.directory / layout.METRICS).unlink(missing_ok=True)
            self._board.clear(self._others)

    def _describe(self, former_hash: str) -> None:
        self._versions = versions()
        changed = opening.write_environment(self.directory, self.device, self.runtime)
        if changed and self.resumed:
            self.warn(f"resumed in another environment ({changed}): last digits may differ")
        identity = self.directory, self.experiment, self.config_hash, self.seed, self.primary
        opening.write_identity(*identity, former_hash)
        opening.write_config(self.directory, self.config)
        opening.write_identity(*identity)
        logger.info("run %s of %s, seed %d, on %s", self.directory, self.experiment, self.seed, self.device)

    # What an experiment does with a run

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context to compute in: autocast for bfloat16 and float16, else nothing."""
        return autocast(self.device, self.runtime.precision)

    @property
    def seconds(self) -> float:
        """Seconds that the run has taken, those before an interruption included."""
        return time.monotonic() - self._began

    def log(self, step: int, values: dict[str, Any], *, epoch: int | None = None) -> None:
        """Add a row to metrics.jsonl and its numbers to TensorBoard.

        Args:
            values: numbers by name, such as {"train/loss": 0.3}; NaN and infinity become null and a warning.
        """
        row = {"step": step, "epoch": epoch, "time": round(self.seconds, 3), **values}
        for name in self._rows.append(row):
            self.warn(f"{name} was not a finite number")
        self._board.scalars(step, strict(values)[0])
        self.step = max(self.step, step)

    def warn(self, message: str) -> None:
        """Log a warning and keep it for `result.json`, once for each text."""
        if message not in self.warnings:
            self.warnings.append(message)
            logger.warning("%s", message)

    # How a run ends

    def finish(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Write `result.json` as done, and settings with metrics for TensorBoard's HParams page."""
        numbers = {name: float(value) for name, value in strict(metrics)[0].items() if is_number(value)}
        settings = {"seed": self.seed, **{key: self.config[key] for key in self.config if key != "runtime"}}
        self._board.hparams(settings, numbers, self.step)
        return self._end("done", metrics)

    def fail(self, message: str) -> None:
        """Write `result.json` as failed, with the message among its warnings and in the log."""
        logger.error("%s", message)
        self._end("failed", {}, [message])

    def interrupt(self) -> None:
        """Write `result.json` as interrupted; the run can be opened again."""
        logger.info("interrupted after %.1f s", self.seconds)
        self._end("interrupted", {})

    def discard(self) -> None:
        """Remove the run, checkpoints included: for a mistake found before anything was trained."""
        self._ended = True
        self._rows.close()
        self._board.clear(self._others)
        opening.stop_log(self._log_file)
        opening.remove_run(self.directory, self._written, self._others)

    def _end(self, status: Status, metrics: dict[str, Any], notes: list[str] | None = None) -> dict[str, Any]:
        self._ended = True  # or as much so as it can be, where nothing can be written any more
        self._board.flush()
        self._rows.sync()
        return write_result(
            self.directory,
            status=status,
            experiment=self.experiment,
            config_hash=self.config_hash,
            seed=self.seed,
            metrics=metrics,
            primary=self.primary,
            device=str(self.device),
            versions=self._versions,
            seconds=self.seconds,
            warnings=[*self.warnings, *(notes or [])],
        )

    # What the training loop does with a run, to resume exactly

    def position(self) -> dict[str, Any]:
        """Return what a checkpoint keeps about the run, for `truncate`."""
        self._rows.sync()
        logged = {"rows": self._rows.count, "events": self._board.sizes()}
        return {**logged, "seconds": self.seconds, "warnings": list(self.warnings)}

    def truncate(self, step: int, position: dict[str, Any] | None = None) -> None:
        """Go back to `step`: cut off what was logged later, here and in TensorBoard.

        Args:
            step: the last one to keep; -1 keeps nothing.
            position: of the checkpoint; tells apart what was logged at `step` itself before and after it,
                and brings time and warnings back.
        """
        self._rows.keep(step, position["rows"] if position else None)
        self._board.keep(step, position["events"] if position else {}, self._others)
        self.step = max(step, 0)
        if position:
            self._began = time.monotonic() - position["seconds"]
            kept = [str(message) for message in position["warnings"]]
            self.warnings = kept + [message for message in self.warnings if message not in kept]

    def _release(self) -> None:
        if hasattr(self, "_rows"):
            self._rows.close()
            self._board.close()
        if hasattr(self, "_log_file"):
            opening.stop_log(self._log_file)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                with suppress(OSError):  # a full disk must not hide the error itself
                    if isinstance(error, KeyboardInterrupt | SystemExit):
                        self.interrupt()
                    else:
                        self.fail(f"{type(error).__name__}: {error}")
            elif not self._ended:
                self.fail("the run ended without a result")
        finally:
            self._release()
