"""A job that trains in several processes: it starts them through torchrun, waits, and reports for all."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from attnrun.errors import Interrupted, UserError
from attnrun.launch.config import Plan
from attnrun.launch.job import Report, failed, interrupted
from attnrun.launch.rank import FAILED, ORDER, report_file
from attnrun.runs.ending import GONE, end_for
from attnrun.runs.files import read_json, remove_empty
from attnrun.runs.find import is_run
from attnrun.runs.signals import name

_SECOND = (signal.SIGTERM, signal.SIGABRT)  # what torchrun sends to the others, and how NCCL misses one
_GIVE_UP = 25.0  # seconds that processes have to end after a signal


def train_by_several(
    plan: Plan, directory: Path, trust: Sequence[str], former_hash: str, quiet: bool
) -> Report:
    """Train in `directory` by as many processes as the plan says; report as one process would.

    Raises UserError where there is no device for each, Interrupted by a signal before there is a run.
    """
    from attnrun.runs.device import check_precision, of_rank, resolve_device

    device = of_rank(plan.runtime, 0, plan.runtime.processes).device
    check_precision(resolve_device(device), plan.runtime.precision)
    with tempfile.TemporaryDirectory(prefix="attnrun-") as folder:
        place = Path(folder)
        order = {"config": plan.plain, "trust": list(trust), "former_hash": former_hash, "quiet": quiet}
        (place / ORDER).write_text(json.dumps(order), encoding="utf-8")
        stop = _run(place, directory, plan.runtime.processes)
        first = _said(place, 0)
        if first is not None and first.status in ("done", "refused"):
            return first
        if stop is not None:
            return _interrupted(first, stop, directory)
        message = _death(place) or _fault(place, plan.runtime.processes, first)
        return _failed(message, directory) if first is None or message else first


def _run(place: Path, directory: Path, processes: int) -> Interrupted | None:
    """Return when all processes are gone; what interrupted them, if anything did."""
    words = ["--standalone", f"--nproc-per-node={processes}", "-m", "attnrun.launch.rank"]
    # -P: no module of the working directory takes the place of a real one
    command = [sys.executable, "-P", "-m", "attnrun.launch.torchrun", str(place / FAILED), *words]
    # A session of its own: Ctrl-C reaches the job alone, which hands it on once. Leaving the `with` closes
    # standard input, the lifeline: should any process be left, it dies.
    with subprocess.Popen(
        [*command, f"--job={place}", "--", str(directory)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env=_environment(),
    ) as torchrun:
        try:
            torchrun.wait()
        except Interrupted as stop:
            torchrun.terminate()  # not by SIGINT, of which an interpreter that starts would make a traceback
            _wait_for_end(torchrun)
            return stop
    return None


def _environment() -> dict[str, str]:
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}  # a rank sets its threads by itself
    return quiet | os.environ | {"PYTHONSAFEPATH": "1"}


def _wait_for_end(torchrun: "subprocess.Popen[bytes]") -> None:
    """Wait for what a signal has reached; a second one, or much time, ends the waiting."""
    try:
        torchrun.wait(_GIVE_UP)
    except (Interrupted, subprocess.TimeoutExpired):
        torchrun.kill()


def _said(place: Path, rank: int) -> Report | None:
    found = read_json(report_file(place, rank))
    return Report(**found) if isinstance(found, dict) else None


def _interrupted(first: Report | None, stop: Interrupted, directory: Path) -> Report:
    if not is_run(directory):
        remove_empty(directory)
        raise stop
    if first is not None and first.status == "interrupted" and first.directory:
        said = first.message.replace("SIGTERM", name(stop.signal_number), 1)
        return replace(first, exit_code=stop.exit_code, message=said)
    with suppress(OSError, UserError):
        end_for(directory, "interrupted")  # where the first one, too, has met with the end of another
    return interrupted(stop, directory)


def _death(place: Path) -> str:
    """Name the process that was killed, empty for none; of several the first, whose death was the others'."""
    codes = {int(rank): code for rank, code in (read_json(place / FAILED) or {}).items() if code < 0}
    if not codes:
        return ""
    rank = min(codes, key=lambda rank: -codes[rank] in _SECOND)
    memory = ", for want of memory perhaps" * (codes[rank] == -signal.SIGKILL)
    return f"rank {rank} died ({name(-codes[rank])}){memory}"


def _fault(place: Path, processes: int, first: Report | None) -> str:
    """Say what another process failed by, where the first knows no reason of its own."""
    if first is not None and first.status == "failed" and not first.message.startswith(GONE):
        return ""
    for rank in range(1, processes):
        said = _said(place, rank)
        if said is not None and said.status in ("failed", "refused"):
            return f"rank {rank}: {said.message}"
    return ""


def _failed(message: str, directory: Path) -> Report:
    message = message or "the processes ended without a word"
    if not is_run(directory):
        remove_empty(directory)
        return Report("failed", 1, None, message)
    with suppress(OSError, UserError):  # a full disk, for one: the message must still get out
        end_for(directory, "failed", message)
    return failed(message, directory)
