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

from attnrun.attention import Gaussian
from attnrun.errors import UserError
from attnrun.models.interpolation import FAR, SPAN, gaussian_sums
from attnrun.models.nearby import near_keys, nearest_distance, nearest_other, stretches

GRID = 40
PRECISION = 1e-4  # of the logarithm of the width
ROWS = 256  # queries worked on at a time, at most
BLOCK = 131_072  # distances worked on at a time: they stay in the cache while all widths pass over them
_SMALLEST = 1e-100  # range of x, and the inverse of the greatest: its square can be divided by
SMALLEST_EXPONENT = -700.0  # e to less is a denormal, and slow


def fit_width(x: Tensor, y: Tensor) -> float:
    """Return the Gaussian width with the least leave-one-out squared error at the points x (M,), y (M,).

    Stone 1974 (cross-validation); Härdle and Marron 1985 (for the Nadaraya-Watson estimator). Works in
    float64. A point far from all others is predicted by its nearest neighbour, whatever the width. Raises
    UserError for fewer than 3 points, for one x repeated, and for values that are not finite.
    """
    x, y = _checked(x, y)
    task = _Task(x, y, x, y, leave_out=True)
    return _search(task.squared_errors, _range(x), len(x))


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
    task = _Task(x, y, at, truth[order], leave_out=False)
    return _search(task.squared_errors, _range(x), len(x))


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


class _Task:
    """Predict target (N,) at queries (N,) from the points x (M,), y (M,); queries and keys are sorted.

    With `leave_out` the queries are the keys, and each is predicted from the others.
    """

    def __init__(self, x: Tensor, y: Tensor, query: Tensor, target: Tensor, *, leave_out: bool) -> None:
        self.key, self.query, self.leave_out = x, query, leave_out
        centre = y.mean()  # predictions are averages of y: moving y moves them, and small numbers round less
        self.columns = torch.stack([y - centre, torch.ones_like(y)], 1)  # (M, 2): both sums in one product
        self.target = target - centre
        self.nearest = nearest_other(x) if leave_out else nearest_distance(query, x)  # (N,)
        self.places = x.tolist()

    def squared_errors(self, widths: Tensor) -> Tensor:
        """Sum of squared errors (K,) with each of the widths (K,)."""
        errors, alone, every = torch.zeros_like(widths), [], torch.arange(len(self.query))
        for i, width in enumerate(widths.tolist()):
            near = self.nearest <= FAR * width
            close = stretches(self.query[near], SPAN * width)
            if close is None:
                alone.append(i)
            else:
                errors[i] = self._between_nodes(width, every[near], close)
                errors[[i]] += self._one_by_one([width], every[~near])
        errors[alone] = self._one_by_one(widths[alone].tolist(), every)
        return errors

    def _between_nodes(self, width: float, rows: Tensor, close: list[slice]) -> Tensor:
        """The error at queries `rows`, near keys and many together."""
        kernel, at, total = Gaussian(1, 1, width=width), self.query[rows], self.target.new_zeros(())
        for block, near, _ in near_keys(kernel, at, self.key, close):
            sums = gaussian_sums(at[block], self.key[near], self.columns[near], width)
            if self.leave_out:
                sums -= self.columns[rows[block]]  # the own kernel is 1
            total += (sums[:, 0] / sums[:, 1] - self.target[rows[block]]).square().sum()
        return total

    def _one_by_one(self, widths: list[float], rows: Tensor) -> Tensor:
        """The errors (K,) at queries `rows` with widths in ascending order, from the keys within reach."""
        errors = self.target.new_zeros(len(widths))
        kernels = [Gaussian(1, 1, width=width) for width in widths]
        for part, keys in self._blocks(rows, kernels[-1]) if widths else ():
            distances = self._distances(part, keys)
            for i, width in enumerate(widths):
                near = self._window(part, kernels[i])
                some = distances[:, near.start - keys.start : near.stop - keys.start]
                kernel = (some * (-0.5 / width**2)).clamp_(min=SMALLEST_EXPONENT).exp_()
                numerator, denominator = (kernel @ self.columns[near]).unbind(1)
                errors[i] += (numerator / denominator - self.target[part]).square().sum()
        return errors

    def _blocks(self, rows: Tensor, kernel: Gaussian) -> Iterator[tuple[Tensor, slice]]:
        """Parts of the queries `rows` with the keys within their reach, so many that a block holds them."""
        while len(rows):
            keys = self._window(rows[:ROWS], kernel)
            part, rows = rows.tensor_split([min(ROWS, max(1, BLOCK // (keys.stop - keys.start)))])
            yield part, self._window(part, kernel)

    def _window(self, rows: Tensor, kernel: Gaussian) -> slice:
        """The keys within the kernel's horizon of any of the queries `rows`."""
        reach = kernel.horizon(self.nearest[rows].max().item(), len(self.key), self.key.dtype)
        first, last = self.query[rows[0]].item() - reach, self.query[rows[-1]].item() + reach
        return slice(bisect_left(self.places, first), bisect_right(self.places, last))

    def _distances(self, rows: Tensor, keys: slice) -> Tensor:
        """Squared distances of queries and keys, less that of each query's nearest key.

        The subtraction changes no weight and keeps the largest at 1, so that no width leaves a query without
        weight. An own key is infinitely far.
        """
        squares = (self.query[rows, None] - self.key[keys]).square_()
        if self.leave_out:
            squares.scatter_(1, rows[:, None] - keys.start, torch.inf)
        return squares.sub_(self.nearest[rows, None].square())
