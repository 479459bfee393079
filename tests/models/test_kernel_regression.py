"""Kernel regression against loops in float64, and widths against scipy."""

import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from attnrun.attention import Boxcar, Gaussian, Max, Uniform, backend
from attnrun.errors import UserError
from attnrun.models import bandwidth
from attnrun.models import kernel_regression as nw


def points(count=37, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, generator=generator, dtype=torch.float64) * 5
    y = 2 * x.sin() + x**0.8 + torch.randn(count, generator=generator, dtype=torch.float64) * 0.5
    return x, y


def loop(width, at, x, y, skip=None):
    """The estimator at one place, number by number."""
    others = [i for i in range(len(x)) if i != skip]
    squares = [(float(x[i]) - at) ** 2 for i in others]
    kernel = [math.exp(-(s - min(squares)) / (2 * width**2)) for s in squares]
    return sum(k * float(y[i]) for k, i in zip(kernel, others, strict=True)) / sum(kernel)


def left_out_error(width, x, y):
    return sum((loop(width, float(x[i]), x, y, skip=i) - float(y[i])) ** 2 for i in range(len(x)))


def test_prediction_equals_a_loop():
    (x, y), (at, _) = points(), points(11, seed=9)
    found = nw.predict(Gaussian(1, 1, width=0.3), at, x, y)
    expected = [loop(0.3, float(q), x, y) for q in at]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)


def test_weights_predict():
    (x, y), (at, _) = points(), points(11, seed=9)
    matrix = nw.weights(Gaussian(1, 1, width=0.3), at, x, y)
    assert matrix.shape == (11, 37)
    torch.testing.assert_close(matrix.sum(1), torch.ones(11).double())
    torch.testing.assert_close(matrix @ y, nw.predict(Gaussian(1, 1, width=0.3), at, x, y))


def test_the_weights_of_a_score_that_chooses_by_value_predict():
    (x, y), (at, _) = points(), points(11, seed=9)
    largest = max(range(37), key=lambda i: float(y[i]))
    assert largest != 0
    matrix = nw.weights(Max(1, 1), at, x, y)
    assert matrix.nonzero().tolist() == [[row, largest] for row in range(11)]
    torch.testing.assert_close(matrix @ y, nw.predict(Max(1, 1), at, x, y))


def test_blocks_change_nothing(monkeypatch):
    (x, y), (at, _), score = points(), points(11, seed=9), Gaussian(1, 1, width=0.3)
    whole, loss = nw.predict(score, at, x, y), nw.leave_one_out_loss(score, x, y)[0]
    monkeypatch.setattr(nw, "BLOCK", 3 * 37 + 1)
    torch.testing.assert_close(nw.predict(score, at, x, y), whole)
    torch.testing.assert_close(nw.leave_one_out_loss(score, x, y)[0], loss)


def test_leave_one_out_leaves_the_own_point_out():
    x, y = points()
    error, count = nw.leave_one_out_loss(Gaussian(1, 1, width=0.3), x, y)
    assert count == 37
    assert float(error) == pytest.approx(left_out_error(0.3, x, y), rel=1e-9)
    average, _ = nw.leave_one_out_loss(Uniform(1, 1), x, y)
    mean = (y.sum() - y) / 36
    torch.testing.assert_close(average, (mean - y).square().sum())


def test_with_the_own_key_a_narrow_kernel_seems_perfect():
    x, y = points()
    narrow = Gaussian(1, 1, width=1e-6)
    assert float(nw.collapsing_loss(narrow, x, y)[0]) < 1e-12
    assert float(nw.leave_one_out_loss(narrow, x, y)[0]) > 1


def test_the_loss_reaches_a_learned_width():
    x, y = points()
    score = Gaussian(1, 1, width=1.0, learned=True).double()
    (parameter,) = score.parameters()
    nw.leave_one_out_loss(score, x, y)[0].backward()
    moved = []
    with torch.no_grad():
        for step in (1e-6, -2e-6):
            parameter += step
            moved.append(float(nw.leave_one_out_loss(score, x, y)[0]))
    assert float(parameter.grad) == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-5)


def test_a_query_out_of_reach_of_a_compact_kernel_predicts_zero():
    x, y = points()
    assert nw.predict(Boxcar(1, 1, width=0.5), torch.tensor([1000.0]).double(), x, y).tolist() == [0.0]


@pytest.mark.parametrize("seed", range(5))
def test_fitted_width_is_where_scipy_finds_the_least_error(seed):
    x, y = points(29, seed)
    width = nw.fit_width(x, y)
    least = 0.3 * float(x.max() - x.min()) / 29
    start = min((least * 1.12**i for i in range(40)), key=lambda w: left_out_error(w, x, y))
    bounds = (max(start * 0.85, least), start * 1.18)
    best = minimize_scalar(lambda w: left_out_error(w, x, y), bounds=bounds, method="bounded")
    assert left_out_error(width, x, y) <= best.fun * (1 + 1e-6)
    assert width == pytest.approx(best.x, rel=0.01)


def test_oracle_width_beats_every_other():
    x, y = points(50)
    at = torch.arange(0, 5, 0.1).double().flip(0)  # in no helpful order
    truth = 2 * at.sin() + at**0.8

    def error(width):
        return float((nw.predict(Gaussian(1, 1, width=width), at, x, y) - truth).square().sum())

    width = nw.oracle_width(x, y, at, truth)
    assert error(width) <= min(error(0.02 * 1.05**i) for i in range(110)) * (1 + 1e-6)


def test_fitting_is_the_same_in_any_order_and_place():
    x, y = points()
    width, order = nw.fit_width(x, y), torch.randperm(37)
    assert nw.fit_width(x[order], y[order]) == pytest.approx(width, rel=1e-3)
    assert nw.fit_width(x + 1e6, y - 1e6) == pytest.approx(width, rel=1e-3)
    assert nw.fit_width(x * 1e-3, y) == pytest.approx(width * 1e-3, rel=1e-3)


def test_many_points_in_blocks_fit_as_few(monkeypatch):
    x, y = points(211)
    width = nw.fit_width(x, y)
    monkeypatch.setattr(bandwidth, "BLOCK", 211 * 7)
    assert nw.fit_width(x, y) == pytest.approx(width, rel=1e-6)


@pytest.mark.parametrize(
    "more", [[1e5], [-1e9, 1e9], [0.0] * 20, [2.5] * 5], ids=["isolated", "both sides", "repeated", "inside"]
)
def test_isolated_and_repeated_points_are_no_trouble(more):
    x, y = points()
    extra = torch.tensor(more).double()
    width = nw.fit_width(torch.cat([x, extra]), torch.cat([y, torch.ones_like(extra)]))
    assert math.isfinite(width) and width > 0


@pytest.mark.parametrize(
    "x, y, message",
    [
        ([0.0, 1.0], [1.0, 2.0], "at least 3 points, got 2"),
        ([2.0] * 5, [1.0] * 5, "all 5 lie at 2"),
        ([0.0, 1.0, math.nan], [1.0, 2.0, 3.0], "not finite"),
        ([0.0, 1.0, 2.0], [1.0, math.inf, 3.0], "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_said(x, y, message):
    with pytest.raises(UserError, match=message):
        nw.fit_width(torch.tensor(x), torch.tensor(y))


def test_textbook_data_give_the_known_medians():
    """y = 2 sin x + x^0.8 + N(0, .5), 50 points: .058 leave one out, .048 by the oracle, over many seeds."""
    fitted, oracle = [], []
    at = torch.arange(0, 5, 0.1).double()
    truth = 2 * at.sin() + at**0.8
    for seed in range(60):
        x, y = points(50, seed)
        for found, width in ((fitted, nw.fit_width(x, y)), (oracle, nw.oracle_width(x, y, at, truth))):
            predicted = nw.predict(Gaussian(1, 1, width=width), at, x, y)
            found.append(float((predicted - truth).square().mean()))
    assert sorted(fitted)[30] < 0.075 and sorted(oracle)[30] < 0.06
    assert all(o <= f * 1.001 for o, f in zip(oracle, fitted, strict=True))


@pytest.mark.parametrize("width", [1e-3, 0.1, 3.0])
def test_errors_at_extreme_widths_are_those_of_the_loop(width):
    """Very narrow: the nearest neighbour predicts, as in the limit, and not the average or nothing."""
    x, y = points()
    x, order = torch.cat([x, torch.tensor([400.0]).double()]).sort()
    y = torch.cat([y, torch.ones(1).double()])[order]
    widths = torch.tensor([width, 2 * width]).double()
    found = bandwidth._Task(x, y, x, y, leave_out=True).squared_errors(widths)
    expected = [left_out_error(w, x, y) for w in widths.tolist()]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=0)


def test_the_reference_holds_a_block_of_weights_at_most(monkeypatch):
    held = []
    monkeypatch.setattr(nw, "BLOCK", 100)
    original = nw._attend

    def counted(score, normaliser, x_query, x_key, *rest):
        held.append(len(x_query) * len(x_key))
        return original(score, normaliser, x_query, x_key, *rest)

    monkeypatch.setattr(nw, "_attend", counted)
    x, y = torch.randn(53, 2), torch.randn(53)
    with backend("eager"):
        nw.predict(Gaussian(2, 2), x, x, y)
    assert max(held) <= 100


@pytest.mark.parametrize("tests", [torch.tensor([]), torch.tensor([math.nan, 1.0])])
def test_the_oracle_needs_something_to_know(tests):
    x = torch.linspace(0, 1, 30)
    with pytest.raises(UserError, match="no test points, or by values that are not finite"):
        nw.oracle_width(x, x, tests, torch.zeros(len(tests)))


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_points_too_near_or_too_far_to_square_are_refused(scale):
    x = torch.linspace(0, 1, 30, dtype=torch.float64) * scale
    with pytest.raises(UserError, match="scale x"):
        nw.fit_width(x, torch.randn(30))


@pytest.mark.parametrize("kernel", [Gaussian, Boxcar])
@pytest.mark.parametrize("leave_out", [True, False])
def test_the_loss_of_many_points_is_that_of_all_pairs(monkeypatch, kernel, leave_out):
    monkeypatch.setattr(nw, "BLOCK", 7919)
    make = torch.Generator().manual_seed(3)
    x, y = (torch.randn(709, generator=make, dtype=torch.float64) for _ in range(2))
    x[5] = 400.0  # far from all others: predicted by the nearest of them, or by none within reach
    score = kernel(1, 1, width=0.05)
    loss = nw.leave_one_out_loss if leave_out else nw.collapsing_loss
    scores = score(x[:, None], x[:, None])
    if leave_out:
        scores.fill_diagonal_(-torch.inf)
    expected = (scores.softmax(1).nan_to_num() @ y - y).square().sum()
    found, count = loss(score, x, y)
    assert count == 709
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [1, 2])
def test_the_gradient_of_the_loss_of_many_points_holds_one_block_at_a_time(monkeypatch, size):
    monkeypatch.setattr(nw, "BLOCK", 7919)
    make = torch.Generator().manual_seed(3)
    x = torch.rand(709, size, generator=make, dtype=torch.float64)
    y = x[:, 0].sin()
    score = Gaussian(size, size, width=0.3, learned=True).double()
    held = 0

    def hold(tensor):
        nonlocal held
        held += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        loss, _ = nw.leave_one_out_loss(score, x, y)
    assert held < 40 * 709
    scores = score(x, x).fill_diagonal_(-torch.inf)
    expected = (scores.softmax(1) @ y - y).square().sum()
    made, true = (torch.autograd.grad(one, score.w)[0] for one in (loss, expected))
    torch.testing.assert_close(made, true)
