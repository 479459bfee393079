"""How the jobs of a sweep share one machine: its cores, and how many of them run at once."""

import re
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from attnrun.errors import UserError
from attnrun.runs.device import cores

# How each launcher is told its limit. The basic one runs a job at a time; submitit_local starts all at once,
# so that the jobs have to wait for one another themselves.
_LIMITS = {
    "joblib": "hydra.launcher.n_jobs={}",
    "submitit_slurm": "hydra.launcher.array_parallelism={}",
    "ray": "hydra.launcher.ray.init.num_cpus={}",
}
_HERE = ("joblib", "submitit_local")  # launchers of which several jobs run on this machine


def plugin_of(part: str, words: Sequence[str]) -> str:
    """Return the `launcher` or the `sweeper` that the words choose, the last of several."""
    named = [word.partition("=")[2] for word in words if word.startswith(f"hydra/{part}=")]
    return named[-1] if named else "basic"


def limit_words(words: Sequence[str], limit: int | None) -> list[str]:
    """Return the words with those that limit how many jobs run at once; without a launcher it is joblib.

    Raises UserError for a launcher of which only one job runs at a time.
    """
    if limit is None:
        return list(words)
    launcher = plugin_of("launcher", words)
    if launcher == "basic" and limit > 1:
        if any(word.startswith("hydra/launcher=") for word in words):
            raise UserError(f"--jobs {limit}: hydra/launcher=basic runs one job at a time; choose joblib")
        return [*words, "hydra/launcher=joblib", _LIMITS["joblib"].format(limit)]
    return [*words, *([_LIMITS[launcher].format(limit)] if launcher in _LIMITS else [])]


def at_once(words: Sequence[str], limit: int | None, jobs: int | None) -> int:
    """Return how many jobs of a sweep run on this machine at once."""
    launcher = plugin_of("launcher", words)
    if launcher not in _HERE:
        return 1
    told = [word.partition("=")[2] for word in words if word.startswith("hydra.launcher.n_jobs=")]
    number = int(told[-1]) if told and re.fullmatch(r"-?[0-9]{1,9}", told[-1]) else (limit or -1)
    if number < 0:  # joblib's way: -1 all cores, -2 all but one
        number = max(1, cores() + 1 + number) if launcher == "joblib" else (jobs or cores())
    return max(1, min(number, jobs or number))


def share_cores(plain: MutableMapping[str, Any], together: int) -> None:
    """Give a job its share of the cores, where the config leaves the number of threads open."""
    runtime = plain.get("runtime")
    if together > 1 and isinstance(runtime, dict) and runtime.get("threads") == 0:
        processes = runtime.get("processes", 1)
        runtime["threads"] = max(1, cores() // (together * processes))


@contextmanager
def slot(folder: Path, slots: int) -> Iterator[None]:
    """Wait until fewer than `slots` jobs are within; 0 is no limit. A process that dies leaves."""
    if not slots:
        yield
        return
    locks = [FileLock(folder / f"slot-{number}", blocking=False) for number in range(slots)]
    while (taken := next(filter(_taken, locks), None)) is None:
        time.sleep(0.2)
    try:
        yield
    finally:
        taken.release()


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True
