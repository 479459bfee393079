"""Several batches a step: the gradient is that of one batch that holds them all, whatever their lengths."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnrun.errors import Interrupted
from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord
from attnrun.training.loop import Trainer, fit
from attnrun.training.losses import linear_cross_entropy
from tests.training import tiny
from tests.training.outcome import equal, outcome

LENGTHS = [3, 11, 1, 7, 5, 2, 13]  # of 7 sequences
TRAINER = Trainer(epochs=5, log_every=2, checkpoint_every=1, accumulate=3)  # 4 batches an epoch: 3 and 1


class Padded:
    """Sequences of unequal length, 0 is padding: all of `parts` in the order of an epoch."""

    def __init__(self, *parts: list[int]) -> None:
        chance = torch.Generator().manual_seed(5)
        self.rows = [torch.randint(1, 17, (length,), generator=chance) for length in LENGTHS]
        self.parts = list(parts)

    def order(self, epoch: int) -> list[list[int]]:
        return self.parts

    def collate(self, indices: list[int]) -> Tensor:
        return nn.utils.rnn.pad_sequence([self.rows[index] for index in indices], batch_first=True)


def trained(directory: Path, accumulate: int, *parts: list[int], **changes: Any) -> tuple[nn.Module, Any]:
    """Train one step in float64 without dropout."""
    torch.manual_seed(3)
    embedding, output = nn.Embedding(17, 5).double(), nn.Linear(5, 17).double()
    model = nn.Sequential(embedding, output)

    def loss(batch: Tensor) -> tuple[Tensor, Tensor]:
        return linear_cross_entropy(embedding(batch), output, 5 * batch % 17, pad_id=0, label_smoothing=0.1)

    with tiny.open_run(directory, precision="float64") as run:
        fit(
            run,
            Trainer(epochs=1, log_every=1, accumulate=accumulate, **changes),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.7, momentum=0.5),
            batches=Padded(*parts),
            loss=loss,
        )
    return model, RunRecord(directory).metrics_rows()


@pytest.mark.parametrize("clip", [None, 1e-3])
def test_it_equals_one_batch_as_large(tmp_path: Path, clip: float | None) -> None:
    one, rows = trained(tmp_path / "a", 1, [0, 1, 2, 3, 4, 5, 6], clip_norm=clip)
    other, other_rows = trained(tmp_path / "b", 3, [2], [0, 5, 1], [3, 4, 6], clip_norm=clip)
    for weight, expected in zip(other.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-12, atol=1e-14)
    assert [row["step"] for row in rows] == [row["step"] for row in other_rows] == [1, 1]
    for name in ("train/loss", "train/gradient_norm"):
        assert other_rows[0][name] == pytest.approx(rows[0][name], rel=1e-12)
    assert other_rows[1]["train/epoch_loss"] == pytest.approx(rows[1]["train/epoch_loss"], rel=1e-12)


def test_a_mean_of_means_would_differ(tmp_path: Path) -> None:
    one, _ = trained(tmp_path / "a", 1, [2, 1])
    other, _ = trained(tmp_path / "b", 1, [2], [1])
    assert not torch.allclose(one[1].weight, other[1].weight, rtol=1e-3)


def test_steps_are_those_of_the_optimiser(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path) as run:
        _, result = tiny.train(run, TRAINER)
    assert (result.step, result.epoch, TRAINER.total_steps(4)) == (10, 5, 10)
    assert [row["step"] for row in RunRecord(tmp_path).metrics_rows() if "valid/loss" in row] == [
        2,
        4,
        6,
        8,
        10,
    ]
    assert load_newest(tmp_path)["schedule"]["last_epoch"] == 10


@pytest.mark.parametrize(("call", "workers"), [(2, 0), (4, 0), (7, 2), (13, 0), (14, 2)])
def test_interrupted_within_a_step_and_resumed(tmp_path: Path, call: int, workers: int) -> None:
    with tiny.open_run(tmp_path / "whole") as run:
        tiny.train(run, TRAINER)

    def stop(number: int) -> None:
        if number == call:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted), tiny.open_run(tmp_path / "run", data_workers=workers) as run:
        tiny.train(run, TRAINER, stop)
    with tiny.open_run(tmp_path / "run", data_workers=workers) as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))


def test_one_bad_batch_leaves_the_whole_step_out(tmp_path: Path) -> None:
    data = Padded([0], [1], [2], [3])
    model = nn.Embedding(17, 3)
    before = model.weight.detach().clone()

    def loss(batch: Tensor) -> tuple[Tensor, int]:
        bad = batch.shape[1] == LENGTHS[1]
        return model(batch).square().sum() * (torch.inf if bad else 1.0), batch.numel()

    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            replace(TRAINER, epochs=None, max_steps=1, non_finite="skip"),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.1),
            batches=data,
            loss=loss,
        )
    assert torch.equal(model.weight, before)
