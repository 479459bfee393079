"""Several processes train as one does: the same steps, the same decisions, the same weights."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from attnrun.launch.config import compose
from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord
from attnrun.training.distributed import Team
from attnrun.training.loop import Trainer
from tests.training.outcome import equal, outcome
from tests.training.several import deterministic, drawn, experiment, heavier, together, train_tiny

HUNDRED = Trainer(max_steps=100, log_every=1)
ADAM = partial(torch.optim.AdamW, lr=0.03)  # decays what has a gradient, and nothing else
LBFGS = partial(torch.optim.LBFGS, lr=0.5, max_iter=4, line_search_fn="strong_wolfe")


def near(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Tell whether weights are those of one process but for rounding."""
    pairs = [(torch.as_tensor(found[name]), torch.as_tensor(expected[name])) for name in expected]
    return all(torch.allclose(one, other, atol=1e-5, rtol=0) for one, other in pairs)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_nothing_is_dropped_or_doubled(size: int) -> None:
    for length in (0, 1, 2, 7, 11):
        batch = [3 * index for index in range(length)]
        parts = [Team(rank, size).part(batch) for rank in range(size)]
        assert sorted(index for part in parts for index in part) == batch
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("trainer", "optimiser", "count"),
    [
        pytest.param(HUNDRED, ADAM, 2, marks=pytest.mark.slow),
        (Trainer(max_steps=50, log_every=1, accumulate=2, clip_norm=0.2), ADAM, 2),
        (Trainer(max_steps=9, log_every=1), LBFGS, 2),
    ],
    ids=["adamw", "accumulated and clipped", "lbfgs"],
)
def test_many_steps_equal_those_of_one(trainer: Trainer, optimiser: Any, count: int, tmp_path: Path) -> None:
    one = deterministic(0, tmp_path / "one", trainer, optimiser)
    found = together(deterministic, tmp_path / "two", trainer, optimiser, count=count)
    assert [each["error"] for each in found] == ["", *["Released: "] * (count - 1)]
    assert all(each["weights"] == found[0]["weights"] for each in found)
    for name, values in one["weights"].items():
        assert torch.allclose(
            torch.tensor(found[0]["weights"][name]), torch.tensor(values), atol=1e-5, rtol=0
        )
    rows, expected = (RunRecord(tmp_path / name).metrics_rows() for name in ("two", "one"))
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other | {"time": row["time"]}, abs=1e-5)
    assert found[0]["measured"] == one["measured"]
    assert not any(each["measured"] for each in found[1:])


TEXT = [
    "trainer.max_steps=30", "trainer.log_every=3", "trainer.evaluate_every=50", "data.train=150",
    "data.valid=3", "data.test=3", "data.longer=0", "model.hidden=10", "model.embedding=7", "model.dropout=0",
    "batch_size=null", "batch_tokens=97", "trainer.clip_norm=0.5", "runtime.precision=float64",
    "runtime.device=cpu", "runtime.threads=1",
]  # fmt: skip


@pytest.mark.slow
def test_an_experiment_in_batches_of_tokens_equals_that_of_one(tmp_path: Path) -> None:
    plain = compose("sequence", TEXT)
    one = experiment(0, tmp_path / "one", plain)
    first, other = together(experiment, tmp_path / "two", plain)
    assert other == "Released"
    assert first == pytest.approx(one, abs=1e-5)
    weights, expected = (load_newest(tmp_path / name)["model"] for name in ("two", "one"))
    assert near(weights, expected)


def test_the_first_draws_the_numbers_of_one_and_the_others_draw_others(tmp_path: Path) -> None:
    one = drawn(0, tmp_path / "one")
    first, second = together(drawn, tmp_path / "two")
    assert first == one
    assert len(set(first) | set(second)) == 6


TRAINER = Trainer(epochs=4, log_every=2, checkpoint_every=3, patience=9, average=2)


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_signal_in_one_stops_all_after_the_same_step_and_resuming_is_exact(
    stopped: int, tmp_path: Path
) -> None:
    assert together(train_tiny, tmp_path / "whole", TRAINER) == ["done", "Released"]
    found = together(train_tiny, tmp_path / "run", TRAINER, 7, stopped)
    assert found == ["Interrupted: interrupted by SIGTERM after step 7"] * 2
    assert load_newest(tmp_path / "run").step == 7
    assert together(train_tiny, tmp_path / "run", TRAINER) == ["done", "Released"]
    assert equal(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))


def test_it_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    short, whole = Trainer(max_steps=10, log_every=1), replace(HUNDRED, max_steps=20)
    one = deterministic(0, tmp_path / "one", whole, ADAM)
    together(deterministic, tmp_path / "run", short, ADAM, count=3)
    found = deterministic(0, tmp_path / "run", whole, ADAM)
    assert near(found["weights"], one["weights"])


@pytest.mark.parametrize("policy", ["skip", "stop"])
def test_a_step_that_is_bad_in_one_is_bad_in_all(policy: Any, tmp_path: Path) -> None:
    trainer = Trainer(epochs=2, log_every=1, non_finite=policy)
    one = deterministic(0, tmp_path / "one", trainer, ADAM, 5)
    found = together(deterministic, tmp_path / "two", trainer, ADAM, 5)
    errors = [one["error"], one["error"] or "Released: "]
    assert [each["error"] for each in found] == errors
    assert ("the loss (inf) is not finite" in errors[0]) is (policy == "stop")
    assert found[0]["weights"] == found[1]["weights"]
    for name, values in one["weights"].items():
        assert torch.allclose(
            torch.tensor(found[0]["weights"][name]), torch.tensor(values), atol=1e-9, rtol=0
        )


def test_other_weights_in_one_are_noticed_at_the_end_of_the_epoch(tmp_path: Path) -> None:
    first, second = together(heavier, tmp_path)
    assert second.startswith("RunFailed: the weights are no longer those of the first process")
    assert first == "Lost: another process of the training is gone"
