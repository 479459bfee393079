"""`runtime.compile`: the same training, by code that is made for it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnrun.runs.find import RunRecord

WORDS = ["sequence-transformer", "model.layers=1", "model.size=16", "model.feedforward=16", "heads.count=2"]
WORDS += ["data.train=200", "data.valid=20", "data.test=20", "data.longer=20", "runtime.threads=1"]
WORDS += ["trainer.max_steps=3", "trainer.log_every=1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
def test_a_compiled_training_is_the_same(train: Callable[..., Any], tmp_path: Path) -> None:
    losses = []
    for compile_it in ("false", "true"):
        found = train(*WORDS, f"runtime.compile={compile_it}")
        rows = RunRecord(tmp_path / found["run"]).metrics_rows()
        losses.append([row["train/loss"] for row in rows if "train/loss" in row])
    assert len(losses[0]) == 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.slow
def test_without_a_compiler_the_run_fails_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attnrun", "train", *WORDS, "runtime.compile=true"]
    environment = {**os.environ, "CXX": "no-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "compiler" in done.stderr.splitlines()[-1]
