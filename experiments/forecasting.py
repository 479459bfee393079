"""Forecasts of a series from its own past, step by step, with a band; measured beside the season before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le, Lt
from attnrun.experiments.forecasting_model import Forecaster, Scaling
from torch import Tensor

from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.series_plots import forecast_band
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.drawing import drawn
from attnrun.data.examples import ExampleBatches, Examples
from attnrun.data.series import Columns, Series
from attnrun.data.table import write_rows
from attnrun.errors import UserError
from attnrun.models.forecaster import RnnForecaster
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.forecasting import naive_scale, seasonal_naive

PRIMARY = ("mase", "min")

_SHOWN = 6  # forecasts, one after the other, at the end of the series
_BEFORE = 1  # times as many steps before them

Steps = Annotated[int, Ge(1), Le(10_000)]


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of a forecast beside the common ones."""

    data: Callable[[int], Series]
    model: Callable[[Mechanism], RnnForecaster]
    window: Steps = 96
    horizon: Steps = 12
    band: Annotated[float, Gt(0), Lt(1)] = 0.8
    batch_size: PositiveInt = 64


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or knows too few places."""
    model = config.model(config)
    longest = float("inf") if model.attention is None else model.attention.score.longest
    if config.window > longest:
        raise UserError(
            f"window={config.window}: this attention knows {longest} places; give it more of them"
        )


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on all windows of the first part, keep the best epoch, and forecast the last part as it comes."""
    data = _data(config, run.seed)
    known = data.values[: data.train]
    spread = float(known.std())
    scaling = Scaling(float(known.mean()), spread or 1.0, config.window, config.horizon)
    run.save_json("series", {"scaling": vars(scaling), "columns": vars(data.columns)})
    forecaster = _forecaster(config, scaling, data.columns, run.device)
    forecaster.model.to(run.dtype)
    examples = _examples(
        scaling.standard(known), range(config.window, data.train - config.horizon + 1), config
    )
    batches = ExampleBatches(examples, config.batch_size, run.seed)
    valid, test = _valid(data, config), _test(data, config)
    watched = _pasts(data, valid[:WATCHED], config.window)
    kept = fit_best(
        run,
        config,
        forecaster.model,
        batches,
        loss=lambda batch: forecaster.batch_loss(batch, config.band),
        evaluate=lambda: _validate(forecaster, data, config),
        fingerprint={"windows": examples.fingerprint()},
        unit="windows",
        watch=Watch(run, forecaster.model, lambda: forecaster.looks(watched), ordered=False),
    )
    _draw(forecaster, data, run, test, attends=config.attention is not None)
    return _judge(forecaster, data, test) | kept


def load(run: TrainedRun) -> Forecaster:
    """Return the model that the run trained, from its best checkpoint."""
    stored = run.saved("series")
    made = Scaling(**stored["scaling"]), Columns(**stored["columns"])
    forecaster = _forecaster(run.config, *made, run.device)
    restore_best(forecaster.model, run.directory)
    return forecaster


def development(run: TrainedRun, forecaster: Forecaster) -> Development:
    """Return the windows that the run validated on, measured as in training.

    Raises UserError where the series is no longer one that can be forecast.
    """
    config, data = run.config, _data(run.config, run.seed)
    return Development(
        forecaster.model,
        forecaster.device,
        lambda: _validate(forecaster, data, config),
        _judged(forecaster, data, config),
        lambda batch: forecaster.batch_loss(batch, config.band),
        GatedHeads(forecaster.model),
    )


def evaluate(run: TrainedRun, forecaster: Forecaster) -> Measured:
    """Return the errors of the forecasts of the last part, and each forecast beside what came.

    Raises UserError where the series is no longer one that can be forecast.
    """
    data = _data(run.config, run.seed)
    test, window = _test(data, run.config), forecaster.scaling.window
    found = forecaster.forecast(_pasts(data, test, window))
    rows = [_row(data, *pair, window) for pair in zip(test, found[..., 1].tolist(), strict=True)]
    return _errors(found, data, test), rows


def _data(config: Config, seed: int) -> Series:
    data = drawn(config.data, seed, Series, "a series, such as data=seasonal or data=series")
    _require_usable(data, config)
    return data


def _validate(forecaster: Forecaster, data: Series, config: Config) -> dict[str, float]:
    loss = forecaster.loss(_judged(forecaster, data, config), config.band)
    return {"loss": loss, "mase": _judge(forecaster, data, _valid(data, config))["mase"]}


def _judged(forecaster: Forecaster, data: Series, config: Config) -> ExampleBatches:
    """The windows of the part that the training chooses by, standardised, in batches to evaluate in."""
    examples = _examples(forecaster.scaling.standard(data.values), _valid(data, config), config)
    return ExampleBatches(examples, config.eval_batch_size, 0)


def _forecaster(config: Config, scaling: Scaling, columns: Columns, device: torch.device) -> Forecaster:
    return Forecaster(config.model(config).to(device), scaling, columns, device, config.eval_batch_size)


def _require_usable(data: Series, config: Config) -> None:
    """Raise UserError where a part of the series is too short for what is asked, or nothing is in doubt."""
    asked = f"window={config.window} and horizon={config.horizon}"
    if data.train < config.window + config.horizon:
        raise UserError(
            f"{asked} need {config.window + config.horizon} steps to learn from; there are {data.train}"
        )
    if min(data.valid, data.test) < config.horizon:
        raise UserError(
            f"horizon={config.horizon}: there are {data.valid} steps to choose by, {data.test} to test on"
        )
    if data.train <= data.season:
        raise UserError(
            f"data.season={data.season}: there are {data.train} steps to learn from, no more than that"
        )
    if not naive_scale(data.values[: data.train], data.season):
        raise UserError(
            f"data.season={data.season}: the steps to learn from repeat exactly after so many, so that the "
            "errors of repeating them, which MASE divides by, are 0; choose another season, or other data"
        )


def _origins(start: int, end: int, config: Config) -> range:
    """The first steps of all forecasts that lie in a part of the series."""
    return range(start, end - config.horizon + 1)


def _valid(data: Series, config: Config) -> range:
    """The first steps of the forecasts that the training chooses by."""
    return _origins(data.train, len(data.values) - data.test, config)


def _test(data: Series, config: Config) -> range:
    """The first steps of the forecasts of the last part."""
    return _origins(len(data.values) - data.test, len(data.values), config)


def _examples(values: Tensor, origins: range, config: Config) -> Examples:
    """The windows before the origins, with what followed: (B, S) and (B, T)."""
    whole = values.unfold(0, config.window + config.horizon, 1)
    rows = whole[[origin - config.window for origin in origins]]
    return Examples(rows[:, : config.window].contiguous(), rows[:, config.window :].contiguous())


def _pasts(data: Series, origins: Sequence[int], window: int) -> Tensor:
    """The steps before the origins: (B, S)."""
    return data.values[torch.tensor(list(origins))[:, None] + torch.arange(-window, 0)]


def _judge(forecaster: Forecaster, data: Series, origins: range) -> dict[str, float]:
    return _errors(forecaster.forecast(_pasts(data, origins, forecaster.scaling.window)), data, origins)


def _errors(found: Tensor, data: Series, origins: range) -> dict[str, float]:
    """Errors of forecasts (B, T, 3) from each origin on, in units of the seasonal naive one's in training."""
    starts, horizon = torch.tensor(list(origins)), found.shape[1]
    right = data.values[starts[:, None] + torch.arange(horizon)]
    naive = seasonal_naive(data.values, starts, horizon, data.season)
    scale = naive_scale(data.values[: data.train], data.season)
    inside = (found[..., 0] <= right) & (right <= found[..., 2])
    error = float((found[..., 1] - right).abs().mean())
    return {
        "mase": error / scale,
        "mase_naive": float((naive - right).abs().mean()) / scale,
        "mae": error,
        "coverage": float(inside.double().mean()),
        "test_origins": len(origins),
    }


def _draw(forecaster: Forecaster, data: Series, run: Run, origins: range, attends: bool) -> None:
    draw_losses(run)
    window, horizon = forecaster.scaling.window, forecaster.scaling.horizon
    starts = torch.tensor(list(origins[::-horizon][:_SHOWN])).flip(0)  # so that the last ends with the series
    pasts = _pasts(data, starts.tolist(), window)
    forecasts = forecaster.forecast(pasts)
    _keep(run, data, starts.tolist(), forecasts[..., 1], window)
    band = forecasts.flatten(0, 1).T
    naive = seasonal_naive(data.values, starts, horizon, data.season).flatten()
    first = max(0, int(starts[0]) - _BEFORE * band.shape[1])
    figure = forecast_band(
        data.times[first:],
        data.values[first:].numpy(),
        int(starts[0]) - first,
        band.numpy(),
        {"a season before": naive.numpy()},
        [start - first for start in starts.tolist()],
        (data.columns.time, data.columns.value),
        run.experiment,
    )
    run.figure("forecast", figure)
    if attends:
        run.figure("attention", heat_map(forecaster.mean_map(_pasts(data, origins, window))))


def _row(data: Series, start: int, said: Sequence[float], window: int) -> dict[str, str]:
    """A forecast from a step on, beside what came, and the steps that it was made of."""
    right = data.values[start : start + len(said)].tolist()
    target, prediction = (" ".join(f"{value:.6g}" for value in values) for values in (right, said))
    source = f"{data.times[start - window]} to {data.times[start - 1]}"
    return {"target": target, "prediction": prediction, "source": source}


def _keep(run: Run, data: Series, starts: Sequence[int], forecasts: Tensor, window: int) -> None:
    """Save what came before each forecast, as a file that the model reads, and the values said and right."""
    rows = []
    for place, (start, said) in enumerate(zip(starts, forecasts.tolist(), strict=True)):
        past = slice(start - window, start)
        times, names = data.times[past], [data.columns.time, data.columns.value]
        cells = [names, *map(list, zip(times, map(repr, data.values[past].tolist()), strict=True))]
        file = run.samples(f"test-{place}", write_rows(cells, data.columns.delimiter))
        rows.append(_row(data, start, said, window) | {"series": file.name})
    run.samples("test", rows)
