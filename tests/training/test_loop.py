"""The loop: what it minimises, when it stops, what it does with NaN, and what it leaves behind."""

import math
import signal
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.runs.checkpoints import load_best, load_newest, read_manifest
from attnrun.runs.find import RunRecord
from attnrun.training.loop import Trainer, fit
from attnrun.training.optim import lbfgs
from tests.training import tiny


def evaluations(*losses: float):
    """Return an `evaluate` that gives these losses one after the other."""
    values = iter(losses)
    return lambda: {"loss": next(values)}


class Rows:
    """Batches of one number each, so that sums can be worked out by hand."""

    def __init__(self, *batches: list[float]) -> None:
        self.batches = [torch.tensor(batch) for batch in batches]

    def order(self, epoch: int) -> list[list[int]]:
        return [[index] for index in range(len(self.batches))]

    def collate(self, indices: list[int]) -> torch.Tensor:
        return self.batches[indices[0]]


def squares(model: nn.Linear):
    return lambda batch: (((model.weight - batch) ** 2).sum(), len(batch))


def scalar_model(value: float = 1.0) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def test_gradient_is_of_sum_over_count(tmp_path):
    model = scalar_model(1.0)
    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=1),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.25),
            batches=Rows([2.0, 4.0, 6.0]),
            loss=squares(model),
        )
    assert model.weight.item() == pytest.approx(1 - 0.25 * 2 * (1 - 4.0))


def test_epoch_loss_weighs_batches_by_their_count(tmp_path):
    model = scalar_model(0.0)
    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(epochs=1, log_every=1),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.0),
            batches=Rows([3.0, 3.0, 3.0], [1.0]),
            loss=squares(model),
        )
    rows = RunRecord(tmp_path).metrics_rows()
    assert [row.get("train/loss") for row in rows] == [9.0, 1.0, None]
    assert rows[-1]["train/epoch_loss"] == 28 / 4


@pytest.mark.parametrize(("clip", "expected"), [(None, 6.0), (2.0, 2.0), (10.0, 6.0)])
def test_clip_norm(tmp_path, clip, expected):
    model = scalar_model(0.0)
    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=1, clip_norm=clip),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=1.0),
            batches=Rows([3.0]),
            loss=squares(model),
        )
    assert model.weight.item() == pytest.approx(expected, rel=1e-5)


def test_an_end_is_required():
    with pytest.raises(UserError, match=r"trainer.epochs.*trainer.max_steps"):
        Trainer()


@pytest.mark.parametrize(
    ("trainer", "step", "epoch", "stopped"),
    [
        (Trainer(epochs=2), 8, 2, "epochs"),
        (Trainer(max_steps=7), 7, 1, "max_steps"),
        (Trainer(epochs=2, max_steps=3), 3, 0, "max_steps"),
        (Trainer(epochs=1, max_steps=30), 4, 1, "epochs"),
    ],
)
def test_stops_at_the_limit_and_evaluates_there(tmp_path, trainer, step, epoch, stopped):
    with tiny.open_run(tmp_path) as run:
        _, result = tiny.train(run, trainer)
    assert (result.step, result.epoch, result.stopped) == (step, epoch, stopped)
    assert trainer.total_steps(4) == step
    assert RunRecord(tmp_path).metrics_rows()[-1]["valid/loss"] == result.last["loss"]
    assert load_newest(tmp_path).step == step


def test_patience_stops_and_the_best_stays(tmp_path):
    trainer = Trainer(epochs=9, patience=2, keep=1)
    with tiny.open_run(tmp_path) as run:
        _, result = tiny.train(run, trainer, evaluate=evaluations(0.9, 0.5, 0.6, 0.5, 0.1))
    assert (result.epoch, result.stopped) == (4, "patience")
    assert result.best == {"loss": 0.5, "step": 8, "epoch": 2}
    assert load_best(tmp_path).step == 8
    assert {entry.step for entry in read_manifest(tmp_path)} == {8, 16}


def test_a_goal_of_max_and_a_nan_that_is_never_best(tmp_path):
    metrics = iter([math.nan, 0.3, 0.7, 0.4])
    with tiny.open_run(tmp_path) as run:
        _, result = tiny.train(
            run, Trainer(epochs=4), evaluate=lambda: {"score": next(metrics)}, monitor=("score", "max")
        )
    assert result.best["score"] == 0.7


def test_evaluate_every(tmp_path):
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(epochs=5, evaluate_every=3), evaluate=evaluations(0.9, 0.5))
    steps = [row["step"] for row in RunRecord(tmp_path).metrics_rows() if "valid/loss" in row]
    assert steps == [12, 20]


def test_evaluation_runs_in_evaluation_mode_and_training_does_not(tmp_path):
    modes = []
    with tiny.open_run(tmp_path) as run:
        model = tiny.make_model(run)
        loss = lambda batch: (F.cross_entropy(model(batch.x), batch.y, reduction="sum"), len(batch.y))  # noqa: E731
        evaluate = lambda: modes.append((model.training, torch.is_grad_enabled())) or {"loss": 1.0}  # noqa: E731
        fit(
            run,
            Trainer(epochs=2),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.1),
            batches=tiny.Data(3),
            loss=loss,
            evaluate=evaluate,
        )
    assert modes == [(False, False), (False, False)]
    assert model.training


def test_what_evaluate_draws_does_not_change_the_training(tmp_path):
    with tiny.open_run(tmp_path / "a") as run:
        one, _ = tiny.train(run, Trainer(epochs=2), evaluate=lambda: {"loss": float(torch.rand(71).sum())})
    with tiny.open_run(tmp_path / "b") as run:
        other, _ = tiny.train(run, Trainer(epochs=2), evaluate=None)
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_loss_stops_and_leaves_finite_weights(tmp_path, bad):
    model = scalar_model()
    message = r"step 2: the loss \((nan|inf)\) is not finite"
    with pytest.raises(RunFailed, match=message), tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(epochs=3),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.1),
            batches=Rows([2.0], [bad], [3.0]),
            loss=squares(model),
        )
    assert model.weight.isfinite().all()
    assert RunRecord(tmp_path).status == "failed"


def test_non_finite_gradient_is_named(tmp_path):
    model = scalar_model(0.0)
    with pytest.raises(RunFailed, match="gradient of weight"), tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(epochs=3),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.1),
            batches=Rows([2.0]),
            loss=lambda batch: (model.weight.sqrt().sum(), 1),
        )


def test_skip_leaves_the_bad_batch_out(tmp_path):
    def trained(name: str, *batches: list[float]) -> float:
        model = scalar_model()
        with tiny.open_run(tmp_path / name) as run:
            fit(
                run,
                Trainer(epochs=3, non_finite="skip"),
                model=model,
                optimiser=torch.optim.Adam(model.parameters(), lr=0.1),
                batches=Rows(*batches),
                loss=squares(model),
            )
            assert len(run.warnings) == (name == "with")
        return model.weight.item()

    assert trained("with", [2.0], [math.nan], [3.0]) == trained("without", [2.0], [3.0])


def test_skip_gives_up_when_nothing_is_finite_any_more(tmp_path):
    model = scalar_model(math.nan)
    with pytest.raises(RunFailed, match="weight weight"), tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=1000, non_finite="skip", checkpoint_every=1000),
            model=model,
            optimiser=torch.optim.Adam(model.parameters()),
            batches=Rows(*[[1.0]] * 200),
            loss=squares(model),
        )


def test_lbfgs_reaches_the_minimum(tmp_path):
    model = scalar_model(10.0)
    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=3),
            model=model,
            optimiser=lbfgs(model.parameters()),
            batches=Rows([2.0, 3.0, 7.0]),
            loss=squares(model),
        )
    assert model.weight.item() == pytest.approx(4.0, abs=1e-4)


def test_lbfgs_that_runs_into_nan_goes_back(tmp_path):
    model = scalar_model(0.5)
    loss = lambda batch: (model.weight.log().sum() * batch.sum(), 1)  # noqa: E731 (no minimum: falls off the edge at 0)
    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=2, non_finite="skip"),
            model=model,
            optimiser=lbfgs(model.parameters(), line_search=None),
            batches=Rows([1.0]),
            loss=loss,
        )
    assert model.weight.item() == 0.5


def test_bfloat16_keeps_float32_weights(tmp_path):
    seen = []
    with tiny.open_run(tmp_path, precision="bfloat16") as run:
        model = tiny.make_model(run)

        def loss(batch):
            logits = model(batch.x)
            seen.append(logits.dtype)
            return F.cross_entropy(logits.float(), batch.y, reduction="sum"), len(batch.y)

        fit(
            run,
            Trainer(max_steps=2),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=0.1),
            batches=tiny.Data(3),
            loss=loss,
        )
    assert set(seen) == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_handlers_come_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(max_steps=1))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_stops_at_once(tmp_path):
    def on_batch(call: int) -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("still here")

    with pytest.raises(Interrupted) as stop, tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(max_steps=3), on_batch)
    assert stop.value.exit_code == 143
    assert not (tmp_path / "checkpoints").exists()


def test_trains_outside_the_main_thread(tmp_path):
    steps = []

    def work() -> None:
        with tiny.open_run(tmp_path) as run:
            steps.append(tiny.train(run, Trainer(max_steps=2))[1].step)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert steps == [2]


def test_no_batches(tmp_path):
    model = scalar_model()
    with pytest.raises(UserError, match="no batches"), tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=1),
            model=model,
            optimiser=torch.optim.SGD(model.parameters(), lr=1.0),
            batches=Rows(),
            loss=squares(model),
        )


def test_an_unknown_monitor_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no metric 'bleu'.*loss"), tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(max_steps=1), monitor=("bleu", "max"))


def test_one_plain_line_an_epoch_where_stderr_is_no_terminal(tmp_path, capsys):
    with tiny.open_run(tmp_path) as run:
        run.quiet = False
        tiny.train(run, Trainer(epochs=2), unit="tokens")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 2 and "\x1b" not in err
    assert lines[0].startswith("epoch 1 · step 4/8 · train/epoch_loss ") and "tokens/s" in lines[0]


def test_quiet(tmp_path, capsys):
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, Trainer(epochs=1))
    assert capsys.readouterr() == ("", "")


def test_lbfgs_sees_one_function_a_step_and_another_in_the_next(tmp_path):
    model, draws = scalar_model(10.0), []

    def loss(batch: torch.Tensor) -> tuple[torch.Tensor, int]:
        draws.append(torch.rand(()).item())
        return ((model.weight - batch) ** 4).sum(), 1

    with tiny.open_run(tmp_path) as run:
        fit(
            run,
            Trainer(max_steps=2),
            model=model,
            optimiser=lbfgs(model.parameters(), max_iter=3, line_search=None),
            batches=Rows([2.0]),
            loss=loss,
        )
    assert len(draws) > 3 and len(set(draws)) == 2


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        (Trainer(epochs=3, keep=9), [4, 8, 12]),
        (Trainer(epochs=3, keep=2), [8, 12]),
        (Trainer(max_steps=7, checkpoint_every=3, keep=9), [3, 6, 7]),
    ],
)
def test_checkpoints_come_when_they_should(tmp_path, trainer, steps):
    with tiny.open_run(tmp_path) as run:
        tiny.train(run, trainer, evaluate=None)
    assert [entry.step for entry in read_manifest(tmp_path)] == steps
