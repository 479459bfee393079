"""The mean of the last evaluated weights: which they are, when it is kept, and after an interruption."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnrun.errors import Interrupted, UserError
from attnrun.runs.checkpoints import load_best, load_newest, read_manifest
from attnrun.runs.run import Run
from attnrun.training.loop import FitResult, Trainer, fit
from tests.training import tiny
from tests.training.outcome import curves, equal, outcome

TRAINER = Trainer(epochs=5, log_every=2, checkpoint_every=3, average=3, keep=1)  # 4 steps an epoch


def train(
    run: Run, trainer: Trainer = TRAINER, on_batch: Any = None, better: bool = True
) -> tuple[nn.Module, FitResult, list[Tensor]]:
    """Train with an evaluation that only counts, and finds the average better or not; return what it saw."""
    seen: list[Tensor] = []

    def evaluate(model: nn.Module) -> dict[str, float]:
        seen.append(model.state_dict()["0.weight"].clone())
        return {"loss": 0.1 if len(seen) == count and better else 1.0}

    count = 1 + -(-5 // trainer.evaluate_every)
    model, data = tiny.make_model(run), tiny.Data(run.seed)
    calls = 0

    def loss(batch: tiny.Batch) -> tuple[Tensor, int]:
        nonlocal calls
        calls += 1
        if on_batch is not None:
            on_batch(calls)
        return nn.functional.cross_entropy(model(batch.x), batch.y, reduction="sum"), len(batch.y)

    result = fit(
        run,
        trainer,
        model=model,
        optimiser=torch.optim.Adam(model.parameters(), lr=0.05),
        batches=data,
        loss=loss,
        evaluate=lambda: evaluate(model),
    )
    return model, result, seen


def interrupt_at(number: int) -> Callable[[int], None]:
    return lambda call: signal.raise_signal(signal.SIGTERM) if call == number else None


@pytest.mark.parametrize(("every", "number", "used"), [(1, 3, 3), (1, 9, 5), (2, 2, 2), (1, 1, 1)])
def test_it_is_the_mean_of_the_last_evaluations(tmp_path: Path, every: int, number: int, used: int) -> None:
    with tiny.open_run(tmp_path) as run:
        model, result, seen = train(run, replace(TRAINER, average=number, evaluate_every=every))
    *evaluated, averaged = seen
    expected = torch.stack(evaluated[-used:]).double().mean(0).float()
    assert torch.equal(averaged, expected)
    assert torch.equal(load_best(tmp_path)["model"]["0.weight"], expected)
    assert (result.kept, result.average, result.best["loss"]) == ("average", {"loss": 0.1}, 1.0)
    assert torch.equal(model.get_parameter("0.weight"), evaluated[-1])
    assert torch.equal(load_newest(tmp_path)["model"]["0.weight"], evaluated[-1])


def test_one_that_is_no_better_is_told_of_and_not_kept(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path) as run:
        _, result, _ = train(run, better=False)
    assert (result.kept, result.average) == ("best", {"loss": 1.0})
    assert load_best(tmp_path).step == 4  # the first of equals
    assert outcome(tmp_path)["rows"][-1] == {"step": 20, "epoch": 5, "average/loss": 1.0}
    assert not any(entry.averaged for entry in read_manifest(tmp_path))


@pytest.mark.parametrize(("loss", "kept"), [(0.9, "average"), (1.0, "best"), (1.1, "best")])
def test_the_loss_tells_whether_it_is_better_not_a_lucky_score(
    tmp_path: Path, loss: float, kept: str
) -> None:
    scores = iter([30.0, 41.0, 40.0, 40.2, 40.1, 40.5])  # five evaluations, then the average

    def evaluate() -> dict[str, float]:
        score = next(scores)
        return {"bleu": score, "loss": loss if score == 40.5 else 1.0}

    with tiny.open_run(tmp_path) as run:
        run.primary = ("bleu", "max")
        _, result = tiny.train(run, TRAINER, evaluate=evaluate)
    assert (result.kept, result.best["bleu"]) == (kept, 41.0)
    assert any(entry.averaged for entry in read_manifest(tmp_path)) == (kept == "average")


def test_no_more_is_kept_than_it_takes(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path) as run:
        train(run)
    kept = [(entry.step, entry.evaluated, entry.averaged) for entry in read_manifest(tmp_path)]
    assert kept == [
        (4, True, False),
        (12, True, False),
        (16, True, False),
        (20, True, False),
        (20, False, True),
    ]


def left(directory: Path) -> dict[str, Any]:
    """What must not depend on interruptions, the kept weights among it."""
    return outcome(directory) | {"kept": load_best(directory)["model"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the protobuf generation that reads events
def test_interrupted_anywhere_it_is_the_same_bit_by_bit(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    whole = left(tmp_path / "whole")
    for step in (1, 4, 7, 12, 18, 20):
        with pytest.raises(Interrupted), tiny.open_run(tmp_path / f"{step}") as run:
            tiny.train(run, TRAINER, interrupt_at(step))
        with tiny.open_run(tmp_path / f"{step}") as run:
            tiny.train(run, TRAINER)
        assert equal(left(tmp_path / f"{step}"), whole)
    assert curves(tmp_path / "7") == curves(tmp_path / "whole")


def test_interrupted_while_it_is_measured_it_is_made_again(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    with pytest.raises(Interrupted), tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, TRAINER, evaluate=tiny.interrupted_evaluation(6))
    with tiny.open_run(tmp_path / "run") as run:
        _, result = tiny.train(run, TRAINER)
    assert result.average == {
        "loss": outcome(tmp_path / "whole")["rows"][-1]["average/loss"],
    }


def test_a_damaged_checkpoint_is_made_again_and_counts_once(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    with pytest.raises(Interrupted), tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, replace(TRAINER, keep=2), interrupt_at(16))
    for entry in read_manifest(tmp_path / "run"):
        if entry.step > 12:
            (tmp_path / "run" / "checkpoints" / entry.file).write_bytes(b"")
    with tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, TRAINER)
    assert equal(left(tmp_path / "run"), left(tmp_path / "whole"))


def test_a_training_that_goes_on_forgets_its_average(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)
    with tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, replace(TRAINER, epochs=3))
        run.finish({})
    with tiny.open_run(tmp_path / "run") as run:
        tiny.train(run, TRAINER)
    assert equal(left(tmp_path / "run"), left(tmp_path / "whole"))


def test_it_needs_evaluations_and_their_metric(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trainer\.average.* none"), tiny.open_run(tmp_path / "a") as run:
        tiny.train(run, TRAINER, evaluate=None)
    with pytest.raises(ValueError, match="no metric 'loss'"), tiny.open_run(tmp_path / "b") as run:
        tiny.train(run, TRAINER, evaluate=lambda: {"score": 1.0})
