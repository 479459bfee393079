"""Regression sets: what is drawn, what is read, what is refused."""

import statistics

import pytest
import torch

from attnrun.data import regression
from attnrun.data.regression import Regression
from attnrun.errors import UserError


def points(made: Regression) -> list[tuple[float, float]]:
    pairs = [(made.x_train, made.y_train), (made.x_test, made.y_test)]
    return [point for x, y in pairs for point in zip(x.tolist(), y.tolist(), strict=True)]


def read(tmp_path, content: str | bytes, name: str = "data.csv", **keys) -> Regression:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return regression.csv(0, **{"path": str(file), "x": "x", "y": "y", **keys})


def rows(count: int, delimiter: str = ",") -> str:
    return "".join(f"{n}{delimiter}{n * n}\n" for n in range(count))


def test_sine_is_the_textbooks_problem():
    made = regression.sine(3)
    assert torch.allclose(made.x_test, torch.arange(0, 5, 0.1), atol=1e-6)
    assert torch.allclose(made.truth, 2 * torch.sin(made.x_test) + made.x_test**0.8)
    assert made.expected is made.truth
    assert made.x_train.shape == made.y_train.shape == (50,)
    assert (made.x_train.diff() >= 0).all()
    assert made.x_train.min() >= 0
    assert made.x_train.max() < 5
    assert {made.x_train.dtype, made.y_train.dtype, made.x_test.dtype, made.y_test.dtype} == {torch.float32}


def test_noise_of_sine_has_the_spread_asked_for_in_both_parts():
    made = [regression.sine(seed, samples=101) for seed in range(97)]
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        residuals = torch.cat([getattr(m, y) - 2 * getattr(m, x).sin() - getattr(m, x) ** 0.8 for m in made])
        assert abs(float(residuals.mean())) < 0.03
        assert float(residuals.std()) == pytest.approx(0.5, abs=0.02)
    exact = regression.sine(1, noise=0.0)
    assert torch.equal(exact.y_test, exact.truth)


def test_mean_pooling_on_sine_has_the_published_error():
    errors = []
    for seed in range(200):
        made = regression.sine(seed)
        errors.append(float(((made.y_train.mean() - made.expected) ** 2).mean()))
    assert 0.87 < statistics.median(errors) < 0.92


def test_sine_depends_on_its_seed_alone():
    state = torch.get_rng_state()
    first = regression.sine(5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    second = regression.sine(5)
    assert torch.equal(first.y_train, second.y_train)
    assert torch.equal(first.y_test, second.y_test)
    assert not torch.equal(first.x_train, regression.sine(6).x_train)
    assert not torch.equal(first.y_train - first.y_train.mean(), first.y_test - first.y_test.mean())


def test_sine_over_another_range():
    made = regression.sine(1, samples=7, limit=0.5)
    assert made.x_train.shape == (7,)
    assert made.x_test.shape == (50,)
    assert made.x_test[-1] == pytest.approx(0.49)


def test_mcycle_is_packaged_with_all_its_figures():
    made = regression.mcycle(0)
    assert (len(made.x_train), len(made.x_test)) == (106, 27)
    both = points(made)
    assert len(both) == 133
    assert (min(both)[0], max(both)[0]) == (pytest.approx(2.4), pytest.approx(57.6))
    assert min(y for _, y in both) == -134
    assert sum(y for _, y in both) == pytest.approx(-3397.6, abs=0.1)
    assert (made.x_name, made.y_name, made.truth) == ("times", "accel", None)
    assert made.expected is made.y_test


def test_mcycle_equals_the_source(real_data):
    packaged = regression.mcycle(0)
    source = regression.csv(0, path=str(real_data / "regression" / "mcycle.csv"), x="times", y="accel")
    assert points(packaged) == points(source)


def test_the_split_is_fixed_by_the_figures(tmp_path):
    content = rows(41)
    made = read(tmp_path, "x,y\n" + content)
    turned = read(tmp_path, "x,y\n" + "\n".join(reversed(content.splitlines())))
    other_seed = regression.csv(1, path=str(tmp_path / "data.csv"), x="x", y="y")
    assert points(made) == points(turned) == points(other_seed)
    assert len(made.x_test) == 8
    assert not set(made.x_train.tolist()) & set(made.x_test.tolist())
    assert (made.x_train.diff() > 0).all()
    assert (made.x_test.diff() > 0).all()
    # held-out points lie in no one stretch of the range
    assert made.x_test.std() > 5


def test_columns_are_found_by_name_in_any_dialect(tmp_path):
    body = "".join(f'"a;b";{n * n};{n}\r\n' for n in range(11))
    made = read(tmp_path, '\ufeff# a comment\r\n"note";" y ";x\r\n' + body, delimiter=";")
    assert sorted(points(made)) == [(n, n * n) for n in range(11)]
    below = read(tmp_path, "\n# a comment\n\n# another\nx,y\n" + rows(11))
    assert points(below) == points(made)
    tabbed = read(tmp_path, "x\ty\n" + rows(11, "\t"), delimiter=r"\t")
    assert points(tabbed) == points(made)


def test_missing_values_are_dropped_and_counted(tmp_path):
    made = read(tmp_path, "x,y\n" + rows(10) + "NA,1\n2,\n3,NaN\n\n, \n")
    assert made.dropped == 4
    assert len(points(made)) == 10


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x,y\n1,2\n1,two\n", r"data\.csv:3: 'two' in column 'y' is not a number"),
        ("# c\nx,y\n1_0,2\n", r"data\.csv:3: '1_0' in column 'x' is not a number"),
        ("x,y\ninf,2\n", r"data\.csv:2: 'inf' in column 'x' is out of range"),
        ("x,y\n1,1e39\n", r"data\.csv:2: '1e39' in column 'y' is out of range"),
        ("x,y\n1,2\n3,5,2,1\n", r"data\.csv:3: 4 cells under 2 column names"),
        ("x,y\n1\n", r"data\.csv:2: 1 cell under 2 column names"),
        ('x,y\n1,"2\n', r"data\.csv:2: unexpected end"),
        ("xx,y\n1,2\n", r"data\.csv:1: no column 'x' for data\.x; did you mean 'xx'\?"),
        ("x,y,x\n1,2,3\n", r"data\.csv:1: two columns 'x'"),
        ("x,y\n1,2\n3,4\n", r"data\.csv: data\.test=0\.2 of 2 rows leaves 2 to fit, 0 to test"),
        ("x,y\n", r"data\.csv: data\.test=0\.2 of 0 rows"),
        ("", r"data\.csv is empty"),
        ("# only a comment\n", r"data\.csv: no column 'x'"),
        (b"x,y\n1,2\n1,\xff\n", r"data\.csv:3: not UTF-8 at byte 2"),
    ],
)
def test_faults_are_named_with_file_and_line(tmp_path, content, expected):
    with pytest.raises(UserError, match=expected) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_a_delimiter_is_one_character(tmp_path, delimiter):
    with pytest.raises(UserError, match=r"data\.delimiter"):
        read(tmp_path, "x,y\n" + rows(11), delimiter=delimiter)


@pytest.mark.parametrize("test", [0.0, 1.0, 0.95])
def test_a_share_that_leaves_nothing_is_refused(tmp_path, test):
    with pytest.raises(UserError, match=r"data\.test"):
        read(tmp_path, "x,y\n" + rows(11), test=test)
