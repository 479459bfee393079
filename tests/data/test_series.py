"""Series: what is drawn, what is read, what is downloaded, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from attnrun.data import series as module
from attnrun.data.series import Columns, co2, nile, read_series, seasonal, series, sunspots
from attnrun.errors import UserError


def test_without_trend_and_noise_the_seasons_repeat() -> None:
    made = seasonal(3, length=211, day=5, week=7, trend=0.0, noise=0.0)
    assert made.season == 35 and (made.valid, made.test, made.train) == (21, 42, 148)
    assert torch.equal(made.values[:-35], made.values[35:])
    days = made.values[:35].view(7, 5)
    assert len({round(float(value), 6) for value in made.values}) == 35
    shapes = days - days.mean(1, keepdim=True)
    parallel = torch.cosine_similarity(shapes[:1], shapes[1:])
    torch.testing.assert_close(parallel, torch.ones_like(parallel))


def test_trend_and_noise_are_those_asked_for() -> None:
    bare, more = (seasonal(3, length=5000, noise=noise, trend=0.0) for noise in (0.0, 0.7))
    rest = more.values - bare.values
    assert abs(float(rest.mean())) < 0.04 and float(rest.std()) == pytest.approx(0.7, abs=0.03)
    rising = seasonal(3, length=5000, noise=0.7, trend=0.01).values - more.values
    torch.testing.assert_close(rising, 0.01 * torch.arange(5000, dtype=torch.float64), atol=1e-9, rtol=0)


def test_a_seed_draws_one_series_and_leaves_the_global_state() -> None:
    state = torch.get_rng_state()
    assert torch.equal(seasonal(5).values, seasonal(5).values)
    assert not torch.equal(seasonal(5).values, seasonal(6).values)
    assert torch.equal(state, torch.get_rng_state())


def read(tmp_path: Path, content: str, **keys: Any) -> module.Series:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    return series(0, **{"path": str(tmp_path / "a.csv"), "time": "t", "value": "v", "valid": 0.2, **keys})


@pytest.mark.parametrize("first", ["2024-02-28", "20240228", "1.5", "-3", "2024-02-28T23:00:00+01:00"])
def test_times_are_numbers_or_dates(first: str, tmp_path: Path) -> None:
    later = ["2024-03-01", "20240301", "1e3", "7.5", "2024-02-28T23:00:01+01:00"]
    last = later[["2024-02-28", "20240228", "1.5", "-3", "2024-02-28T23:00:00+01:00"].index(first)]
    _, values = read_series(file_of(tmp_path, f"t,v\n{first},5\n{last},6\n"), Columns("t", "v"))
    assert values.tolist() == [5, 6]


def file_of(tmp_path: Path, content: str) -> Path:
    (tmp_path / "b.csv").write_text(content, encoding="utf-8")
    return tmp_path / "b.csv"


def test_parts_are_at_the_end_whatever_the_order_of_columns(tmp_path: Path) -> None:
    made = read(tmp_path, "# head\nv;x;t\n" + "".join(f"{n * n};?;{n}\n" for n in range(20)), delimiter=";")
    assert made.values.tolist() == [n * n for n in range(20)]
    assert (made.times[3], made.train, made.valid, made.test) == ("3", 12, 4, 4)


def test_missing_values_lie_on_the_line_between_their_neighbours(tmp_path: Path) -> None:
    rows = ["1", "", "NA", "7", "5", "", "6", "6", "6", "6"]
    content = "t,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate(rows))
    made = read(tmp_path, content, missing="fill")
    torch.testing.assert_close(
        made.values, torch.tensor([1, 3, 5, 7, 5, 5.5, 6, 6, 6, 6], dtype=torch.float64)
    )


TEN = "".join(f"{n},1\n" for n in range(10, 20))


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("t,v\n1,2\n2,\n3,4\n", {}, r"a\.csv:3: no value; data\.missing=fill"),
        ("t,v\n1,2\n3,1\n2,4\n", {}, r"a\.csv:4: time '2' comes before that of the row above; sort"),
        ("t,v\n1,2\n2,1\n2.0,4\n", {}, r"a\.csv:4: time '2\.0' stands there twice"),
        ("t,v\n1,2\n2024-01-01,1\n", {}, r"a\.csv:3: time '2024-01-01' is not of the kind"),
        ("t,v\n1,2\nsoon,1\n", {}, r"a\.csv:3: 'soon' is no time; write a number or an ISO 8601 date"),
        ("t,v\nnan,2\n", {}, r"a\.csv:2: 'nan' is no time"),
        ("t,v\n2024-01-01T00:00,2\n2024-01-02T00:00Z,1\n", {}, r"a\.csv:3: .*time zone"),
        ("t,v\n1,2\n2,x\n", {}, r"a\.csv:3: 'x' in column 'v' is not a number"),
        ("t,v\n1,2\n2,1,4\n", {}, r"a\.csv:3: 3 cells under 2 column names"),
        ("t,w\n" + TEN, {}, r"a\.csv:1: no column 'v' for data\.value"),
        ("t,v\n1,\n2,3\n", {"missing": "fill"}, r"a\.csv: the first and the last row need a value"),
        ("t,v\n", {}, r"a\.csv: the first and the last row need a value, and there are 0"),
        ("t,v\n1,2\n2,3\n", {}, "of 2 steps leave 2 to learn from, 0 to choose by and 0 to test on"),
        ("t,v\n" + TEN, {"valid": 0.8, "test": 0.2}, "leave 0 to learn from, 8 to choose by and 2"),
        ("t,v\n" + TEN + "20,1\n21,1\n", {}, r"a\.csv:13: a series has 11 steps at most"),
    ],
)
def test_what_is_no_series_is_refused_by_file_and_line(
    content: str, keys: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 11)
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, content, **keys)
    assert "\n" not in str(caught.value)


# The classics, from a server


@pytest.mark.parametrize(
    ("load", "steps", "first", "last", "season"),
    [(co2, 2284, 316.1, 371.5, 52), (sunspots, 309, 5, 2.9, 11), (nile, 100, 1120, 740, 1)],
)
def test_classics_are_downloaded_with_their_hash(
    load: Any, steps: int, first: float, last: float, season: int, real_data: Path, server: Any, cache: Path
) -> None:
    name = load.__name__
    server.serve(f"/{name}/{name}.csv", (real_data / f"regression/{name}.csv").read_bytes())
    made = load(0, url=server.url())
    assert (len(made.values), made.season) == (steps, season)
    assert (float(made.values[0]), float(made.values[-1])) == (first, last)
    assert made.values.isfinite().all()
    assert (cache / f"statsmodels/{name}.csv").is_file()


def test_another_file_in_its_place_is_refused(server: Any, cache: Path) -> None:
    server.serve("/nile/nile.csv", b"year,volume\n1871,1\n")
    with pytest.raises(UserError, match=r"nile\.csv is not the file it should be"):
        nile(0, url=server.url())
