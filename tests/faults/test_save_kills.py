"""SIGKILL at seven points inside a save: what was saved before loads, and the run ends as it would have."""

import multiprocessing
import os
import random
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord
from attnrun.training.loop import Trainer
from tests.training import tiny
from tests.training.outcome import equal, outcome

SEED = 20261121
TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=1)  # of 4 steps each
# Of the calls that one save makes: which one, its number in the save, and whether to die before or after it.
POINTS = {
    "written": ("fsync", 1, "before"),
    "synced": ("replace", 1, "before"),
    "renamed": ("replace", 1, "after"),
    "manifest written": ("replace", 2, "before"),
    "manifest renamed": ("replace", 2, "after"),
    "copy renamed": ("replace", 3, "after"),
    "pruned in part": ("unlink", 1, "after"),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(directory: Path, save: int, point: str) -> None:
    """Train, and die inside the save after step `save`."""
    name, number, when = POINTS[point]
    calls, inside = 0, False

    def deadly(call: Callable[..., None]) -> Callable[..., None]:
        def called(*arguments: object, **keys: object) -> None:
            nonlocal calls
            calls += inside
            last = inside and calls == number
            if last and when == "before":
                die()
            call(*arguments, **keys)
            if last:
                die()

        return called

    def arm(step: int) -> None:
        """Count the calls from the one after which the checkpoint of this step is written."""
        nonlocal inside
        inside = step == save

    setattr(os, name, deadly(getattr(os, name)))
    with tiny.open_run(directory) as run:
        position = run.position

        def armed_position() -> dict[str, object]:
            found = position()  # syncs the rows, before the save begins
            arm(run.step)
            return found

        run.position = armed_position  # type: ignore[method-assign]
        tiny.train(run, TRAINER, evaluate=None)


def forked(*arguments: object) -> int | None:
    """Call `train_and_die` in a copy of this process, which has torch already; return its exit code."""
    process = multiprocessing.get_context("fork").Process(target=train_and_die, args=arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the copy does not need
        process.start()
    process.join(60)
    return process.exitcode


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    directory = tmp_path_factory.mktemp("whole")
    with tiny.open_run(directory) as run:
        tiny.train(run, TRAINER, evaluate=None)
    return outcome(directory)


def check(directory: Path, save: int, point: str, whole: dict[str, object]) -> None:
    assert forked(directory, save, point) == -signal.SIGKILL
    assert RunRecord(directory).status == "interrupted"
    counts = list(POINTS).index(point) >= list(POINTS).index("manifest renamed")
    assert load_newest(directory).step == (save if counts else save - 1)
    with tiny.open_run(directory) as run:
        tiny.train(run, TRAINER, evaluate=None)
    assert equal(outcome(directory), whole)
    assert len(list((directory / "checkpoints").glob("*.pt"))) == TRAINER.keep
    assert not list(directory.rglob("*.tmp.*"))


@pytest.mark.parametrize("point", POINTS)
def test_killed_inside_a_save(tmp_path: Path, point: str, whole: dict[str, object]) -> None:
    save = random.Random(f"{SEED} {point}").randint(3, 5)  # by the third, something is pruned
    print(f"seed {SEED}: save {save}")
    check(tmp_path, save, point, whole)


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("save", range(3, 13))
def test_killed_inside_every_save(tmp_path: Path, save: int, point: str, whole: dict[str, object]) -> None:
    check(tmp_path, save, point, whole)
