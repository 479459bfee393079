"""Runs that are killed at random moments and resumed unaided end like those that were not, bit by bit."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from attnrun.runs.find import RunRecord, is_run
from tests.faults.runs import SMALL, everything, finish, start
from tests.training.outcome import equal

MODELS = {
    "gru": ["sequence", "model=gru"],
    "lstm": ["sequence", "model=lstm", "data=sort"],
    "transformer": ["sequence-transformer", "model=transformer-tiny", "data=reverse"],
}
SEED = 20261121


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("threads", [1, 2])
def test_killed_five_times(model: str, workers: int, threads: int, tmp_path: Path) -> None:
    dice = random.Random(f"{SEED} {model} {workers} {threads}")
    runtime = [f"runtime.data_workers={workers}", f"runtime.threads={threads}"]
    words = ["train", *MODELS[model], *SMALL, *runtime]
    began = time.monotonic()
    finish(start(*words, f"hydra.run.dir={tmp_path / 'whole'}"))
    seconds = time.monotonic() - began
    killed = tmp_path / "killed"
    moments = [round(dice.uniform(0.2, seconds), 2) for _ in range(5)]
    print(f"seed {SEED}: killed after {moments} s of {seconds:.1f}")
    for moment in moments:
        resumed = is_run(killed)
        _kill_after(moment, ["resume", str(killed)] if resumed else [*words, f"hydra.run.dir={killed}"])
    finish(start(*(["resume", str(killed)] if is_run(killed) else [*words, f"hydra.run.dir={killed}"])))
    whole: dict[str, Any] = everything(tmp_path / "whole")
    found = everything(killed)
    assert found["rows"] == whole["rows"]
    assert found["curves"] == whole["curves"]
    assert equal(found, whole)


def _kill_after(seconds: float, words: list[str]) -> None:
    process = start(*words)
    time.sleep(seconds)
    with suppress(ProcessLookupError):  # it was done
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_twenty_signals_end_it_within_five_seconds(number: signal.Signals, tmp_path: Path) -> None:
    dice = random.Random(f"{SEED} {number}")
    began = time.monotonic()
    finish(start("train", "sequence", *SMALL, f"hydra.run.dir={tmp_path / 'whole'}"))
    seconds = time.monotonic() - began
    for attempt in range(20):
        run = tmp_path / str(attempt)
        process = start("train", "sequence", *SMALL, f"hydra.run.dir={run}")
        moment = round(dice.uniform(0.3, seconds), 2)
        time.sleep(moment)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        took = time.monotonic() - began
        print(f"seed {SEED}: {number.name} after {moment} s, gone after {took:.1f} s")
        if process.returncode == 0:  # it was done
            assert RunRecord(run).status == "done"
            continue
        assert process.returncode == 128 + number, said
        assert took < 5
        assert "Traceback" not in said
        assert said.splitlines()[-1].startswith(f"attnrun: interrupted by {number.name}")
        assert not is_run(run) or RunRecord(run).status == "interrupted"


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_fifty_starts_in_one_second_make_fifty_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "nw-regression", "data.samples=20", "trainer.max_steps=1", "runtime.threads=1"]
    processes = [start(*words, f"seed={seed}") for seed in range(50)]
    for process in processes:
        finish(process)
    runs = [RunRecord(path) for path in (tmp_path / "outputs/nw-regression").iterdir()]
    assert sorted(run.config["seed"] for run in runs) == list(range(50))
    assert {run.status for run in runs} == {"done"}


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_of_eight_on_one_directory_one_wins(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "sequence", *SMALL, "runtime.threads=1", f"hydra.run.dir={run}"]
    first = start(*words)
    while not (run / "checkpoints/manifest.json").exists():
        time.sleep(0.05)
        assert first.poll() is None
    others = [start("resume", str(run)) for _ in range(7)]
    said = [process.communicate(timeout=120)[1] for process in others]
    assert [process.returncode for process in others] == [2] * 7
    assert all(f"is being written by pid {first.pid} on " in line for line in said)
    finish(first)
    finish(start(*words[:-1], f"hydra.run.dir={tmp_path / 'alone'}"))
    assert equal(everything(run), everything(tmp_path / "alone"))
