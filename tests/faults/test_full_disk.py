"""A disk that fills up: one line with path and bytes, exit code 1, and after space is freed an equal end."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnrun.runs.checkpoints import find_newest, load_newest
from attnrun.runs.files import CannotWrite
from attnrun.runs.find import RunRecord
from attnrun.training.loop import Trainer
from tests.faults.runs import finish, start
from tests.training import tiny
from tests.training.outcome import equal, outcome

TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=3)
SMALL = [
    "data.train=200", "data.valid=20", "data.test=20", "data.longer=10", "model.hidden=16",
    "model.embedding=13", "attention.hidden=11", "trainer.log_every=1", "trainer.checkpoint_every=1",
    "runtime.threads=1",
]  # fmt: skip
SIZES = [40, 116, 200, 320, 430]  # kilobytes: too little for the first checkpoint … for the last figure


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "attnrun", place], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def resize(disk: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("left", [0, 4096, 8192], ids=["nothing", "a page", "two pages"])
def test_a_checkpoint_without_space(tmp_path: Path, disk: Path, left: int) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    filler = disk / "filler"

    def fill(call: int) -> None:
        if call == 6:
            filler.write_bytes(bytes(free(disk) - left))

    said = pytest.raises(CannotWrite, match=rf"cannot write {disk}/run/.* No space .* wanted, [\d,]+ free\)$")
    with said, tiny.open_run(disk / "run") as run:
        tiny.train(run, TRAINER, fill)
    assert find_newest(disk / "run", pytest.fail) is not None
    filler.unlink()
    assert RunRecord(disk / "run").status in ("failed", "interrupted")  # if there was space to say so
    with tiny.open_run(disk / "run") as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(disk / "run"), outcome(tmp_path / "whole"))


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_the_command_on_disks_of_many_sizes(tmp_path: Path, disk: Path) -> None:
    words = ["train", "sequence", *SMALL]
    finish(start(*words, f"hydra.run.dir={tmp_path / 'whole'}"))
    lacking = set()
    for number, size in enumerate(SIZES):
        resize(disk, size)
        run = disk / f"run{number}"
        process = start(*words, f"hydra.run.dir={run}")
        _, said = process.communicate(timeout=120)
        lines = [line for line in said.splitlines() if not line.startswith("epoch ")]
        assert (process.returncode, len(lines)) == (1, 1), said
        assert lines[0].startswith(f"attnrun: cannot write {run}/") and "bytes wanted" in lines[0]
        place = lines[0].removeprefix(f"attnrun: cannot write {run}/")
        lacking.add(place.partition("/")[0].partition(".")[0])
        kept = find_newest(run, pytest.fail)
        resize(disk, 4096)
        finish(start("resume", str(run)))
        assert load_newest(run).step == 10 and (kept is None or kept.step <= 10)
        assert equal(outcome(run), outcome(tmp_path / "whole"))
        assert RunRecord(run).metrics == RunRecord(tmp_path / "whole").metrics
        subprocess.run(["rm", "-r", run], check=True)
    assert "checkpoints" in lacking and lacking & {"events", "figures"}
