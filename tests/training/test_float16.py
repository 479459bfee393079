"""Training in float16: the loss is scaled so that gradients neither vanish nor overflow."""

import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnrun.errors import Interrupted, RunFailed
from attnrun.runs.checkpoints import load_newest
from attnrun.training.loop import Trainer, fit
from attnrun.training.scaler import Scaler
from tests.training import tiny
from tests.training.outcome import equal, outcome
from tests.training.test_non_finite import Numbers

TRAINER = Trainer(epochs=3, log_every=2, checkpoint_every=3)


def train(directory: Path, factor: Callable[[int], float], **keys: Any) -> tuple[nn.Module, dict[str, Any]]:
    """Step by SGD along the gradient `factor`, which passes through a float16 tensor on its way."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)

    def loss(batch: Tensor) -> tuple[Tensor, int]:
        product = model(torch.ones(1, 1))
        assert product.dtype == torch.float16
        return (product.float() * factor(int(batch))).sum(), 1

    with tiny.open_run(directory, precision="float16") as run:
        fit(
            run,
            Trainer(epochs=1, checkpoint_every=1, **keys),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=1.0),
            batches=Numbers(),
            loss=loss,
        )
    return model, load_newest(directory)["scaler"]


def test_a_gradient_below_float16_reaches_the_weights(tmp_path: Path) -> None:
    assert float(torch.tensor(1e-8).half()) == 0
    model, scaler = train(tmp_path, lambda position: 1e-8)
    assert model.weight.dtype == torch.float32
    assert model.weight.item() == pytest.approx(-5e-8, rel=1e-3)
    assert scaler == {"scale": 2.0**16, "steps": 5}


def test_an_overflow_leaves_the_step_out_and_halves_the_scale(tmp_path: Path) -> None:
    model, scaler = train(tmp_path, lambda position: 1.5 if position < 3 else 1.0)
    # 1.5 * 2^16 is beyond 65504, and so is 1 * 2^16; 1.5 * 2^15 is not
    assert model.weight.item() == pytest.approx(-(2 * 1.5 + 2), rel=1e-3)
    assert scaler == {"scale": 2.0**15, "steps": 4}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_loss_is_no_overflow(tmp_path: Path, bad: float) -> None:
    with pytest.raises(RunFailed, match=r"step 3: the loss \(-?(nan|inf)\) is not finite"):
        train(tmp_path, lambda position: bad if position == 2 else 1e-3)


def test_a_gradient_that_no_scale_helps_is_named(tmp_path: Path) -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    stop = pytest.raises(RunFailed, match=r"step 17: the gradient of weight is not finite")
    with stop, tiny.open_run(tmp_path, precision="float16") as run:
        fit(
            run,
            Trainer(max_steps=50, non_finite="stop"),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=1.0),
            batches=Numbers(),
            loss=lambda batch: (model.weight.sqrt().sum(), 1),
        )


def test_the_scale_grows_after_a_long_while() -> None:
    scaler = Scaler()
    for _ in range(1999):
        scaler.succeeded()
    assert scaler.scale == 2.0**16
    scaler.succeeded()
    assert (scaler.scale, scaler.steps) == (2.0**17, 0)
    for _ in range(100_000):
        scaler.succeeded()
    assert scaler.scale == 2.0**24


def test_interrupted_and_resumed_it_is_the_same_bit_by_bit(tmp_path: Path) -> None:
    def stop(number: int) -> None:
        if number == 5:
            signal.raise_signal(signal.SIGTERM)

    with tiny.open_run(tmp_path / "whole", precision="float16") as run:
        tiny.train(run, TRAINER)
    with pytest.raises(Interrupted), tiny.open_run(tmp_path / "run", precision="float16") as run:
        tiny.train(run, TRAINER, stop)
    with tiny.open_run(tmp_path / "run", precision="float16") as run:
        tiny.train(run, TRAINER)
    assert equal(outcome(tmp_path / "run"), outcome(tmp_path / "whole"))
    assert outcome(tmp_path / "run")["parts"]["scaler"]["steps"] <= 12


def test_a_run_may_go_on_in_another_precision(tmp_path: Path) -> None:
    for epochs, precision in enumerate(("float32", "float16", "bfloat16"), 1):
        with tiny.open_run(tmp_path, precision=precision) as run:
            tiny.train(run, Trainer(epochs=epochs))
    assert load_newest(tmp_path).step == 12
