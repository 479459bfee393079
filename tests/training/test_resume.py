"""Interrupted and resumed equals uninterrupted: weights, optimiser, schedule and rows, bit by bit."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from attnrun.errors import Interrupted, UserError
from attnrun.runs import signals
from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.training import checkpoint
from attnrun.training.loop import Trainer
from tests.training import tiny
from tests.training.outcome import curves, equal, outcome

STEPS = 12  # 3 epochs of 4 batches
TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=3)


def interrupt_at(number: int, sign: int = signal.SIGINT):
    def on_batch(call: int) -> None:
        if call == number:
            signal.raise_signal(sign)

    return on_batch


def tags(directory: Path) -> Counter:
    """Count what TensorBoard is told by name, over all its files."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    files = [str(path) for path in directory.glob("events.*")]
    return Counter(
        value.tag for file in files for event in EventFileLoader(file).Load() for value in event.summary.value
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict:
    directory = tmp_path_factory.mktemp("whole")
    with tiny.open_run(directory) as run:
        tiny.train(run, TRAINER)
    return outcome(directory)


def test_the_comparison_sees_a_difference(whole, tmp_path):
    with tiny.open_run(tmp_path, seed=4) as run:
        tiny.train(run, TRAINER)
    assert not equal(whole, outcome(tmp_path))


def test_dropout_is_not_the_same_in_every_step(tmp_path):
    masks = []
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(max_steps=3), lambda call: masks.append(torch.rand(23)))
    assert not torch.equal(masks[0], masks[1]) and not torch.equal(masks[1], masks[2])


@pytest.mark.parametrize(
    ("step", "workers"),
    [(step, 0) for step in range(1, STEPS + 1)] + [(1, 2), (4, 2), (6, 2), (11, 2), (12, 2)],
)
def test_interrupted_after_any_step(whole, tmp_path, step, workers):
    with pytest.raises(Interrupted) as stop, tiny.open_run(tmp_path, data_workers=workers) as run:
        tiny.train(run, TRAINER, interrupt_at(step))
    assert stop.value.exit_code == 130
    assert not multiprocessing.active_children()
    assert load_newest(tmp_path).step == step
    assert RunRecord(tmp_path).status == "interrupted"
    with tiny.open_run(tmp_path, data_workers=workers) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)


def test_interrupted_after_every_step_in_turn(whole, tmp_path):
    for _ in range(STEPS):
        with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
            tiny.train(run, TRAINER, interrupt_at(1, signal.SIGTERM))
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("loss", 8),
        pytest.param(".pt", 3, marks=pytest.mark.slow),
        pytest.param("manifest.json", 3, marks=pytest.mark.slow),
    ],
    ids=["in a step", "before the checkpoint is there", "between checkpoint and manifest"],
)
def test_killed(whole, tmp_path, where, number):
    repository = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [repository, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, tiny.__file__, str(tmp_path), where, str(number)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert RunRecord(tmp_path).status == "interrupted"
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)
    assert not list((tmp_path / "checkpoints").glob("*.tmp.*"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the protobuf generation that reads events
@pytest.mark.parametrize("saves", [1, 2, 3, 4])
def test_tensorboard_shows_every_step_once(tmp_path, monkeypatch, saves):
    """Also where it ended between what is logged at a step and the checkpoint of it."""
    trainer = replace(TRAINER, checkpoint_every=4)
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, trainer)
    save, calls = checkpoint.save, 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls > saves:
            raise RuntimeError("killed")
        return save(*args, **kwargs)

    monkeypatch.setattr(checkpoint, "save", dying)
    with pytest.raises(RuntimeError, match="killed"), tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, trainer)
    monkeypatch.undo()
    with tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, trainer)
    assert curves(tmp_path / "run") == curves(tmp_path / "whole")
    assert set(curves(tmp_path / "run")["valid/loss"][0]) >= {4}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_shows_the_result_once(tmp_path, monkeypatch):
    """Also where it ended between what TensorBoard gets of the result and the result itself."""

    def end(name: str) -> None:
        with tiny.open_run(tmp_path / name) as run:
            tiny.train(run, TRAINER)
            run.text("about", "text")
            run.finish({"test_loss": 0.5})

    end("whole")
    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(Run, "_end", Mock(side_effect=RuntimeError("killed")))
        end("run")
    end("run")
    assert curves(tmp_path / "run") == curves(tmp_path / "whole")
    assert tags(tmp_path / "run") == tags(tmp_path / "whole")


def test_rows_after_the_checkpoint_are_cut_off(whole, tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, interrupt_at(6))
    with open(tmp_path / "metrics.jsonl", "a") as stream:  # as a killed run leaves it
        stream.write('{"step": 8, "epoch": 1, "time": 1.0, "train/loss": 99.0}\n{"step": 10, "ep')
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert outcome(tmp_path)["rows"] == whole["rows"]


def test_a_finished_training_is_not_trained_again(whole, tmp_path):
    with tiny.open_run(tmp_path) as run:
        _, first = tiny.train(run, TRAINER)
    with tiny.open_run(tmp_path) as run:
        model, second = tiny.train(run, TRAINER, lambda call: pytest.fail("trained again"))
    assert first == second
    assert equal(dict(model.state_dict()), dict(whole["parts"]["model"]))


def test_without_a_checkpoint_the_run_starts_again(whole, tmp_path):
    with tiny.open_run(tmp_path) as run:
        run.log(2, {"train/loss": 5.0})
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert outcome(tmp_path)["rows"] == whole["rows"]


def test_damaged_newest_checkpoint(whole, tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, interrupt_at(8))
    newest = load_newest(tmp_path).path
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x00\x01")
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
        assert any("damaged" in warning for warning in run.warnings)
    assert equal(outcome(tmp_path), whole)


def test_every_checkpoint_damaged(whole, tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, interrupt_at(8))
    for path in (tmp_path / "checkpoints").glob("*.pt"):
        path.write_bytes(b"")
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)


def test_another_fingerprint_is_refused(tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, interrupt_at(2), fingerprint={"vocabulary": "abc"})
    with pytest.raises(UserError, match="another vocabulary"), tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, fingerprint={"vocabulary": "abd"})


def test_interrupted_in_an_evaluation(whole, tmp_path):
    """At once, and the evaluation is made again: its epoch is not over."""
    with pytest.raises(Interrupted) as stop, tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, evaluate=tiny.interrupted_evaluation(2))
    assert stop.value.exit_code == 143
    assert load_newest(tmp_path).step == 8
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path)["parts"], whole["parts"])
    rows = outcome(tmp_path)["rows"]
    assert [row for row in rows if "valid/loss" not in row] == [
        row for row in whole["rows"] if "valid/loss" not in row
    ]
    assert [row["epoch"] for row in rows if "valid/loss" in row] == [1, 2, 3]


def test_a_later_end_equals_one_from_the_start(whole, tmp_path):
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, replace(TRAINER, epochs=2))
        run.finish({})
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)


def test_temporary_files_of_a_killed_writer_are_removed_at_the_next_start(tmp_path):
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, None)
    places = [tmp_path / "result.json.tmp.71", tmp_path / "figures/a.png.tmp.5", tmp_path / "notes.tmp.txt"]
    (tmp_path / "figures").mkdir()
    for place in places:
        place.touch()
    with tiny.open_run(tmp_path):
        assert [place.exists() for place in places] == [False, False, True]


def test_seconds_go_on(tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        run._began -= 1000
        tiny.train(run, TRAINER, interrupt_at(2))
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
        assert 1000 < run.finish({})["seconds"] < 1100


def test_a_step_that_takes_too_long_is_left_and_made_again(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "StopRequest", partial(signals.StopRequest, 0.1))

    def slow(call: int) -> None:
        if call == 8:
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                time.sleep(0.01)

    with pytest.raises(Interrupted) as stop, tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER, slow)
    assert stop.value.exit_code == 143
    assert load_newest(tmp_path).step == 6
    assert RunRecord(tmp_path).status == "interrupted"
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path), whole)
