"""Worker processes that die: one line and a hint, nobody left behind, and the run goes on."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from attnrun.errors import RunFailed
from attnrun.runs.find import RunRecord
from attnrun.training.batches import iterate
from attnrun.training.loop import Trainer
from tests.training import tiny
from tests.training.outcome import equal, outcome

TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=3)


class Deadly(tiny.Data):
    """Kills the worker that is to make a batch with this index."""

    deadly = 7

    def collate(self, indices: list[int]) -> tiny.Batch:
        if self.deadly in indices and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().collate(indices)


class Odd(tiny.Data):
    def collate(self, indices: list[int]) -> tiny.Batch:
        raise ValueError("odd data")


def children() -> list[str]:
    """The processes that this one has begun and not yet waited for, zombies among them."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_a_worker_killed_between_batches(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    before = children()

    def kill_one(call: int) -> None:
        if call == 6:
            worker = multiprocessing.active_children()[0]
            worker.kill()
            worker.join()

    said = pytest.raises(RunFailed, match=r"a data worker died \(SIGKILL\).*runtime\.data_workers=0")
    with said, tiny.open_run(tmp_path / "killed", data_workers=2) as run:
        tiny.train(run, TRAINER, kill_one)
    assert children() == before
    assert RunRecord(tmp_path / "killed").status == "failed"
    with tiny.open_run(tmp_path / "killed") as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path / "killed"), outcome(tmp_path / "whole"))


def test_a_worker_killed_while_it_makes_the_batch() -> None:
    before, handler = children(), signal.getsignal(signal.SIGCHLD)
    with pytest.raises(RunFailed, match="SIGKILL") as held:  # which holds the frames, and so the loader
        list(iterate(Deadly(3), seed=3, epoch=0, workers=2))
    assert held
    assert children() == before
    assert signal.getsignal(signal.SIGCHLD) == handler


def test_an_error_in_a_worker_is_no_death() -> None:
    with pytest.raises(ValueError, match="odd data"):
        list(iterate(Odd(3), seed=3, epoch=0, workers=2))
    assert not multiprocessing.active_children()


def test_workers_end_with_the_epoch() -> None:
    before = children()
    assert len(list(iterate(tiny.Data(3), seed=3, epoch=0, workers=2))) == 4
    assert children() == before
