"""Trainings whose processes are killed, stopped or fail one by one, and go on as if nothing had been."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.runs.find import RunRecord, is_run
from tests.faults.runs import SMALL, everything, finish, start
from tests.launch.test_ranks import left_of, small
from tests.training.outcome import equal

SEED = 20261122
TWO = ["runtime.processes=2", "runtime.threads=1", "runtime.device=cpu"]
WORDS = ["train", "sequence", *SMALL, *TWO]


def processes_of(directory: Path, rank: str) -> list[int]:
    """The process of a rank that trains there, none while it has not started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words, variables = (place / name for name in ("cmdline", "environ"))
            if str(directory) in words.read_text() and f"\0RANK={rank}\0" in f"\0{variables.read_text()}\0":
                found.append(int(place.name))
    return found


def seconds_until_gone(directory: Path) -> float:
    began = time.monotonic()
    while left_of(directory) and time.monotonic() - began < 60:
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [0, 1])
def test_killed_ten_times(workers: int, tmp_path: Path) -> None:
    dice = random.Random(f"{SEED} {workers}")
    words = [*WORDS, f"runtime.data_workers={workers}"]
    began = time.monotonic()
    finish(start(*words, f"hydra.run.dir={tmp_path / 'whole'}"))
    seconds, run = time.monotonic() - began, tmp_path / "run"
    for kill in range(10):
        who, moment = ("0", "1", "job")[kill % 3], round(dice.uniform(0.3, 0.9) * seconds, 2)
        print(f"seed {SEED}: {who} killed after {moment} s of {seconds:.1f}")
        process = start(*(["resume", str(run)] if is_run(run) else [*words, f"hydra.run.dir={run}"]))
        time.sleep(moment)
        victims = processes_of(run, who) if who != "job" else [process.pid]
        for victim in victims:
            with suppress(ProcessLookupError):  # it was done
                os.kill(victim, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
        assert seconds_until_gone(run) < 30
        if process.returncode > 0:
            assert process.returncode == 1 and f"rank {who} died (SIGKILL)" in said, said
    finish(start(*(["resume", str(run)] if is_run(run) else [*words, f"hydra.run.dir={run}"])))
    assert equal(everything(run), everything(tmp_path / "whole"))


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_job_interrupts_all(number: signal.Signals, tmp_path: Path) -> None:
    dice = random.Random(f"{SEED} {number}")
    began = time.monotonic()
    finish(start(*WORDS, f"hydra.run.dir={tmp_path / 'whole'}"))
    seconds, run = time.monotonic() - began, tmp_path / "run"
    for attempt in range(8):
        process = start(*(["resume", str(run)] if is_run(run) else [*WORDS, f"hydra.run.dir={run}"]))
        moment = round(dice.uniform(0.02, 0.9) * seconds, 2)
        print(f"seed {SEED}, attempt {attempt}: {number.name} after {moment} s")
        time.sleep(moment)
        process.send_signal(number)
        _, said = process.communicate(timeout=40)
        assert process.returncode in (128 + number, 0), said
        assert "Traceback" not in said, said
        if process.returncode:
            assert f"interrupted by {number.name}" in said, said
        assert not left_of(run)
        assert not is_run(run) or RunRecord(run).status in ("interrupted", "done")
    finish(start(*(["resume", str(run)] if is_run(run) else [*WORDS, f"hydra.run.dir={run}"])))
    assert equal(everything(run), everything(tmp_path / "whole"))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("who", "message"), [("1", "rank 1: ValueError: a fate"), ("0", "ValueError: a fate")]
)
def test_what_one_fails_by_is_said(
    who: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATE", f"{who} 4 fail")
    report = execute(small(), tmp_path / "run", trust=("tests",))
    assert (report.status, report.exit_code) == ("failed", 1)
    assert report.message.startswith(f"{message} (log: ")
    assert RunRecord(tmp_path / "run").status == "failed"
    assert not left_of(tmp_path)


@pytest.mark.faults
def test_a_mistake_that_all_find_is_said_once(tmp_path: Path) -> None:
    plain = compose("sequence", [*SMALL, *TWO])
    report = execute(plain | {"data": compose("nw-regression", [])["data"]}, tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2), report
    assert report.message.startswith("data: this experiment takes a task of sequences")
    assert not (tmp_path / "run").exists()


@pytest.mark.faults
def test_a_sweep_of_jobs_of_two(tmp_path: Path) -> None:
    finish(start("train", "sequence", *SMALL[1:], "data.train=300", *TWO, "-m", "seed=1,2",
                 f"hydra.sweep.dir={tmp_path}"))  # fmt: skip
    runs = [path.parent for path in tmp_path.glob("*/result.json")]
    assert [RunRecord(run).status for run in runs] == ["done"] * 2
    assert all("died" not in (run / "job.log").read_text() for run in runs)


@pytest.mark.faults
def test_two_machines_by_the_flags_of_torchrun(tmp_path: Path) -> None:
    """As docs/distributed.md says, with two launchers here in the place of two machines."""
    config, run = tmp_path / "config.yaml", tmp_path / "run"
    shown = subprocess.run(
        [sys.executable, "-m", "attnrun", "train", "sequence", *SMALL, *TWO[1:], "--cfg", "job", "--resolve"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    config.write_text(shown.stdout)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    words = [
        *("--nnodes=2", "--nproc-per-node=1", "--master-addr=localhost", f"--master-port={port}"),
        *("-m", "attnrun.launch.rank", str(run), str(config)),
    ]
    launchers = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", f"--node-rank={node}", *words],
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in (0, 1)
    ]
    said = [one.communicate(timeout=120)[1] for one in launchers]
    assert [one.returncode for one in launchers] == [0, 0], said
    assert f"attnrun: {run} is done" in said[0]
    finish(start(*WORDS, f"hydra.run.dir={tmp_path / 'whole'}"))
    assert equal(everything(run), everything(tmp_path / "whole"))
    assert re.search(r'"processes": 2', (run / "environment.json").read_text())
