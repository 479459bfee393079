"""A trained forecaster: what it reads, says, and looks at."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.data.examples import Batch, ExampleBatches
from attnrun.data.series import Columns, read_series
from attnrun.errors import UserError
from attnrun.models.forecaster import RnnForecaster
from attnrun.training.batches import evaluation
from attnrun.training.forecasting import pinball


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

    def looks(self, pasts: Tensor) -> dict[str, list[AttentionMap]]:
        """Return where the forecasts after pasts (B, S) look; {} without attention."""
        found = self._looks(pasts)
        return {} if found is None else {"": [AttentionMap(*self._labels(), one.numpy()) for one in found]}

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
            part, number = self.batch_loss(batch, band)
            total, count = total + float(part), count + number
        return total / count

    def batch_loss(self, batch: Batch, band: float) -> tuple[Tensor, int]:
        """Return the pinball loss of standardised windows, summed over the steps ahead, and their number."""
        predicted, _ = self.model(self._given(batch.inputs), self.scaling.horizon)
        return pinball(predicted.float(), batch.targets, band)

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
