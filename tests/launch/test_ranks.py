"""A job of several processes: how it is refused, and what it says when one of them dies."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.runs import device
from attnrun.runs.device import Runtime, of_rank
from attnrun.runs.find import RunRecord
from tests.training.outcome import equal, outcome
from tests.training.several import experiment, together

SMALL = [
    "data.train=300", "data.valid=5", "data.test=5", "data.longer=0", "model.hidden=14", "model.embedding=13",
    "batch_size=31", "trainer.epochs=2", "trainer.log_every=2", "trainer.checkpoint_every=3",
    "runtime.device=cpu", "runtime.processes=2", "runtime.threads=1",
]  # fmt: skip


def small() -> dict[str, Any]:
    return compose("sequence", SMALL) | {"module": "tests.launch.dying"}


def left_of(directory: Path) -> list[str]:
    """The processes that still work for a run, where the system shows them as files."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            found.append(place.read_text())
    return [words for words in found if str(directory) in words]


@pytest.mark.slow
def test_a_dead_rank_is_named_and_the_run_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATE", "1 10 kill")
    report = execute(small(), tmp_path / "run", trust=("tests",))
    assert (report.status, report.exit_code, report.directory) == ("failed", 1, str(tmp_path / "run"))
    assert report.message.startswith("rank 1 died (SIGKILL), for want of memory perhaps (log: ")
    assert not left_of(tmp_path)
    record = RunRecord(tmp_path / "run")
    assert record.status == "failed"
    assert record.result and record.result["warnings"] == [report.message.partition(" (log")[0]]
    assert record.result["device"] == "cpu" and record.result["seconds"] > 0
    monkeypatch.delenv("FATE")
    found = together(experiment, tmp_path / "run", small(), ("tests",))
    assert found == together(experiment, tmp_path / "whole", small(), ("tests",))
    assert equal(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))


def test_a_job_without_a_device_for_each_is_refused(tmp_path: Path) -> None:
    report = execute(compose("sequence", ["runtime.processes=99", "runtime.device=mps"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert "runtime.processes=99 cannot share runtime.device=mps" in report.message
    assert not (tmp_path / "run").exists()


def test_an_experiment_of_one_batch_is_refused(tmp_path: Path) -> None:
    report = execute(compose("nw-regression", ["runtime.processes=2"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert report.message.startswith("runtime.processes=2: nw-regression trains in one, for all its points")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "processes", "reason"),
    [
        ("auto", 3, "this machine has 2 CUDA devices, one each"),
        ("cuda", 3, "this machine has 2 CUDA devices, one each"),
        ("cuda:1", 2, "cannot share runtime.device=cuda:1"),
        ("mps", 2, "cannot share runtime.device=mps"),
    ],
)
def test_each_needs_a_device(name: str, processes: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "present_devices", lambda: ["cpu", "cuda:0", "cuda:1"])
    with pytest.raises(UserError, match=reason):
        of_rank(Runtime(device=name), 0, processes)


def test_each_has_a_device_and_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(7)), raising=False)
    monkeypatch.setattr(device, "present_devices", lambda: ["cpu"])
    assert of_rank(Runtime(), 1, 2) == Runtime(device="cpu", threads=3)
    assert of_rank(Runtime(threads=5), 1, 9) == Runtime(device="cpu", threads=5)
    assert of_rank(Runtime(), 1, 9) == Runtime(device="cpu", threads=1)
    assert of_rank(Runtime(device="auto"), 0, 1) == Runtime(device="auto")
    monkeypatch.setattr(device, "present_devices", lambda: ["cpu", "cuda:0", "cuda:1"])
    assert of_rank(Runtime(), 1, 2).device == of_rank(Runtime(device="cuda"), 1, 2).device == "cuda:1"
    assert of_rank(Runtime(device="cpu"), 1, 2).device == "cpu"


HELD = """
import os, signal, sys, time
from attnrun.launch import lifeline
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lifeline.hold()
if not os.fork(): time.sleep(60)
sys.stdout.write("held\\n"); sys.stdout.flush()
time.sleep(60)
"""


def test_what_a_job_started_dies_with_it() -> None:
    job = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]], " \
        "stdin=subprocess.PIPE, start_new_session=True); time.sleep(60)"  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", job, HELD], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        process.kill()
        began = time.monotonic()
        assert process.stdout.read() == ""  # until the last who could write to it is gone
    assert time.monotonic() - began < 5
