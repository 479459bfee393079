"""Kernel regression gives the textbook's figures: medians over 50 seeds of what `attnrun train` reports."""

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

Train = Callable[..., Any]


def _medians(train: Train, experiment: str) -> dict[str, float]:
    found = [run["metrics"] for run in train(experiment, "-m", "seed=range(50)")]
    assert len(found) == 50
    return {name: median(metrics[name] for metrics in found) for name in found[0]}


@pytest.mark.slow
def test_the_textbooks_training_gives_its_figures(train: Train) -> None:
    found = _medians(train, "nw-regression-textbook")
    assert 0.885 <= found["test_mse_average"] <= 0.91
    assert 0.38 <= found["test_mse_gaussian"] <= 0.44
    assert 0.09 <= found["test_mse_learned"] <= 0.14


@pytest.mark.slow
def test_the_default_fit_comes_near_the_oracle(train: Train) -> None:
    found = _medians(train, "nw-regression")
    assert found["test_mse_learned"] <= 0.065
    assert found["test_mse_oracle"] == pytest.approx(0.048, abs=0.01)  # over blocks of 50 seeds: .039 to .059
    assert found["test_mse_oracle"] < found["test_mse_learned"]


def test_with_the_own_key_left_in_the_weights_collapse(train: Train) -> None:
    honest, collapsed = (
        train("nw-regression", f"leave_own_out={own}")["metrics"] for own in ("true", "false")
    )
    assert collapsed["width_learned"] < honest["width_learned"] / 5
    assert collapsed["test_mse_learned"] > 2 * honest["test_mse_learned"]
    assert collapsed["test_mse_average"] == honest["test_mse_average"]


def test_real_figures_come_with_the_package(train: Train) -> None:
    found = train("nw-regression", "data=mcycle")["metrics"]
    assert found["test_mse_learned"] < found["test_mse_average"] / 2
