"""Kernel regression gives the textbook's figures: medians over 50 seeds of what `attnrun train` reports."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from attnrun.experiments import nw_regression

from attnrun.analysis.plots import regression_weights
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord

Train = Callable[..., Any]


def _medians(train: Train, experiment: str) -> dict[str, float]:
    found = [run["metrics"] for run in train(experiment, "-m", "seed=range(50)")]
    assert len(found) == 50
    return {name: median(metrics[name] for metrics in found) for name in found[0]}


@pytest.mark.figures
def test_the_textbooks_training_gives_its_figures(train: Train) -> None:
    found = _medians(train, "nw-regression-textbook")
    assert 0.885 <= found["test_mse_average"] <= 0.91
    assert 0.38 <= found["test_mse_gaussian"] <= 0.44
    assert 0.09 <= found["test_mse_learned"] <= 0.14


@pytest.mark.figures
def test_the_default_fit_comes_near_the_oracle(train: Train) -> None:
    found = _medians(train, "nw-regression")
    assert found["test_mse_learned"] <= 0.065
    assert found["test_mse_oracle"] == pytest.approx(0.048, abs=0.01)  # over blocks of 50 seeds: .039 to .059
    assert found["test_mse_oracle"] < found["test_mse_learned"]


@pytest.mark.figures
def test_with_the_own_key_left_in_the_weights_collapse(train: Train) -> None:
    honest, collapsed = (
        train("nw-regression", f"leave_own_out={own}")["metrics"] for own in ("true", "false")
    )
    assert collapsed["width_learned"] < honest["width_learned"] / 5
    assert collapsed["test_mse_learned"] > 2 * honest["test_mse_learned"]
    assert collapsed["test_mse_average"] == honest["test_mse_average"]


@pytest.mark.slow
def test_real_figures_come_with_the_package(train: Train) -> None:
    found = train("nw-regression", "data=mcycle")["metrics"]
    assert found["test_mse_learned"] < found["test_mse_average"] / 2


@pytest.mark.parametrize("normaliser", ["softmax", "sparsemax", "top-k"])
def test_the_weights_are_those_of_the_normaliser(tmp_path: Path, normaliser: str) -> None:
    words = ["attention=gaussian", f"normaliser={normaliser}", "trainer.max_steps=1"]
    report = execute(compose("nw-regression", words), tmp_path / "run")
    assert report.status == "done", report.message
    model = open_model(tmp_path / "run")
    inputs = [0.3, 2.5, 4.9]
    weights = model.weights(inputs)[0].head().astype(np.float64)
    x, y = model.points.x.double().numpy(), model.points.y.double().numpy()
    for query, row, predicted in zip(inputs, weights, model.predict(inputs), strict=True):
        expected = _by_hand(normaliser, -((query - x) ** 2) / 2)
        np.testing.assert_allclose(row, expected, atol=1e-5)
        assert predicted == pytest.approx(expected @ y, abs=1e-4)
    plain = RunRecord(tmp_path / "run").result["metrics"]
    assert (plain["test_mse_learned"] == pytest.approx(plain["test_mse_gaussian"])) is (
        normaliser == "softmax"
    )


def test_the_weights_of_max_pooling_are_on_the_largest_measurement(tmp_path: Path) -> None:
    report = execute(compose("nw-regression", ["attention=max"]), tmp_path / "run")
    assert report.status == "done", report.message
    model = open_model(tmp_path / "run")
    weights = model.weights([0.3, 2.5])[0].head()
    largest = int(model.points.y.argmax())
    assert [row.nonzero()[0].tolist() for row in weights] == [[largest], [largest]]


def _by_hand(normaliser: str, scores: np.ndarray) -> np.ndarray:
    if normaliser == "sparsemax":  # the threshold by bisection: weights (z - t)+ sum to 1
        low, high = scores.max() - 1, scores.max()
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if np.maximum(scores - middle, 0).sum() > 1 else (low, middle)
        return np.maximum(scores - low, 0)
    kept = np.sort(scores)[-8] if normaliser == "top-k" else -np.inf
    exponentials = np.where(scores >= kept, np.exp(scores), 0)
    return exponentials / exponentials.sum()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=copy", "data.train=9"], "data: this experiment takes points to fit, such as data=sine"),
        (["attention=location"], "attention: this one tells keys apart by their places"),
        (["attention=fully-connected"], "attention: this one tells keys apart by their places"),
        (["attention=none"], "attention: this experiment cannot do without it"),
    ],
)
def test_what_it_cannot_fit_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    report = execute(compose("nw-regression", words), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert report.message.startswith(message) and "\n" not in report.message
    assert not (tmp_path / "run").exists()


def test_points_at_one_place_are_refused_before_anything_is_learned(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,y\n" + "".join(f"1,{y}\n" for y in range(13)))
    words = ["data=csv", f"data.path={tmp_path / 'points.csv'}", "data.x=x", "data.y=y"]
    report = execute(compose("nw-regression", words), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert report.message == "a kernel width needs points at different x, all 10 lie at 1"
    assert not (tmp_path / "run").exists()


def test_the_check_alone_refuses_an_order_of_keys() -> None:
    plan = check(compose("nw-regression", ["attention=location"]))
    with pytest.raises(UserError, match="points to fit have no order"):
        plan.module.check(plan.config)
    fitting = check(compose("nw-regression", ["attention=additive"]))
    fitting.module.check(fitting.config)


def test_the_weights_of_many_points_are_drawn_of_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def spy(weights: Any, queries: Any, keys: Any, title: str) -> Any:
        drawn.append((weights, queries, keys, title))
        return regression_weights(weights, queries, keys, title)

    monkeypatch.setattr(nw_regression, "regression_weights", spy)
    monkeypatch.setattr(nw_regression, "SHOWN", 30)
    assert execute(compose("nw-regression", ["data.samples=101"]), tmp_path / "run").status == "done"
    ((weights, queries, keys, title),) = drawn
    assert weights.shape == (25, 26) and title.endswith("weight of 26 of 101 training points")
    assert queries.equal(queries.sort().values) and keys.equal(keys.sort().values)
    model = open_model(tmp_path / "run")
    whole = model.weights_at(queries)
    columns = [int((model.points.x - key).abs().argmin()) for key in keys]
    np.testing.assert_allclose(weights, whole[:, columns], atol=1e-6)
    assert whole.sum(1).numpy() == pytest.approx(1, abs=1e-5)
