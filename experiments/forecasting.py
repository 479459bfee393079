"""Forecasts of a series from its own past, step by step, with a band; measured beside the season before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import heat_map, loss_curves
from attnrun.analysis.series_plots import forecast_band
from attnrun.attention import Mechanism
from attnrun.data.examples import ExampleBatches, Examples
from attnrun.data.series import Columns, Series, read_series
from attnrun.data.table import write_rows
from attnrun.errors import UserError
from attnrun.models.forecaster import RnnForecaster
from attnrun.ranges import PositiveInt
from attnrun.runs.find import RunRecord
from attnrun.runs.run import Run
from attnrun.runs.trained import TrainedRun
from attnrun.training.course import LOSSES, Course, fit_best, restore_best
from attnrun.training.forecasting import naive_scale, pinball, seasonal_naive
from attnrun.training.labels import evaluation

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


@dataclass(frozen=True)
class Scaling:
    """What the steps to learn from say of the size of values, and how many steps the model takes."""

    mean: float
    deviation: float
    window: int
    horizon: int

    def standard(self, values: Tensor) -> Tensor:
        """Return values as the model reads them: of mean 0 and deviation 1 over what it learns from."""
        return ((values - self.mean) / self.deviation).float()

    def natural(self, values: Tensor) -> Tensor:
        """Return what the model says in the units of the series."""
        return values.double() * self.deviation + self.mean


@dataclass(frozen=True)
class Forecaster:
    """A trained model with what it needs to read a series; what `load` returns. Inputs are CSV files."""

    model: RnnForecaster
    scaling: Scaling
    columns: Columns
    device: torch.device
    batch_size: int = 128

    def predict(self, inputs: Sequence[str]) -> list[list[float]]:
        """Return the values forecast to follow each file, whose columns have the names the run knew.

        Raises UserError for a file that is no such series, or shorter than the model looks back.
        """
        pasts = [self._past(path) for path in inputs]
        return [self.forecast(past[None])[0, :, 1].tolist() for past in pasts]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the forecasts that follow each file looked: steps ahead, t+1 on, at those up to t.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads, and as `predict` does.
        """
        looks = [self._looks(self._past(path)[None]) for path in inputs]
        rows, columns = self._labels()
        found = [None if look is None else look[0].numpy() for look in looks]
        return attention_maps(inputs, [rows] * len(inputs), [columns] * len(inputs), found, layers, heads)

    @torch.no_grad()
    def forecast(self, pasts: Tensor) -> Tensor:
        """Return the ends and the middle (B, T, 3) of what follows pasts (B, S), in units of the series."""
        found = [self.model(part, self.scaling.horizon)[0].cpu() for part in self._parts(pasts)]
        return self.scaling.natural(torch.cat(found))

    def mean_map(self, pasts: Tensor) -> AttentionMap:
        """Return the map averaged over pasts (B, S)."""
        looks = self._looks(pasts)
        assert looks is not None, "a model without attention has no map"
        title = f"mean weight of the steps before, over {len(pasts)} forecasts"
        return AttentionMap(*self._labels(), looks.mean(0).numpy(), title)

    @torch.no_grad()
    def loss(self, batches: ExampleBatches, band: float) -> float:
        """Return the pinball loss a step, of standardised values."""
        total, count = 0.0, 0
        for _, batch in evaluation(batches, self.device):
            predicted, _ = self.model(self._given(batch.inputs), self.scaling.horizon)
            part, number = pinball(predicted.float(), batch.targets, band)
            total, count = total + float(part), count + number
        return total / count

    def _parts(self, pasts: Tensor) -> Sequence[Tensor]:
        """Pasts (B, S) as the model reads them, in batches."""
        return torch.split(self._given(self.scaling.standard(pasts)), self.batch_size)

    def _given(self, pasts: Tensor) -> Tensor:
        return pasts.to(self.device, next(self.model.parameters()).dtype)

    @torch.no_grad()
    def _looks(self, pasts: Tensor) -> Tensor | None:
        """Weights (B, 1, H, T, S) over pasts (B, S)."""
        horizon = self.scaling.horizon
        found = [self.model(part, horizon, need_weights=True)[1] for part in self._parts(pasts)]
        kept = [weights.float().cpu() for weights in found if weights is not None]
        return torch.cat(kept) if kept else None

    def _labels(self) -> tuple[list[str], list[str]]:
        window, horizon = self.scaling.window, self.scaling.horizon
        return [f"t+{step}" for step in range(1, horizon + 1)], [
            "t" if back == 0 else f"t-{back}" for back in reversed(range(window))
        ]

    def _past(self, path: str) -> Tensor:
        _, values = read_series(path, self.columns)
        if len(values) < self.scaling.window:
            raise UserError(f"{path} has {len(values)} steps; this model looks back on {self.scaling.window}")
        return values[-self.scaling.window :]


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
    data = config.data(run.seed)
    if not isinstance(data, Series):
        raise UserError("data: this experiment takes a series, such as data=seasonal or data=series")
    _require_room(data, config)
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
    ends = data.train, len(data.values) - data.test
    origins = {"valid": _origins(*ends, config), "test": _origins(ends[1], len(data.values), config)}

    def evaluate() -> dict[str, float]:
        judged = _examples(scaling.standard(data.values), origins["valid"], config)
        loss = forecaster.loss(ExampleBatches(judged, config.eval_batch_size, 0), config.band)
        return {"loss": loss, "mase": _judge(forecaster, data, origins["valid"])["mase"]}

    kept = fit_best(
        run,
        config,
        forecaster.model,
        batches,
        loss=lambda batch: pinball(
            forecaster.model(batch.inputs.to(run.dtype), config.horizon)[0].float(),
            batch.targets,
            config.band,
        ),
        evaluate=evaluate,
        fingerprint={"windows": examples.fingerprint()},
        unit="windows",
    )
    _draw(forecaster, data, run, origins["test"], attends=config.attention is not None)
    return _judge(forecaster, data, origins["test"]) | {"test_origins": len(origins["test"])} | kept


def load(run: TrainedRun) -> Forecaster:
    """Return the model that the run trained, from its best checkpoint."""
    stored = run.saved("series")
    made = Scaling(**stored["scaling"]), Columns(**stored["columns"])
    forecaster = _forecaster(run.config, *made, run.device)
    restore_best(forecaster.model, run.directory)
    return forecaster


def _forecaster(config: Config, scaling: Scaling, columns: Columns, device: torch.device) -> Forecaster:
    return Forecaster(config.model(config).to(device), scaling, columns, device, config.eval_batch_size)


def _require_room(data: Series, config: Config) -> None:
    """Raise UserError where a part of the series is too short for what is asked."""
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


def _origins(start: int, end: int, config: Config) -> range:
    """The first steps of all forecasts that lie in a part of the series."""
    return range(start, end - config.horizon + 1)


def _examples(values: Tensor, origins: range, config: Config) -> Examples:
    """The windows before the origins, with what followed: (B, S) and (B, T)."""
    whole = values.unfold(0, config.window + config.horizon, 1)
    rows = whole[[origin - config.window for origin in origins]]
    return Examples(rows[:, : config.window].contiguous(), rows[:, config.window :].contiguous())


def _judge(forecaster: Forecaster, data: Series, origins: range) -> dict[str, float]:
    """Errors of the forecasts from each origin on, in units of the seasonal naive one's where it learned."""
    scaling = forecaster.scaling
    starts = torch.tensor(list(origins))
    ahead = starts[:, None] + torch.arange(scaling.horizon)
    right = data.values[ahead]
    found = forecaster.forecast(data.values[starts[:, None] + torch.arange(-scaling.window, 0)])
    naive = seasonal_naive(data.values, starts, scaling.horizon, data.season)
    scale = naive_scale(data.values[: data.train], data.season)
    inside = (found[..., 0] <= right) & (right <= found[..., 2])
    error = float((found[..., 1] - right).abs().mean())
    return {
        "mase": error / scale,
        "mase_naive": float((naive - right).abs().mean()) / scale,
        "mae": error,
        "coverage": float(inside.double().mean()),
    }


def _draw(forecaster: Forecaster, data: Series, run: Run, origins: range, attends: bool) -> None:
    run.figure("loss", loss_curves(RunRecord(run.directory).metrics_rows(), LOSSES, run.experiment))
    window, horizon = forecaster.scaling.window, forecaster.scaling.horizon
    starts = torch.tensor(list(origins[::-horizon][:_SHOWN])).flip(0)  # so that the last ends with the series
    pasts = data.values[starts[:, None] + torch.arange(-window, 0)]
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
        every = torch.tensor(list(origins))
        shown = forecaster.mean_map(data.values[every[:, None] + torch.arange(-window, 0)])
        run.figure("attention", heat_map(shown))


def _keep(run: Run, data: Series, starts: Sequence[int], forecasts: Tensor, window: int) -> None:
    """Save what came before each forecast, as a file that the model reads, and the values said and right."""
    rows = []
    for place, (start, said) in enumerate(zip(starts, forecasts.tolist(), strict=True)):
        past = slice(start - window, start)
        times, names = data.times[past], [data.columns.time, data.columns.value]
        cells = [names, *map(list, zip(times, map(repr, data.values[past].tolist()), strict=True))]
        file = run.samples(f"test-{place}", write_rows(cells, data.columns.delimiter))
        right = data.values[start : start + len(said)].tolist()
        texts = (" ".join(f"{value:.6g}" for value in values) for values in (right, said))
        rows.append(dict(zip(("target", "prediction"), texts, strict=True)))
        rows[-1] |= {"source": f"{times[0]} to {times[-1]}", "series": file.name}
    run.samples("test", rows)
