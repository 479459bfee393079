"""A small training with dropout for the tests of the loop: 11 inputs to 3 classes, batches of 5."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnrun.runs.device import Runtime
from attnrun.runs.run import Run
from attnrun.training.loop import FitResult, Trainer, fit
from attnrun.training.schedule import inverse_sqrt


@dataclass
class Batch:
    x: Tensor  # (B, 11)
    y: Tensor  # (B,)

    def to(self, device: Any) -> "Batch":
        return Batch(self.x.to(device), self.y.to(device))


class Data:
    """19 rows in batches of 5, so that the last of the 4 batches of an epoch is smaller."""

    def __init__(self, seed: int, rows: int = 19) -> None:
        generator = torch.Generator().manual_seed(1000)
        self.seed = seed
        self.x = torch.randn(rows, 11, generator=generator)
        self.y = torch.randint(0, 3, (rows,), generator=generator)

    def order(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 7919 + epoch)
        return [part.tolist() for part in torch.randperm(len(self.y), generator=generator).split(5)]

    def collate(self, indices: list[int]) -> Batch:
        # random augmentation from the global generator, which the loop keys by (seed, epoch, position)
        x = self.x[indices]
        return Batch(x + 0.1 * torch.randn_like(x), self.y[indices])


def open_run(directory: Path, seed: int = 3, **runtime: Any) -> Run:
    return Run.open(
        directory,
        experiment="tiny",
        config={"seed": seed, "trainer": {"epochs": 3}},
        config_hash="1234",
        seed=seed,
        runtime=Runtime(device="cpu", **runtime),
        primary=("loss", "min"),
        quiet=True,
    )


def make_model(run: Run) -> nn.Sequential:
    return nn.Sequential(nn.Linear(11, 7), nn.Tanh(), nn.Dropout(0.3), nn.Linear(7, 3)).to(
        run.device, run.dtype
    )


def train(run: Run, trainer: Trainer, on_batch: Any = None, **more: Any) -> tuple[nn.Module, FitResult]:
    """Train as an experiment would; `on_batch` is called with the number of each loss call."""
    model, data = make_model(run), Data(run.seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    calls = 0

    def loss(batch: Batch) -> tuple[Tensor, int]:
        nonlocal calls
        calls += 1
        if on_batch is not None:
            on_batch(calls)
        return F.cross_entropy(model(batch.x), batch.y, reduction="sum"), len(batch.y)

    def evaluate() -> dict[str, float]:
        return {"loss": float(F.cross_entropy(model(data.x), data.y))}

    result = fit(
        run,
        trainer,
        model=model,
        optimiser=optimiser,
        schedule=inverse_sqrt(optimiser, 100, warmup=3),  # of any length
        batches=data,
        loss=loss,
        **({"evaluate": evaluate} | more),
    )
    return model, result


def interrupted_evaluation(number: int) -> Callable[[], dict[str, float]]:
    """Return an evaluation whose call with this number gets a SIGTERM, and is not to go on."""
    calls = 0

    def evaluate() -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == number:
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("went on")
        return {"loss": 0.1 * calls}

    return evaluate


def main() -> None:
    """Train in DIRECTORY until SIGKILL: in the Nth loss, or at the Nth rename to a name with PART in it."""
    directory, where, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    replace, renamed = os.replace, 0

    def dying_replace(source: Any, target: Any) -> None:
        nonlocal renamed
        renamed += where in str(target)
        if renamed == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    def dying_loss(call: int) -> None:
        if call == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = dying_replace
    with open_run(directory) as run:
        train(
            run, Trainer(epochs=3, log_every=2, checkpoint_every=3), dying_loss if where == "loss" else None
        )


if __name__ == "__main__":
    main()
