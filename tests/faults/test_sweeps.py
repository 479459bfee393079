"""Sweeps that are killed again and again, and read while they are written."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.runs import finish, start

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

JOBS = 20
SWEEP = ["sweep", "nw-regression", "runtime.threads=1", f"seed=range({JOBS})"]


def _results(sweep: str) -> dict[str, bytes]:
    """The results that are there by the names of their runs."""
    found = Path("outputs/nw-regression", sweep).glob("*/result.json")
    return {path.parent.name: path.read_bytes() for path in found}


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("words", [[], ["-j", "2"]], ids=["one by one", "two at once"])
def test_each_job_of_a_sweep_that_is_killed_ten_times_ends_once(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finish(start(*SWEEP, "--name", "whole"))
    number = random.randrange(10**6)
    print("kills drawn from seed", number)
    draw, done = random.Random(number), {}
    for _ in range(10):
        process = start(*SWEEP, *words, "--name", "killed")
        time.sleep(draw.uniform(2, 8))
        _kill(process)
        now = _results("killed")
        assert done.items() <= now.items(), "a finished run was touched"
        done = now
    last = subprocess.run(
        [sys.executable, "-m", "attnrun", *SWEEP, *words, "--name", "killed", "--json"],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    rows = json.loads(last.stdout)
    assert [row["seed"] for row in rows] == list(range(JOBS))
    assert {row["status"] for row in rows} == {"done"}
    after = _results("killed")
    assert len(after) == JOBS and done.items() <= after.items()
    straight = {row["config_hash"]: row["metrics"] for row in map(json.loads, _results("whole").values())}
    assert {row["config_hash"]: row["metrics"] for row in rows} == straight


def test_readers_never_see_half_of_what_writers_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writers = [start(*SWEEP, "resume=never", "--name", f"writer-{number}") for number in range(4)]
    try:
        while not list(Path("outputs").glob("*/*/*/config.yaml")):
            time.sleep(0.1)
        for number in range(500):
            words = (["status", f"writer-{number % 4}"], ["compare", f"writer-{number % 4}"], ["list"])
            read = subprocess.run(
                [sys.executable, "-m", "attnrun", *words[number % 3], "--json"],
                capture_output=True,
                text=True,
            )
            assert "Traceback" not in read.stderr, read.stderr
            if read.returncode == 0:
                json.loads(read.stdout)
            else:  # a sweep of which nothing is done yet
                assert number < 100 and len(read.stderr.splitlines()) == 1, read.stderr
            for place, process in enumerate(writers):
                if process.poll() is not None:
                    finish(process)
                    again = f"--name=writer-{place}"
                    writers[place] = start(
                        *SWEEP[:-1], f"seed=range({number * 40},{number * 40 + JOBS})", again
                    )
    finally:
        for process in writers:
            _kill(process)
