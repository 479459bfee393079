"""One-dimensional regression sets: the textbook's noisy sine, the motorcycle figures, any CSV file."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from attnrun.data.table import check_delimiter, read_named, read_number
from attnrun.errors import UserError
from attnrun.ranges import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt

SINE_TEST_POINTS = 50
_FEWEST_TRAINING = 3

Point = tuple[float, float]


@dataclass(frozen=True)
class Regression:
    """Points (x, y) to fit and to test on: float32 vectors, each part in ascending order of x."""

    x_train: Tensor  # (M,)
    y_train: Tensor  # (M,)
    x_test: Tensor  # (N,)
    y_test: Tensor  # (N,)
    truth: Tensor | None  # (N,): y_test without noise, where it is known
    x_name: str
    y_name: str
    dropped: int = 0  # rows left out for a missing value

    @property
    def expected(self) -> Tensor:
        """What predictions at `x_test` are measured against, (N,): the truth where known, else `y_test`."""
        return self.y_test if self.truth is None else self.truth


def sine(
    seed: int, *, samples: PositiveInt = 50, noise: NonNegativeFloat = 0.5, limit: PositiveFloat = 5.0
) -> Regression:
    """Draw y = 2 sin x + x^0.8 + ε at `samples` places uniform on [0, `limit`) (D2L, zh edition, 10.2.1).

    The 50 test places are evenly spaced from 0; ε is normal with standard deviation `noise`. The draw
    depends on `seed` alone and leaves the global random state as it was.
    """
    generator = torch.Generator().manual_seed(seed)
    x_train = torch.sort(torch.rand(samples, generator=generator) * limit).values
    x_test = torch.arange(SINE_TEST_POINTS) * (limit / SINE_TEST_POINTS)
    y_train, truth = (2 * x.sin() + x**0.8 for x in (x_train, x_test))
    y_train = y_train + noise * torch.randn(samples, generator=generator)
    y_test = truth + noise * torch.randn(SINE_TEST_POINTS, generator=generator)
    return Regression(x_train, y_train, x_test, y_test, truth, "x", "y")


def csv(seed: int, *, path: str, x: str, y: str, test: Fraction = 0.2, delimiter: str = ",") -> Regression:
    """Read two named columns of a CSV file; the share `test` of its rows, chosen by a hash, is held out.

    The first line names the columns; comment lines (`#`) may stand before it. Rows where a value is missing
    (empty, NA, NaN, null) are dropped and counted. `seed` changes nothing: the split is a function of the
    figures.

    Raises:
        UserError: a file, column, row or number is not as described; the message names file and line.
    """
    del seed
    return _read(path, x, y, test, check_delimiter(delimiter))


def mcycle(seed: int, *, test: Fraction = 0.2) -> Regression:
    """Return the motorcycle figures of Silverman (1985): acceleration of the head (g) over time (ms).

    133 rows, noise that changes with time; `test` as for `csv`.

    Raises:
        UserError: `test` leaves too few rows to fit or none to test.
    """
    del seed
    with resources.as_file(resources.files("attnrun.data") / "mcycle.csv") as file:
        return _read(file, "times", "accel", test, ",")


def _read(path: str | Path, x: str, y: str, test: float, delimiter: str) -> Regression:
    points: list[Point] = []
    dropped = 0
    for place, cells in read_named(path, delimiter, {"data.x": x, "data.y": y}):
        x_value, y_value = (read_number(cell, name, place) for cell, name in zip(cells, (x, y), strict=True))
        if x_value is None or y_value is None:
            dropped += 1
        else:
            points.append((x_value, y_value))
    train, held_out = _split(points, test, str(path))
    return Regression(*_vectors(train), *_vectors(held_out), None, x, y, dropped)


def _split(points: list[Point], test: float, path: str) -> tuple[list[Point], list[Point]]:
    """Hold out the share `test` of the points, those whose figures have the least hash."""
    count = round(test * len(points))
    if count < 1 or len(points) - count < _FEWEST_TRAINING:
        rest = len(points) - count
        raise UserError(
            f"{path}: data.test={test} of {len(points)} rows leaves {rest} to fit, {count} to test"
        )
    ordered = sorted(points, key=lambda point: hashlib.sha256(repr(point).encode()).digest())
    return sorted(ordered[count:]), sorted(ordered[:count])


def _vectors(points: list[Point]) -> tuple[Tensor, Tensor]:
    x, y = torch.tensor(points, dtype=torch.float32).T.contiguous()
    return x, y
