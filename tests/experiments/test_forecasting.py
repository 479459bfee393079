"""Forecasting: how it is judged, what a run leaves, what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnrun.data.series import seasonal
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord

SMALL = [
    "data.length=200", "data.day=3", "data.week=5", "window=17", "horizon=4", "batch_size=32",
    "model.hidden=8", "trainer.epochs=2", "runtime.threads=1",
]  # fmt: skip


def execute_small(directory: Path, *words: str) -> Report:
    return execute(compose("forecasting", [*SMALL, *words]), directory)


def metrics_of(run: Path) -> dict[str, Any]:
    return RunRecord(run).result["metrics"]  # type: ignore[index]


@pytest.mark.parametrize("attention", ["additive", "none"])
def test_a_run_is_judged_by_rolling_origin(attention: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    report = execute_small(run, f"attention={attention}", "seed=3")
    assert report.status == "done", report.message
    metrics, forecaster = metrics_of(run), open_model(run)
    values = seasonal(3, length=200, day=3, week=5).values
    errors, naive, inside = [], [], []
    for origin in range(160, 197):
        band = forecaster.forecast(values[origin - 17 : origin][None])[0]
        for step in range(4):
            right = float(values[origin + step])
            errors.append(abs(float(band[step, 1]) - right))
            naive.append(abs(float(values[origin + step - 15]) - right))
            inside.append(float(band[step, 0]) <= right <= float(band[step, 2]))
    scale = np.mean([abs(float(values[place] - values[place - 15])) for place in range(15, 140)])
    assert next(iter(metrics)) == "mase" and report.primary == metrics["mase"]
    assert metrics["mase"] == pytest.approx(np.mean(errors) / scale, rel=1e-5)
    assert metrics["mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert metrics["mase_naive"] == pytest.approx(np.mean(naive) / scale)
    assert metrics["coverage"] == pytest.approx(np.mean(inside))
    assert metrics["test_origins"] == 37
    figures = {"loss", "forecast"} | ({"attention"} if attention != "none" else set())
    assert {path.stem for path in (run / "figures").iterdir()} == figures


def test_files_are_forecast_from_their_last_steps(tmp_path: Path) -> None:
    execute_small(tmp_path / "run", "seed=3")
    forecaster = open_model(tmp_path / "run")
    values = seasonal(4, length=40, day=3, week=5).values
    for name, rows in (("all", values), ("end", values[-17:])):
        lines = "".join(f"{value},{place}\n" for place, value in enumerate(rows.tolist()))
        (tmp_path / f"{name}.csv").write_text("value,time\n" + lines)
    files = [str(tmp_path / "all.csv"), str(tmp_path / "end.csv")]
    whole, end = forecaster.predict(files)
    assert whole == pytest.approx(end) and len(whole) == 4
    assert whole == pytest.approx(forecaster.forecast(values[-17:][None])[0, :, 1].tolist())
    for found in forecaster.weights(files):
        assert found.queries == ["t+1", "t+2", "t+3", "t+4"]
        assert found.keys[:2] + found.keys[-2:] == ["t-16", "t-15", "t-1", "t"]
        assert found.weights.shape == (1, 1, 4, 17)
        assert np.allclose(found.weights.sum(-1), 1, atol=1e-5)
    (tmp_path / "short.csv").write_text("value,time\n1,1\n2,2\n")
    with pytest.raises(UserError, match=r"short\.csv has 2 steps; this model looks back on 17"):
        forecaster.predict([str(tmp_path / "short.csv")])


@pytest.mark.slow
def test_training_reads_nothing_of_what_comes_later(tmp_path: Path) -> None:
    """Other values in the test part change no weight, and no scale."""
    values = seasonal(0, length=120, day=3, week=5).values.tolist()
    states = []
    for name, later in (("one", 0.0), ("two", 50.0)):
        rows = [f"{n},{value + later * (n >= 96)}\n" for n, value in enumerate(values)]
        (tmp_path / f"{name}.csv").write_text("t,v\n" + "".join(rows))
        words = ["data=series", f"data.path={tmp_path / name}.csv", "data.time=t", "data.value=v"]
        plain = compose("forecasting", [*SMALL[3:], *words, "data.season=15"])
        report = execute(plain, tmp_path / name)
        assert report.status == "done", report.message
        states.append(open_model(tmp_path / name))
    assert states[0].scaling == states[1].scaling
    for first, second in zip(*(state.model.parameters() for state in states), strict=True):
        assert torch.equal(first, second)


@pytest.mark.slow
def test_one_seed_gives_one_result(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        execute_small(tmp_path / name, "trainer.epochs=1", f"seed={seed}")
    first, second, other = (metrics_of(tmp_path / name) for name in ("first", "second", "other"))
    assert first == second != other


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.length=28"], "window=17 and horizon=4 need 21 steps to learn from; there are 19"),
        (["horizon=23"], "horizon=23: there are 20 steps to choose by, 40 to test on"),
        (["data.week=50"], "data.season=150: there are 140 steps to learn from, no more than that"),
        (["attention=location", "attention.maximum_length=16"], "window=17: this attention knows 16 places"),
        (["position=rotary"], "set position=none"),
        (["model=gru"], "model: RnnSeq2Seq is for another experiment than this one"),
        (["band=1.0"], "band"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    own = [word for word in SMALL if not (word.startswith("model.") and words[0].startswith("model="))]
    report = execute(compose("forecasting", [*own, *words]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2), report.message
    assert message in report.message and "\n" not in report.message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("season", [3, 6])
def test_a_series_that_repeats_exactly_is_refused(season: int, tmp_path: Path) -> None:
    rows = "".join(f"{n},{(5, 2, 7)[n % 3]}\n" for n in range(100))
    (tmp_path / "series.csv").write_text("t,v\n" + rows)
    words = ["data=series", f"data.path={tmp_path / 'series.csv'}", "data.time=t", "data.value=v"]
    report = execute(compose("forecasting", [*SMALL[3:], *words, f"data.season={season}"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2), report.message
    assert report.message.startswith(f"data.season={season}: the steps to learn from repeat exactly")


def test_data_of_another_kind_are_refused(tmp_path: Path) -> None:
    report = execute(compose("forecasting", ["data=sine"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert "takes a series, such as data=seasonal" in report.message
