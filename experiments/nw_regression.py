"""Nadaraya-Watson kernel regression (Nadaraya 1964; Watson 1964): attention before neural networks.

The query is where to predict, the keys are the training inputs, the values their measurements. One run
fits the same points in three ways: average pooling, a Gaussian of width 1, and the mechanism that `attention`
and `normaliser` name, its parameters learned by predicting each training point from the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.plots import regression_curves, regression_weights
from attnrun.attention import Gaussian, Normaliser, Score, Uniform, masked_softmax
from attnrun.data.drawing import drawn
from attnrun.data.regression import Regression
from attnrun.errors import UserError
from attnrun.models import kernel_regression
from attnrun.models.bandwidth import fit_width, oracle_width
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import restore_best
from attnrun.training.loop import Trainer, fit

PRIMARY = ("test_mse_learned", "min")
SHOWN = 500  # queries and keys of the picture of the weights, at most
ROWS = 16  # of weights made at a time
ONE_PROCESS = "all its points are one batch, each of them a key of the others"


@dataclass(frozen=True)
class Config:
    """The keys of a kernel regression beside the common ones.

    `leave_own_out` false keeps a training point among its own keys: the loss then falls to zero as the
    weights collapse onto that key, and nothing is learned. `reduction` sum gives the gradient of the summed
    squares, as the textbook's loop does.
    """

    data: Callable[[int], Regression]
    attention: Callable[[int, int], Score]
    normaliser: Normaliser
    optim: Callable[..., torch.optim.Optimizer]
    trainer: Trainer
    leave_own_out: bool = True
    reduction: Literal["mean", "sum"] = "mean"


@dataclass(frozen=True)
class _Points:
    """All training points as the one batch of every epoch."""

    x: Tensor
    y: Tensor

    def order(self, epoch: int) -> list[list[int]]:
        return [list(range(len(self.x)))]

    def collate(self, indices: Sequence[int]) -> "_Points":
        return self

    def to(self, device: torch.device) -> "_Points":
        return _Points(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Regressor:
    """A fitted score with the points it attends to; what `load` returns."""

    score: Score
    points: _Points
    normaliser: Normaliser = masked_softmax

    def predict(self, inputs: Sequence[float | str]) -> list[float]:
        """Return the prediction at each input, a number or the text of one.

        Raises UserError for a text that is no number.
        """
        return self.at(self._queries(inputs)).tolist()

    def weights(
        self,
        inputs: Sequence[float | str],
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> list[AttentionMap]:
        """Return one map: the weight of every training point (column) at each input (row)."""
        queries = self._queries(inputs)
        rows, columns = ([f"{x:.3g}" for x in side.tolist()] for side in (queries, self.points.x))
        return [AttentionMap(rows, columns, self.weights_at(queries).cpu().numpy())]

    @torch.no_grad()
    def at(self, x: Tensor) -> Tensor:
        """Return the predictions (N,) at x (N,)."""
        return kernel_regression.predict(self.score, x, self.points.x, self.points.y, self.normaliser)

    @torch.no_grad()
    def weights_at(self, x: Tensor) -> Tensor:
        """Return the weights (N, M) of the training points at x (N,)."""
        return kernel_regression.weights(self.score, x, self.points.x, self.points.y, self.normaliser)

    def _queries(self, inputs: Sequence[float | str]) -> Tensor:
        return torch.as_tensor(
            [_number(one) for one in inputs], dtype=self.points.x.dtype, device=self.points.x.device
        )


def _number(one: float | str) -> float:
    try:
        return float(one)
    except ValueError:
        raise UserError(f"{one!r} is not a number to predict at") from None


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot attend from one number to others that have no order."""
    _score(config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Fit the three estimators and report the error of each on the test points."""
    data = _data(config, run.seed)
    widths = _widths(data)  # refuses points that all lie at one place before anything is learned
    points = _Points(data.x_train.to(run.device, run.dtype), data.y_train.to(run.device, run.dtype))
    if data.dropped:
        run.warn(f"{data.dropped} rows have no value and were left out")
    run.save_json("points", {"x": data.x_train.tolist(), "y": data.y_train.tolist()})
    learned = _score(config).to(run.device, run.dtype)
    if _learns(learned):
        _learn(config, run, points, learned)
    else:
        run.warn("this attention has no parameters: test_mse_learned is its error as it is")
    fitted = {
        "average": Regressor(Uniform(1, 1), points),
        "gaussian": Regressor(Gaussian(1, 1, width=1.0).to(points.x), points),
        "learned": Regressor(learned, points, config.normaliser),
    }
    queries = data.x_test.to(points.x)
    predictions = {name: regressor.at(queries).cpu() for name, regressor in fitted.items()}
    run.samples("test", _rows(data, predictions["learned"]))
    _draw(run, data, predictions, fitted["learned"])
    metrics = {f"test_mse_{name}": _mse(values, data.expected) for name, values in predictions.items()}
    if isinstance(learned, Gaussian):
        widths["width_learned"] = 1 / abs(float(torch.as_tensor(learned.w).detach()))
    return {**metrics, **widths}


def load(run: TrainedRun) -> Regressor:
    """Return the estimator that the run fitted, with its training points."""
    stored = run.saved("points")
    points = _Points(*(torch.tensor(stored[name], device=run.device) for name in ("x", "y")))
    score = _score(run.config).to(run.device)
    if _learns(score):
        restore_best(score, run.directory)
    return Regressor(score, points, run.config.normaliser)


def evaluate(run: TrainedRun, regressor: Regressor) -> Measured:
    """Return the error of the learned estimator on the test points, and what it says at each."""
    data = _data(run.config, run.seed)
    found = regressor.at(data.x_test.to(regressor.points.x)).cpu()
    return {"test_mse_learned": _mse(found, data.expected)}, _rows(data, found)


def _data(config: Config, seed: int) -> Regression:
    return drawn(config.data, seed, Regression, "points to fit, such as data=sine")


def _rows(data: Regression, found: Tensor) -> list[dict[str, str]]:
    columns = (data.x_test, data.expected, found)
    names = ("source", "target", "prediction")
    return [
        dict(zip(names, (f"{value:.6g}" for value in values), strict=True))
        for values in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _score(config: Config) -> Score:
    score = config.attention(1, 1)
    if score.by_place:
        raise UserError(
            "attention: this one tells keys apart by their places, and points to fit have no order; choose "
            "one by what the keys hold, such as gaussian"
        )
    return score


def _learn(config: Config, run: Run, points: _Points, score: Score) -> None:
    objective = (
        kernel_regression.leave_one_out_loss if config.leave_own_out else kernel_regression.collapsing_loss
    )

    def loss(batch: _Points) -> tuple[Tensor, int]:
        squares, count = objective(score, batch.x, batch.y, config.normaliser)
        return squares, count if config.reduction == "mean" else 1

    optimiser = config.optim(score.parameters())
    fit(run, config.trainer, model=score, optimiser=optimiser, batches=points, loss=loss)


def _learns(score: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in score.parameters())


def _mse(predicted: Tensor, target: Tensor) -> float:
    return float((predicted.double() - target.double()).square().mean())


def _widths(data: Regression) -> dict[str, float]:
    """The best Gaussian width by leave-one-out, and the best one in hindsight, each with its error."""
    x, y = data.x_train.double(), data.y_train.double()
    x_test, target = data.x_test.double(), data.expected.double()
    widths = {"leave_one_out": fit_width(x, y), "oracle": oracle_width(x, y, x_test, target)}
    found: dict[str, float] = {}
    for name, width in widths.items():
        predicted = kernel_regression.predict(Gaussian(1, 1, width=width), x_test, x, y)
        found |= {f"test_mse_{name}": _mse(predicted, target), f"width_{name}": width}
    return found


def _draw(run: Run, data: Regression, predictions: dict[str, Tensor], regressor: Regressor) -> None:
    curves = {name: values.numpy() for name, values in predictions.items()}
    shown = data.x_train, data.y_train, data.x_test, data.truth, curves
    run.figure("curves", regression_curves(*shown, title=run.experiment, names=(data.x_name, data.y_name)))
    queries, keys = _spread(data.x_test), _spread(data.x_train)
    blocks = torch.split(data.x_test[queries].to(regressor.points.x), ROWS)
    weights = torch.cat([regressor.weights_at(block)[:, keys].cpu() for block in blocks])
    count = len(data.x_train)
    which = "each training point" if len(keys) == count else f"{len(keys)} of {count} training points"
    title = f"{run.experiment}: weight of {which}"
    run.figure("weights", regression_weights(weights, data.x_test[queries], data.x_train[keys], title))


def _spread(x: Tensor) -> Tensor:
    """Indices of at most SHOWN of the points (N,), spread evenly over them in ascending order."""
    step = -(-len(x) // SHOWN)
    return x.argsort()[::step] if step > 1 else torch.arange(len(x))
