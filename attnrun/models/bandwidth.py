"""The width of a Gaussian kernel: from the training points alone (leave one out), or by an oracle that knows
the truth.

Both search all widths from a third of the mean gap to the whole range on a coarse logarithmic grid, then
refine around the best by golden section: the error as a function of the width has several minima.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from attnrun.errors import UserError

GRID = 40
PRECISION = 1e-4  # of the logarithm of the width
BLOCK = 131_072  # distances worked on at a time: they stay in the cache while all widths pass over them
NEGLIGIBLE = -40.0  # e to this is no longer seen beside 1
_SMALLEST = 1e-100  # range of x, and the inverse of the greatest: its square can be divided by
SMALLEST_EXPONENT = -700.0  # e to less is a denormal, and slow


def fit_width(x: Tensor, y: Tensor) -> float:
    """Return the Gaussian width with the least leave-one-out squared error at the points x (M,), y (M,).

    Stone 1974 (cross-validation); Härdle and Marron 1985 (for the Nadaraya-Watson estimator). Works in
    float64. A point far from all others is predicted by its nearest neighbour, whatever the width. Raises
    UserError for fewer than 3 points, for one x repeated, and for values that are not finite.
    """
    x, y = _checked(x, y)
    return _search(lambda widths: _squared_errors(widths, x, y, x, y, leave_out=True), _range(x), len(x))


def oracle_width(x: Tensor, y: Tensor, x_test: Tensor, truth: Tensor) -> float:
    """Return the Gaussian width that predicts truth (N,) at x_test (N,) best from the points x (M,), y (M,).

    No method can know it; it is the yardstick beside `fit_width`. Raises as `fit_width` does, and for no test
    points.
    """
    x, y = _checked(x, y)
    x_test, truth = x_test.detach().double(), truth.detach().double()
    if not len(x_test) or not bool(torch.isfinite(x_test).all() & torch.isfinite(truth).all()):
        raise UserError("a kernel width cannot be judged by no test points, or by values that are not finite")
    at, order = x_test.sort()
    wanted = truth[order]
    return _search(
        lambda widths: _squared_errors(widths, x, y, at, wanted, leave_out=False), _range(x), len(x)
    )


def _checked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x.detach().double(), y.detach().double()
    if len(x) < 3:
        raise UserError(f"a kernel width needs at least 3 points, got {len(x)}")
    if not bool(torch.isfinite(x).all() & torch.isfinite(y).all()):
        raise UserError("a kernel width cannot be fitted to values that are not finite")
    if _range(x) == 0:
        raise UserError(f"a kernel width needs points at different x, all {len(x)} lie at {x[0].item():g}")
    if not _SMALLEST < _range(x) < 1 / _SMALLEST:
        raise UserError(f"a kernel width needs points less near, or less far, than {_range(x):.0e}; scale x")
    x, order = x.sort()
    return x, y[order]


def _range(x: Tensor) -> float:
    return (x.max() - x.min()).item()


def _search(errors: Callable[[Tensor], Tensor], spread: float, points: int) -> float:
    """Minimise errors((K,) widths) -> (K,) over the widths from 0.3 spread / points to spread."""
    grid = torch.linspace(math.log(0.3 * spread / points), math.log(spread), GRID, dtype=torch.float64)
    best = int(errors(grid.exp()).argmin())
    low, high = grid[max(best - 1, 0)].item(), grid[min(best + 1, GRID - 1)].item()

    def error(logarithm: float) -> float:
        return errors(torch.tensor([math.exp(logarithm)], dtype=torch.float64)).item()

    return math.exp(_golden_section(error, low, high))


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Kiefer 1953: shrink [low, high] around a minimum by the golden ratio until PRECISION."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > PRECISION:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _squared_errors(
    widths: Tensor, x_key: Tensor, y: Tensor, x_query: Tensor, target: Tensor, *, leave_out: bool
) -> Tensor:
    """Sum of squared errors (K,) of predicting target (N,) at x_query (N,) with each of the widths (K,).

    Keys (M,) are sorted, and so are queries. Only keys within reach of a block of queries are looked at.
    """
    centre = y.mean()  # predictions are averages of y: moving y moves them, and small numbers round less
    columns = torch.stack([y - centre, torch.ones_like(y)], 1)  # (M, 2): both sums in one product
    places = x_key.tolist()
    errors = torch.zeros_like(widths)
    for rows, distances, farthest in _distances(x_query, x_key, leave_out):
        first, last = x_query[rows.start].item(), x_query[rows.stop - 1].item()
        for i, width in enumerate(widths.tolist()):
            reach = math.sqrt(farthest - 2 * NEGLIGIBLE * width**2)
            near = slice(bisect_left(places, first - reach), bisect_right(places, last + reach))
            kernel = (distances[:, near] * (-0.5 / width**2)).clamp_(min=SMALLEST_EXPONENT).exp_()
            numerator, denominator = (kernel @ columns[near]).unbind(1)
            errors[i] += (numerator / denominator + centre - target[rows]).square().sum()
    return errors


def _distances(x_query: Tensor, x_key: Tensor, leave_out: bool) -> Iterator[tuple[slice, Tensor, float]]:
    """Blocks of queries, with their squared distances (rows, M) less that of each row's nearest key.

    The subtraction changes no weight and keeps the largest at 1, so that no width leaves a query without
    weight. An own key is infinitely far. The number is the largest squared distance that was subtracted.
    """
    step = max(1, BLOCK // len(x_key))
    for start in range(0, len(x_query), step):
        rows = slice(start, min(start + step, len(x_query)))
        squares = (x_query[rows, None] - x_key).square_()
        if leave_out:
            squares.diagonal(start).fill_(torch.inf)
        nearest = squares.amin(1, keepdim=True)
        yield rows, squares.sub_(nearest), nearest.max().item()
