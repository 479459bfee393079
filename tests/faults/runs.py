"""`attnrun` in processes of its own, to be killed, and what their runs hold afterwards."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attnrun.runs.find import RunRecord
from tests.training.outcome import curves, outcome

SMALL = [
    "data.train=1500", "data.valid=100", "data.test=50", "data.longer=0", "trainer.epochs=4",
    "trainer.log_every=3", "trainer.checkpoint_every=5",
]  # fmt: skip


def start(*words: str) -> subprocess.Popen[str]:
    """Start `attnrun` with these words, as the head of a process group; its stderr is to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "attnrun", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end, which must be a good one; return what it said."""
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return said


def everything(directory: Path) -> dict[str, Any]:
    """What must not depend on interruptions: `outcome`, the result, and the curves that TensorBoard shows."""
    return outcome(directory) | {"metrics": RunRecord(directory).metrics, "curves": curves(directory)}
