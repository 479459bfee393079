"""Runs that go on: `resume` with a later end, `train resume=auto`, and what they refuse."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.runs import files, layout, opening
from attnrun.runs.find import RunRecord
from attnrun.runs.lock import RunLock
from tests.training.outcome import equal, outcome

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Any]
SMALL = [
    "sequence", "data.symbols=5", "data.train=300", "data.valid=20", "data.test=20", "data.longer=0",
    "model.hidden=12", "model.embedding=11", "runtime.threads=1", "runtime.watch=false",
    "trainer.log_every=1",
]  # fmt: skip


def run_in(directory: Path, cli: Cli, *words: str) -> Path:
    result = cli("train", *SMALL, *words, f"hydra.run.dir={directory}")
    assert result.exit_code == 0, result.stderr
    return directory


def contents(run: Path) -> dict[Path, bytes]:
    """Every file of a run but its lock, which whoever holds it loses by reading it."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.mark.parametrize("schedule", ["inverse-sqrt", pytest.param("constant", marks=pytest.mark.slow)])
def test_a_finished_run_trained_further_equals_a_longer_one(cli: Cli, tmp_path: Path, schedule: str) -> None:
    short = run_in(tmp_path / "outputs/sequence/short", cli, "trainer.epochs=2", f"schedule={schedule}")
    long = run_in(tmp_path / "outputs/sequence/long", cli, "trainer.epochs=4", f"schedule={schedule}")
    result = cli("resume", "short", "trainer.epochs=4")
    assert result.exit_code == 0, result.stderr
    assert equal(outcome(short), outcome(long))
    records = [RunRecord(directory) for directory in (short, long)]
    assert records[0].metrics == records[1].metrics
    assert records[0].config_hash == records[1].config_hash
    assert records[0].config == records[1].config


@pytest.mark.parametrize(
    "killed_at", [2, pytest.param(1, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def test_an_extension_killed_before_it_is_written_down_can_be_made_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    run = run_in(tmp_path / "run", cli, "trainer.epochs=1", "schedule=constant")
    write, calls = opening.write_durably, 0

    def dying(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += path.name in (layout.IDENTITY, layout.CONFIG)
        if calls == killed_at:
            raise KeyboardInterrupt
        write(path, data)

    for module in (opening, files):
        monkeypatch.setattr(module, "write_durably", dying)
    assert cli("resume", str(run), "trainer.epochs=2").exit_code != 0
    assert calls == killed_at
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert cli("resume", str(run)).exit_code == 0
    assert cli("resume", str(run), "trainer.epochs=2").exit_code == 0
    whole = run_in(tmp_path / "whole", cli, "trainer.epochs=2", "schedule=constant")
    assert equal(outcome(run), outcome(whole))
    assert RunRecord(run).config_hash == RunRecord(whole).config_hash
    assert "former_hash" not in RunRecord(run).identity


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs, not to be changed."""
    run = tmp_path_factory.mktemp("done") / "run"
    execute(compose("sequence", [*SMALL[1:], "trainer.epochs=2", "schedule.warmup=1"]), run)
    return run


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.epochs=3", "the schedule of {run} depends on where the training ends; start a new run"),
        ("trainer.epochs=1", "trainer.epochs=1: a run cannot end before its trainer.epochs=2"),
        ("trainer.epoch=3", "not 'trainer.epoch=3'; did you mean 'trainer.epochs'?"),
        ("seed=1", "a resumed run takes trainer.epochs, trainer.max_steps and runtime.…, not 'seed=1'"),
        ("trainer.epochs=many", "trainer.epochs=many: the value must be a valid integer"),
        ("trainer.epochs=[", "'trainer.epochs=[': '[' is no value"),
        ("trainer.epochs=2020-13-77", "'2020-13-77' is no value"),
        ("trainer.epochs", "cannot read 'trainer.epochs'; expected KEY=VALUE"),
    ],
)
def test_what_would_not_be_exact_is_refused(cli: Cli, done: Path, word: str, message: str) -> None:
    assert_refused(cli, done, word, message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made_with", "word"),
    [("trainer.evaluate_every=3", "trainer.epochs=3"), ("trainer.max_steps=4", "trainer.max_steps=9")],
)
def test_an_end_between_two_evaluations_is_not_moved(
    cli: Cli, tmp_path: Path, made_with: str, word: str
) -> None:
    run = run_in(tmp_path / "run", cli, "trainer.epochs=2", "schedule=constant", made_with)
    assert_refused(cli, run, word, "{run} was evaluated where a longer run would not be; start a new run")


def assert_refused(cli: Cli, run: Path, word: str, message: str) -> None:
    before = contents(run)
    result = cli("resume", str(run), word)
    assert result.exit_code == 2
    assert message.format(run=run) in result.stderr
    assert result.stderr.count("\n") == 1
    assert contents(run) == before


def test_resume_auto_goes_on_with_the_newest_run_of_the_same_config(cli: Cli, tmp_path: Path) -> None:
    """In one command that a scheduler may start again and again."""
    command = ["train", *SMALL, "trainer.epochs=2", "resume=auto"]
    assert cli(*command).exit_code == 0
    (first,) = (tmp_path / "outputs/sequence").iterdir()
    assert cli("train", *SMALL, "trainer.epochs=2", "seed=1").exit_code == 0
    (first / "result.json").unlink()  # as a killed run leaves it
    result = cli(*command)
    assert result.exit_code == 0
    assert RunRecord(first).status == "done"
    again = cli(*command)
    assert (again.exit_code, f"{first} is finished; nothing to do" in again.stderr) == (0, True)
    assert len(list((tmp_path / "outputs/sequence").iterdir())) == 2


def test_a_run_that_is_named_is_the_one_that_goes_on(cli: Cli, tmp_path: Path) -> None:
    """Also where its config says `resume=auto`, and a newer run of that config is there."""
    old, new = (
        run_in(tmp_path / f"outputs/sequence/{name}", cli, "trainer.epochs=1") for name in ("old", "new")
    )
    config = (old / "config.yaml").read_text()
    (old / "config.yaml").write_text(config.replace("resume: never", "resume: auto"))
    (old / "result.json").unlink()
    before = contents(new)
    assert cli("resume", "old").exit_code == 0
    assert RunRecord(old).status == "done" and contents(new) == before


def test_a_run_that_somebody_writes_is_left_before_torch_is_imported(tmp_path: Path, cli: Cli) -> None:
    run = run_in(tmp_path / "run", cli, "trainer.epochs=1")
    (run / "result.json").unlink()
    program = (
        "import sys\nfrom pathlib import Path\nfrom attnrun.launch.job import execute\n"
        "from attnrun.runs.find import RunRecord\n"
        f"run = Path({str(run)!r})\nreport = execute(RunRecord(run).config, run)\n"
        "print(report.message, 'torch' in sys.modules)"
    )
    lock = RunLock(run)
    before = contents(run)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    lock.release()
    assert "is being written by pid" in done.stdout and done.stdout.endswith("False\n"), done.stderr
    assert contents(run) == before


def test_a_link_in_a_run_leads_nowhere(cli: Cli, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", cli, "trainer.epochs=1")
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (run / "lock").unlink()
    (run / "lock").symlink_to(mine)
    result = cli("train", *SMALL, "trainer.epochs=1", f"hydra.run.dir={run}")
    assert (result.exit_code, f"{run / 'lock'} is a link out of the run" in result.stderr) == (2, True)
    assert mine.read_text() == "mine"
