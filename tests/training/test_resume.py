"""Interrupted and resumed equals uninterrupted: weights, optimiser, schedule and rows, bit by bit."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attnrun.errors import Interrupted, UserError
from attnrun.runs.find import RunRecord
from attnrun.training.checkpoint import load_newest
from attnrun.training.loop import Trainer
from tests.training import tiny

STEPS = 12  # 3 epochs of 4 batches
TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=3)


def outcome(directory: Path) -> dict:
    """Everything that must not depend on interruptions."""
    found = load_newest(directory)
    rows = [{k: v for k, v in row.items() if k != "time"} for row in RunRecord(directory).metrics_rows()]
    return {"parts": found.state["parts"], "loop": found.state["loop"], "rows": rows}


def equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def interrupt_at(number: int, sign: int = signal.SIGINT):
    def on_batch(call: int) -> None:
        if call == number:
            signal.raise_signal(sign)

    return on_batch


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
    [("loss", 8), (".pt", 3), ("manifest.json", 3)],
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


def test_seconds_go_on(tmp_path):
    with pytest.raises(Interrupted), tiny.open_run(tmp_path) as run:
        run._began -= 1000
        tiny.train(run, TRAINER, interrupt_at(2))
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, TRAINER)
        assert 1000 < run.finish({})["seconds"] < 1100
