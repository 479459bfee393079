"""Series of numbers at even steps of time: one of our own making, three classics, any CSV file.

The last steps are to test on, those before them to choose by, whatever the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import tau
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from attnrun.data.download import Package, Remote, fetch
from attnrun.data.table import check_delimiter, read_named, read_number
from attnrun.data.transfer import check_address
from attnrun.errors import UserError
from attnrun.ranges import Fraction, NonNegativeFloat, PositiveInt

MOST_STEPS = 1_000_000
_UPSTREAM = "https://raw.githubusercontent.com/statsmodels/statsmodels/v0.14.4/statsmodels/datasets"

Missing = Literal["refuse", "fill"]


@dataclass(frozen=True)
class Columns:
    """How the file of a series is read."""

    time: str
    value: str
    missing: Missing = "refuse"
    delimiter: str = ","


@dataclass(frozen=True)
class Series:
    """Values at even steps of time, and which of them are for what."""

    times: list[str]
    values: Tensor  # (N,) float64
    season: int  # steps after which things repeat; 1 where nothing does
    valid: int  # steps to choose by
    test: int  # the last ones
    columns: Columns

    @property
    def train(self) -> int:
        """How many steps, the first, there are to learn from."""
        return len(self.values) - self.valid - self.test


def seasonal(
    seed: int,
    *,
    length: PositiveInt = 2000,
    day: PositiveInt = 12,
    week: PositiveInt = 7,
    trend: float = 0.002,
    noise: NonNegativeFloat = 0.3,
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
) -> Series:
    """Draw a series with a daily and a weekly season by the seed.

    A day has `day` steps and a smooth course, which each of the `week` days has in a strength and on a level
    of its own. `trend` is added a step; normal noise of standard deviation `noise` lies over all. A season
    is a week.
    """
    generator = torch.Generator().manual_seed(seed)
    angle = torch.arange(day, dtype=torch.float64) * (tau / day)
    waves = torch.stack([(angle * n + p).sin() / n for n in (1, 2, 3) for p in (0.0, tau / 4)])
    course = torch.randn(len(waves), generator=generator, dtype=torch.float64) @ waves
    strength = 0.4 + 1.2 * torch.rand(week, generator=generator, dtype=torch.float64)
    level = torch.randn(week, generator=generator, dtype=torch.float64)
    steps = torch.arange(length)
    days = steps.div(day, rounding_mode="floor") % week
    drawn = noise * torch.randn(length, generator=generator, dtype=torch.float64)
    values = trend * steps.double() + strength[days] * course[steps % day] + level[days] + drawn
    columns = Columns("time", "value")
    return _parted(list(map(str, steps.tolist())), values, day * week, valid, test, columns, "the series")


def series(
    seed: int,
    *,
    path: str,
    time: str,
    value: str,
    season: PositiveInt = 1,
    missing: Missing = "refuse",
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
    delimiter: str = ",",
) -> Series:
    """Read the columns `time` and `value` of a CSV file; `seed` changes nothing.

    The first line names the columns; comment lines (`#`) may stand before it. Times are numbers or ISO 8601
    dates, in ascending order, and taken to be even steps. A missing value (empty, NA, NaN, null) is refused,
    or with missing=fill taken from the straight line between its neighbours.

    Raises:
        UserError: a file, column, row, time or number is not as described; the message names file and line.
    """
    del seed
    columns = Columns(time, value, missing, check_delimiter(delimiter))
    return _parted(*read_series(path, columns), season, valid, test, columns, path)


def co2_package(*, url: str | None = None) -> Package:
    """Return what `co2` downloads; raise UserError where `url` is no web address."""
    return _package("co2", url)


def sunspots_package(*, url: str | None = None) -> Package:
    """Return what `sunspots` downloads; raise UserError where `url` is no web address."""
    return _package("sunspots", url)


def nile_package(*, url: str | None = None) -> Package:
    """Return what `nile` downloads; raise UserError where `url` is no web address."""
    return _package("nile", url)


def _package(name: str, url: str | None) -> Package:
    sha256, size, source = _CLASSICS[name]
    base = _UPSTREAM if url is None else url.rstrip("/")
    check_address(base)
    return Package(
        name="statsmodels",
        licence="public domain; as the package statsmodels (BSD-3-Clause) carries them",
        citation=source,
        homepage="https://www.statsmodels.org/stable/datasets",
        instead="data=seasonal, which is built in",
        files=(Remote(f"{name}.csv", f"{base}/{name}/{name}.csv", sha256, size),),
        known=tuple(
            Remote(f"{other}.csv", f"{base}/{other}/{other}.csv", sha256, size)
            for other, (sha256, size, _) in _CLASSICS.items()
        ),
    )


def co2(
    seed: int,
    *,
    season: PositiveInt = 52,
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
    url: str | None = None,
) -> Series:
    """Return carbon dioxide over Mauna Loa by the week, in parts per million; 2,284 weeks from 1958 to 2001.

    The 59 weeks without a measurement are filled. Downloaded at the first use; `url` is where
    co2/co2.csv is served, None the source of the package statsmodels.

    Raises:
        UserError: the file cannot be had, or a share leaves nothing.
    """
    return _classic("co2", Columns("date", "co2", "fill"), season, valid, test, url)


def sunspots(
    seed: int,
    *,
    season: PositiveInt = 11,
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
    url: str | None = None,
) -> Series:
    """Return the mean number of sunspots of each year from 1700 to 2008; keys and errors as of `co2`."""
    return _classic("sunspots", Columns("YEAR", "SUNACTIVITY"), season, valid, test, url)


def nile(
    seed: int,
    *,
    season: PositiveInt = 1,
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
    url: str | None = None,
) -> Series:
    """Return the flow of the Nile at Aswan in 10⁸ m³ a year, 1871 to 1970; keys and errors as of `co2`."""
    return _classic("nile", Columns("year", "volume"), season, valid, test, url)


def _classic(name: str, columns: Columns, season: int, valid: float, test: float, url: str | None) -> Series:
    path = fetch(_package(name, url)) / f"{name}.csv"
    return _parted(*read_series(path, columns), season, valid, test, columns, name)


_CLASSICS = {
    "co2": (
        "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
        33974,
        "Keeling and Whorf 2004, Atmospheric CO2 concentrations derived from flask air samples, CDIAC",
    ),
    "sunspots": (
        "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
        2944,
        "National Geophysical Data Center, yearly mean sunspot numbers",
    ),
    "nile": (
        "88e97bea7249e5832a85e41aec6ce4b8f7b1b14aae930c8363da7f193286b598",
        942,
        "Cobb 1978, The Problem of the Nile: Conditional Solution to a Changepoint Problem, Biometrika 65",
    ),
}


def read_series(path: str | Path, columns: Columns) -> tuple[list[str], Tensor]:
    """Return the times and the values (N,), float64, of a CSV file; see `series`, errors too."""
    wanted = {"data.time": columns.time, "data.value": columns.value}
    times: list[str] = []
    values: list[float | None] = []
    last: float | datetime | None = None
    for place, (time, value) in read_named(path, columns.delimiter, wanted):
        if len(values) == MOST_STEPS:
            raise UserError(f"{place}: a series has {MOST_STEPS:,} steps at most")
        last = _later(time.strip(), last, place)
        times.append(time.strip())
        values.append(_value(read_number(value, columns.value, place), columns.missing, place))
    return times, _filled(values, str(path))


def _later(text: str, last: float | datetime | None, place: str) -> float | datetime:
    """The time that a cell holds, which comes after the last one."""
    time = _time(text, place)
    if last is None:
        return time
    if isinstance(time, datetime) != isinstance(last, datetime):
        raise UserError(f"{place}: time {text[:40]!r} is not of the kind of those before it")
    try:
        if time == last:
            raise UserError(f"{place}: time {text[:40]!r} stands there twice")
        if time < last:  # type: ignore[operator]  # both are of one kind
            raise UserError(f"{place}: time {text[:40]!r} comes before that of the row above; sort the rows")
    except TypeError:
        raise UserError(f"{place}: time {text[:40]!r} has a time zone and others have none") from None
    return time


def _time(text: str, place: str) -> float | datetime:
    for read in (float, datetime.fromisoformat):
        try:
            found = read(text)
        except ValueError:
            continue
        if found == found and "_" not in text:
            return found
    raise UserError(f"{place}: {text[:40]!r} is no time; write a number or an ISO 8601 date, as 2024-01-31")


def _value(value: float | None, missing: Missing, place: str) -> float | None:
    if value is None and missing == "refuse":
        raise UserError(f"{place}: no value; data.missing=fill takes it from the line between its neighbours")
    return value


def _filled(values: Sequence[float | None], path: str) -> Tensor:
    """Values (N,), those that are missing on the straight line between the nearest on both sides."""
    known = [place for place, value in enumerate(values) if value is not None]
    if not known or known[0] != 0 or known[-1] != len(values) - 1:
        raise UserError(f"{path}: the first and the last row need a value, and there are {len(known)} values")
    found = torch.tensor([0.0 if value is None else value for value in values], dtype=torch.float64)
    for before, after in pairwise(known):
        share = torch.arange(after - before, dtype=torch.float64) / (after - before)
        found[before:after] = torch.lerp(found[before], found[after], share)
    return found


def _parted(
    times: list[str],
    values: Tensor,
    season: int,
    valid: float,
    test: float,
    columns: Columns,
    name: str,
) -> Series:
    choose_by, test_on = (round(share * len(values)) for share in (valid, test))
    made = Series(times, values, season, choose_by, test_on, columns)
    if min(choose_by, test_on, made.train) < 1:
        raise UserError(
            f"{name}: data.valid={valid} and data.test={test} of {len(values)} steps leave "
            f"{max(made.train, 0)} to learn from, {choose_by} to choose by and {test_on} to test on"
        )
    return made
