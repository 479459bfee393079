"""Kernel regression gives the textbook's figures: medians over 50 seeds of what `attnrun train` reports."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest


def _train(place: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "attnrun", "train", *words, "runtime.threads=1", "--json"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _medians(place: Path, experiment: str) -> dict[str, float]:
    found = [run["metrics"] for run in _train(place, experiment, "-m", "seed=range(50)")]
    assert len(found) == 50
    return {name: median(metrics[name] for metrics in found) for name in found[0]}


@pytest.mark.slow
def test_the_textbooks_training_gives_its_figures(tmp_path: Path) -> None:
    found = _medians(tmp_path, "nw-regression-textbook")
    assert 0.885 <= found["test_mse_average"] <= 0.91
    assert 0.38 <= found["test_mse_gaussian"] <= 0.44
    assert 0.09 <= found["test_mse_learned"] <= 0.14


@pytest.mark.slow
def test_the_default_fit_comes_near_the_oracle(tmp_path: Path) -> None:
    found = _medians(tmp_path, "nw-regression")
    assert found["test_mse_learned"] <= 0.065
    assert found["test_mse_oracle"] == pytest.approx(0.048, abs=0.01)  # over blocks of 50 seeds: .039 to .059
    assert found["test_mse_oracle"] < found["test_mse_learned"]


def test_with_the_own_key_left_in_the_weights_collapse(tmp_path: Path) -> None:
    honest, collapsed = (
        _train(tmp_path, "nw-regression", f"leave_own_out={own}")["metrics"] for own in ("true", "false")
    )
    assert collapsed["width_learned"] < honest["width_learned"] / 5
    assert collapsed["test_mse_learned"] > 2 * honest["test_mse_learned"]
    assert collapsed["test_mse_average"] == honest["test_mse_average"]


def test_real_figures_come_with_the_package(tmp_path: Path) -> None:
    found = _train(tmp_path, "nw-regression", "data=mcycle")["metrics"]
    assert found["test_mse_learned"] < found["test_mse_average"] / 2
