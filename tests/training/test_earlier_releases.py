"""The checkpoints of every release so far: each loads, and the training goes on from it.

A folder of `tests/training/checkpoints` is what `tiny.train` had saved when a signal came in its fifth step.
"""

import shutil
from pathlib import Path

import pytest
import torch

from attnrun.runs.checkpoints import find_newest, load_newest
from attnrun.training.loop import Trainer
from tests.training import tiny

RELEASES = sorted((Path(__file__).parent / "checkpoints").iterdir())


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_goes_on_from_the_checkpoint_of_a_release(tmp_path: Path, release: Path) -> None:
    shutil.copytree(release, tmp_path / "run" / "checkpoints")
    found = find_newest(tmp_path / "run", pytest.fail)
    assert found is not None and found.step == 5
    trainer, steps = Trainer(epochs=3, log_every=2, checkpoint_every=3), []
    with tiny.open_run(tmp_path / "run") as run:
        _, result = tiny.train(run, trainer, steps.append)
    assert (len(steps), result.step, result.stopped) == (12 - 5, 12, "epochs")
    with tiny.open_run(tmp_path / "straight") as run:
        tiny.train(run, trainer)
    straight = load_newest(tmp_path / "straight")["model"]
    for name, weight in load_newest(tmp_path / "run")["model"].items():  # another machine
        torch.testing.assert_close(weight, straight[name], rtol=1e-4, atol=1e-5)
