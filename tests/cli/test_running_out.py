"""`attnrun train` when memory or space runs out: one line that says what would help, and the exit code."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from attnrun.runs.checkpoints import find_newest
from attnrun.training.step import Stepper

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]
SMALL = [
    "data.train=60", "data.valid=5", "data.test=5", "data.longer=0", "model.hidden=12", "model.embedding=11",
    "attention.hidden=7", "batch_size=20", "trainer.epochs=2", "hydra.run.dir=run", "runtime.threads=1",
    "runtime.watch=false",
]  # fmt: skip


def the_line(result: Result) -> str:
    """What was said, beside the progress."""
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("epoch ")]
    assert json.loads(Path("run/result.json").read_text())["status"] == "failed"
    return line


def test_memory(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(stepper: Stepper, batch: object, seed: int) -> None:
        torch.empty(10**15, dtype=torch.uint8)

    monkeypatch.setattr(Stepper, "step", no_memory)
    keys = "batch_size=20, eval_batch_size=250, model.embedding=11, model.hidden=12"
    line = the_line(cli("train", "sequence", *SMALL))
    assert line.startswith("attnrun: out of memory (1,000,000,000,000,000 bytes wanted): lower ")
    assert set(keys.split(", ")) <= set(line.partition("lower ")[2].partition(" (log")[0].split(", "))


def test_memory_for_a_model_that_is_never_built(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "sequence", *SMALL, "model.hidden=100000000")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "cannot be built: out of memory" in line and "model.hidden=100000000" in line
    assert not list(tmp_path.iterdir())


def test_space_for_the_second_checkpoint(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if str(target).endswith("step-6.pt"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as context:
        context.setattr(os, "replace", full)
        line = the_line(cli("train", "sequence", *SMALL))
    assert "cannot write " in line and "run/checkpoints/step-6.pt: No space left on device (" in line
    found = find_newest(Path("run"), pytest.fail)
    assert found is not None and found.step == 3
    assert cli("resume", "run").exit_code == 0


def test_a_disk_that_becomes_read_only(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    step, calls = Stepper.step, 0

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    def the_fourth_is_too_late(*args: object) -> object:
        nonlocal calls
        calls += 1
        for name in ("write", "fsync") if calls == 4 else ():
            context.setattr(os, name, read_only)
        return step(*args)

    with monkeypatch.context() as context:
        context.setattr(Stepper, "step", the_fourth_is_too_late)
        result = cli("train", "sequence", *SMALL)
    assert result.exit_code == 1
    *_, line = result.stderr.splitlines()
    assert line.startswith("attnrun: cannot write ") and "Read-only file system" in line
    found = find_newest(Path("run"), pytest.fail)
    assert found is not None and found.step == 3
    assert cli("resume", "run").exit_code == 0


def test_space_to_open_a_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = cli("train", "sequence", *SMALL)
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())
    assert "cannot open the run" in line and "environment.json: No space left on device (" in line
