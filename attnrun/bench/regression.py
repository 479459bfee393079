"""Kernel regression: predicting by the Nadaraya-Watson estimator, and the leave-one-out search for a width.

Letters: N points, and as many places to predict at; D dimensions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from attnrun.attention import Gaussian
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.texts import GetTexts
from attnrun.models.kernel_regression import fit_width, predict

RANGE = 5.0  # of each coordinate
CHECKED = 500  # predictions that are compared with the truth


@dataclass(frozen=True)
class Points:
    """Noisy measurements, and where to predict."""

    x: Tensor  # (N,), in more dimensions (N, D)
    y: Tensor  # (N,)
    at: Tensor  # as x
    width: float

    @property
    def dimensions(self) -> int:
        """D."""
        return 1 if self.x.dim() == 1 else self.x.shape[1]

    def error(self, predicted: Tensor) -> float:
        """Return the greatest error of some predictions as a share of the range of y, by dense float64."""
        some = torch.randperm(len(self.at), generator=torch.Generator().manual_seed(1))[:CHECKED]
        truth = _dense(self.x.double(), self.y.double(), self.at[some].double(), self.width)
        spread = (self.y.max() - self.y.min()).item()
        return (predicted[some].double() - truth).abs().max().item() / spread


def points(count: int, dimensions: int = 1, width: float | None = None, offset: float = 0.0) -> Points:
    """Return points spread evenly over a cube `offset` away from 0; a width of None suits the dimensions."""
    make = torch.Generator().manual_seed(0)
    shape = (count,) if dimensions == 1 else (count, dimensions)
    x, at = (torch.rand(shape, generator=make) * RANGE for _ in range(2))
    first = x if dimensions == 1 else x[:, 0]
    y = 2 * first.sin() + first + 0.5 * torch.randn(count, generator=make)
    return Points(x + offset, y, at + offset, 0.1 * dimensions**1.3 if width is None else width)


def predictor(given: Points) -> Callable[[], Tensor]:
    """Return what predicts at all places."""
    score = Gaussian(given.dimensions, given.dimensions, width=given.width)
    return lambda: predict(score, given.at, given.x, given.y)


def kernel_regression(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """Prediction for each number of points and of dimensions; the inputs are `Points`."""
    for count in sizes.points:
        for dimensions in sizes.dimensions:
            given = points(count, dimensions)
            title = (
                f"Nadaraya-Watson prediction, n={count}, D={dimensions}, width {given.width:.3g} of {RANGE:g}"
            )
            rows = {OURS: Row(predictor(given))}
            yield Table(f"predict-{count}-{dimensions}d", title, "", rows, given, with_memory=True)


def bandwidth(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """The leave-one-out search for a width; the inputs are `Points`."""
    given = points(sizes.bandwidth_points)
    rows = {OURS: Row(lambda: fit_width(given.x, given.y))}
    title = f"leave-one-out bandwidth, n={sizes.bandwidth_points}"
    yield Table("bandwidth", title, "", rows, given, with_memory=True)


def _dense(x: Tensor, y: Tensor, at: Tensor, width: float) -> Tensor:
    """The estimator written out: predictions (K,) at places (K,) or (K, D)."""
    difference = at.reshape(len(at), 1, -1) - x.reshape(1, len(x), -1)  # (K, N, D)
    return torch.softmax((difference / width).square().sum(-1) / -2, -1) @ y
