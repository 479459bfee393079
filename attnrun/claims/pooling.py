"""Statements about attention without neural networks: kernel regression (Nadaraya 1964; Watson 1964)."""

from collections.abc import Callable

import torch
from torch import Tensor

from attnrun.attention import Boxcar, Epanechnikov, Gaussian, Score, Triangular, Uniform
from attnrun.bench.growth import exponent
from attnrun.claims.trial import Trial
from attnrun.data.regression import sine
from attnrun.models.kernel_regression import collapsing_loss, leave_one_out_loss, predict, weights
from attnrun.ranges import NonNegativeFloat, PositiveFloat, PositiveInt

_INSIDE = 0.1  # of the range at either end, where an estimator sees keys on one side alone


def fits(seed: int, *, samples: PositiveInt, noise: NonNegativeFloat, steps: PositiveInt) -> Trial:
    """Average pooling, a Gaussian of width 1 and one of learned width on the textbook's noisy sine.

    `mse_…` are test errors against the curve without noise, `entropy_…` mean entropies of weights in nats.
    """
    data = sine(seed, samples=samples, noise=noise)
    scores = {
        "average": Uniform(1, 1),
        "gaussian": Gaussian(1, 1, width=1.0),
        "learned": _descend(data.x_train, data.y_train, leave_one_out_loss, steps),
    }
    assert data.truth is not None
    figures: dict[str, float] = {}
    for name, score in scores.items():
        figures[f"mse_{name}"] = _error(score, data.x_test, data.x_train, data.y_train, data.truth)
        rows = _weights(score, data.x_test, data.x_train, data.y_train)
        figures[f"entropy_{name}"] = float(torch.special.entr(rows).sum(-1).mean())
    return Trial(figures)


def nearness(seed: int, *, samples: PositiveInt) -> Trial:
    """In which share of all pairs of keys the nearer to the query has at least the weight of the other.

    In float64, in which no two weights of a Gaussian come out alike. `strict_…` is the share of those where
    it has more, of pairs within the reach of the kernel.
    """
    data = sine(seed, samples=samples)
    kernels = {"gaussian": Gaussian, "triangular": Triangular, "epanechnikov": Epanechnikov, "boxcar": Boxcar}
    figures: dict[str, float] = {}
    for name, kernel in kernels.items():
        x_test, x_train = data.x_test.double(), data.x_train.double()
        rows = _weights(kernel(1, 1, width=1.0).double(), x_test, x_train, data.y_train.double())
        distances = (x_test[:, None] - x_train).abs()
        order = distances.argsort(-1)
        falling = rows.gather(-1, order)
        reached = falling[:, 1:] > 0
        figures[name] = float((falling[:, 1:] <= falling[:, :-1]).double().mean())
        figures[f"strict_{name}"] = float((falling[:, 1:] < falling[:, :-1])[reached].double().mean())
    return Trial(figures)


def consistency(
    seed: int, *, sizes: list[PositiveInt], width: PositiveFloat, noise: NonNegativeFloat
) -> Trial:
    """The test error as the number of points grows, for one width, and for a width that shrinks by n^(-1/5).

    `slope_…` are the exponents of the error in n, away from the ends of the range: theory says -4/5 for the
    second (Härdle 1990, section 4.1).
    """
    curves: dict[str, list[tuple[float, float]]] = {"fixed": [], "shrinking": []}
    inside: dict[str, list[tuple[float, float]]] = {"fixed": [], "shrinking": []}
    for size in sizes:
        data = sine(seed, samples=size, noise=noise)
        assert data.truth is not None
        middle = (data.x_test - 2.5).abs() <= 5 * (0.5 - _INSIDE)
        for name, chosen in {"fixed": width, "shrinking": width * size**-0.2}.items():
            score = Gaussian(1, 1, width=chosen)
            errors = _errors(score, data.x_test, data.x_train, data.y_train, data.truth)
            curves[name].append((size, float(errors.mean())))
            inside[name].append((size, float(errors[middle].mean())))
    figures = {f"error_{name}": points[-1][1] for name, points in curves.items()}
    figures |= {f"slope_{name}": exponent(*zip(*points, strict=True)) for name, points in inside.items()}
    return Trial(figures, curves)


def collapse(seed: int, *, samples: PositiveInt, noise: NonNegativeFloat, steps: PositiveInt) -> Trial:
    """Learning the width with and without each training point's own key among its keys.

    `w_…` is 1 / width, `mse_…` the test error, and `own_weight_…` what of the weight of a training point goes
    to its own key where that is among the keys, in the mean.
    """
    data = sine(seed, samples=samples, noise=noise)
    assert data.truth is not None
    figures: dict[str, float] = {}
    for name, loss in {"own_in": collapsing_loss, "own_out": leave_one_out_loss}.items():
        score = _descend(data.x_train, data.y_train, loss, steps)
        figures[f"w_{name}"] = abs(float(torch.as_tensor(score.w).detach()))
        figures[f"mse_{name}"] = _error(score, data.x_test, data.x_train, data.y_train, data.truth)
        own = _weights(score, data.x_train, data.x_train, data.y_train).diagonal()
        figures[f"own_weight_{name}"] = float(own.mean())
    return Trial(figures)


def _descend(
    x: Tensor, y: Tensor, loss: Callable[[Score, Tensor, Tensor], tuple[Tensor, int]], steps: int
) -> Gaussian:
    """Learn the width by gradient descent on the summed squares, from w = 1 at the textbook's rate of 0.5."""
    score = Gaussian(1, 1, width=1.0, learned=True)
    optimiser = torch.optim.SGD(score.parameters(), lr=0.5)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(score, x, y)[0].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return score


@torch.no_grad()
def _errors(score: Score, at: Tensor, x: Tensor, y: Tensor, truth: Tensor) -> Tensor:
    return (predict(score, at, x, y) - truth).double().square()


def _error(score: Score, at: Tensor, x: Tensor, y: Tensor, truth: Tensor) -> float:
    return float(_errors(score, at, x, y, truth).mean())


@torch.no_grad()
def _weights(score: Score, at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return weights(score, at, x, y).double()
