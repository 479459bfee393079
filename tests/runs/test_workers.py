"""Work handed out to forked processes: what comes back, and what becomes of the processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.runs.signals import StopAtOnce
from attnrun.runs.workers import spread


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()


def told(part: int) -> tuple[int, int, int]:
    time.sleep(0.05)  # so that the other worker has its turn
    return part * part, os.getpid(), torch.get_num_threads()


@pytest.mark.parametrize("workers", [2, 3, 11])
def test_every_part_is_done_once_in_another_process_of_one_thread(workers: int) -> None:
    found = list(spread(told, [2, 3, 5, 7, 11, 13, 17], workers))
    assert {place: square for place, (square, *_) in found} == dict(enumerate([4, 9, 25, 49, 121, 169, 289]))
    assert len(found) == 7
    processes = {process for _, (_, process, _) in found}
    assert 2 <= len(processes) <= min(workers, 7) and os.getpid() not in processes
    assert {threads for *_, (_, _, threads) in found} == {1}


@pytest.mark.parametrize(("parts", "workers"), [([], 3), ([5], 3), ([2, 3], 1)])
def test_little_is_done_in_this_process_and_in_order(parts: list[int], workers: int) -> None:
    found = list(spread(told, parts, workers))
    assert [(place, square) for place, (square, *_) in found] == [
        (n, part**2) for n, part in enumerate(parts)
    ]
    assert {process for _, (_, process, _) in found} <= {os.getpid()}


def user_error(part: int) -> int:
    raise UserError("the part is wrong")


def bug(part: int) -> int:
    return 1 // (part - 3)


def death(part: int) -> int:
    if part == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return part


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (user_error, UserError, "^the part is wrong$"),
        (bug, RunFailed, "^a worker failed: ZeroDivisionError: .*by zero$"),
        (death, RunFailed, r"^a worker died \(SIGKILL\), .* fewer --workers$"),
        (os._exit, RunFailed, r"^a worker died \(exit code [1-5]\)"),
    ],
)
def test_errors_and_deaths(
    work: Callable[[int], int], error: type[Exception], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=message):
        list(spread(work, [1, 2, 3, 4, 5], 2))
    assert capfd.readouterr().err == ""


def test_closing_ends_the_workers() -> None:
    found = spread(time.sleep, [0, 60, 60], 2)
    assert next(found) == (0, None)
    began = time.monotonic()
    found.close()
    assert not multiprocessing.active_children() and time.monotonic() - began < 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_this_process_ends_all(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=number.name), StopAtOnce():
        for _ in spread(time.sleep, [0, 60, 60], 2):
            os.kill(os.getpid(), number)


def test_a_worker_leaves_sigint_to_this_process() -> None:
    def work(part: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return part

    with StopAtOnce():
        assert sorted(spread(work, [1, 2, 3], 2)) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.slow
def test_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, time
from attnrun.runs.workers import spread
def work(part):
    with open({str(pids)!r}, "a") as stream: stream.write(f"{{os.getpid()}}\\n")
    time.sleep(0.3)
for _ in spread(work, range(1000), 2): pass
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: pids.exists() and len(set(pids.read_text().split())) == 2)
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(_lives, set(pids.read_text().split()))))


def wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def _lives(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # one whose parent is gone and that nobody has waited for yet
