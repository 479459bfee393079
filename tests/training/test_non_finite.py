"""NaN and infinity, under every optimiser: what is bad is named, and no weight ever takes it on."""

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from attnrun.errors import RunFailed
from attnrun.runs.checkpoints import find_newest, load_newest
from attnrun.runs.find import RunRecord
from attnrun.training.loop import Trainer, fit
from tests.training import tiny

OPTIMISERS = sorted((Path(__file__).parents[2] / "configs/optim").glob("*.yaml"))
BAD_STEP = 2


class Numbers:
    """Five batches an epoch, each of them its own position."""

    def order(self, epoch: int) -> list[list[int]]:
        return [[position] for position in range(5)]

    def collate(self, indices: list[int]) -> Tensor:
        return torch.tensor(indices)


def make_optimiser(path: Path, model: nn.Module, **changes: Any) -> torch.optim.Optimizer:
    keys = yaml.safe_load(path.read_text())
    module, _, name = keys.pop("_target_").rpartition(".")
    made: torch.optim.Optimizer = getattr(importlib.import_module(module), name)(
        model.parameters(), **(keys | {"lr": 0.01} | changes)
    )
    return made


def spoil_loss(value: float) -> Callable[[nn.Module, Tensor], Tensor]:
    return lambda model, mean: mean * value


def spoil_gradient(model: nn.Module, mean: Tensor) -> Tensor:
    """Finite, with an infinite gradient: the root of a weight minus itself."""
    weight = model.get_parameter("1.weight")
    return mean + (weight - weight.detach()).abs().sqrt().sum()


BAD = {
    "the loss (nan)": spoil_loss(math.nan),
    "the loss (inf)": spoil_loss(math.inf),
    "the gradient of 1.weight": spoil_gradient,
}


def train(
    directory: Path, path: Path, spoil: Any, non_finite: Any = "stop", at: int = BAD_STEP, **changes: Any
) -> nn.Module:
    """Train on five batches, saving after each; the loss of one is spoiled."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    x = torch.randn(7, 3)

    def loss(batch: Tensor) -> tuple[Tensor, int]:
        mean = (model(x) - 1).square().mean()
        return (spoil(model, mean) if int(batch) == at else mean), 1

    with tiny.open_run(directory) as run:
        fit(
            run,
            Trainer(epochs=1, checkpoint_every=1, non_finite=non_finite),
            model=model,
            optimiser=make_optimiser(path, model, **changes),
            batches=Numbers(),
            loss=loss,
        )
    return model


def saved_is_finite(directory: Path) -> bool:
    return all(bool(value.isfinite().all()) for value in load_newest(directory)["model"].values())


@pytest.mark.parametrize("path", OPTIMISERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("what", BAD)
def test_stop_names_what_is_bad(tmp_path: Path, path: Path, what: str) -> None:
    with pytest.raises(RunFailed) as stopped:
        train(tmp_path, path, BAD[what])
    assert str(stopped.value) == f"step {BAD_STEP + 1}: {what} is not finite"
    assert load_newest(tmp_path).step == BAD_STEP
    assert saved_is_finite(tmp_path)
    assert RunRecord(tmp_path).status == "failed"


@pytest.mark.parametrize("path", OPTIMISERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("what", BAD)
def test_skip_goes_on_with_finite_weights(
    tmp_path: Path, path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = train(tmp_path, path, BAD[what], non_finite="skip")
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())
    assert load_newest(tmp_path).step == 5 and saved_is_finite(tmp_path)
    assert f"step {BAD_STEP + 1} skipped: {what} is not finite" in caplog.text


@pytest.mark.parametrize("non_finite", ["stop", "skip"])
def test_a_step_too_large_for_a_number_is_never_saved(tmp_path: Path, non_finite: str) -> None:
    (sgd,) = [path for path in OPTIMISERS if path.stem == "sgd"]
    with pytest.raises(RunFailed, match=r"weight 0\.weight is not finite after a step .* lower optim\.lr"):
        train(tmp_path, sgd, spoil_loss(1e3), non_finite, at=0, lr=3e38)
    assert find_newest(tmp_path) is None
