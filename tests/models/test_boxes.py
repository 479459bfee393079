"""Prediction in space, where queries that lie together look at near keys, against all keys in float64."""

import math
from contextlib import suppress

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from attnrun.attention import Boxcar, Epanechnikov, Gaussian, Kernel, Triangular, backend
from attnrun.models import kernel_regression as nw
from attnrun.models import pairs
from attnrun.models.boxes import LEAF, near_boxes

KERNELS = [Gaussian, Boxcar, Triangular, Epanechnikov]


def points(keys: int, queries: int, dimensions: int, offset: float = 0.0, dtype=torch.float32):
    make = torch.Generator().manual_seed(keys)
    x, at = (
        5 * torch.rand(count, dimensions, generator=make, dtype=torch.float64) for count in (keys, queries)
    )
    y = 3 * x[:, 0].cos() + torch.randn(keys, generator=make, dtype=torch.float64)
    return tuple(part.to(dtype) for part in (at + offset, x + offset, y))


def error(kernel: Kernel, at: Tensor, x: Tensor, y: Tensor) -> float:
    """The greatest one, as a share of the range of y, beside averages over all keys in float64."""
    truth = nw.weights(kernel, at.double(), x.double(), y.double()) @ y.double()
    found = nw.predict(kernel, at, x, y)
    assert found.dtype == y.dtype
    return float((found - truth).abs().max() / (y.max() - y.min()))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dimensions", [2, 3, 7])
@pytest.mark.parametrize("width", [0.05, 0.5, 5.0])
def test_it_is_the_prediction_by_all_keys(kernel: type[Kernel], dimensions: int, width: float) -> None:
    given = points(1409, 787, dimensions, dtype=torch.float64)
    assert error(kernel(dimensions, dimensions, width=width), *given) < 1e-12


@pytest.mark.parametrize("offset", [0.0, 5.0, 5000.0])
@pytest.mark.parametrize("dimensions", [2, 3, 11])
@pytest.mark.parametrize("width", [0.005, 0.05, 0.5, 1.5])
def test_in_float32_narrow_kernels_far_from_the_origin_err_by_1e_5_of_the_range(
    width: float, dimensions: int, offset: float
) -> None:
    given = points(4003, 1009, dimensions, offset)
    assert error(Gaussian(dimensions, dimensions, width=width), *given) < 1e-5


def test_the_other_dimensions_count_as_much_as_the_widest() -> None:
    at, x, y = points(2003, 1009, 3)
    flat = torch.tensor([100.0, 0.01, 1.0])
    assert error(Gaussian(3, 3, width=0.5), at * flat, x * flat, y) < 1e-5


def test_one_in_a_gap_and_one_far_outside_have_their_nearest_keys() -> None:
    at, x, y = points(701, 307, 3)
    x[:350] += 40
    at[0], at[1] = 25.0, -1000.0
    kernel = Gaussian(3, 3, width=0.3)
    assert error(kernel, at, x, y) < 1e-5
    nearest = torch.cdist(at[:2].double(), x.double()).argmin(1)
    torch.testing.assert_close(nw.predict(kernel, at, x, y)[:2], y[nearest])


@pytest.mark.parametrize("kernel", KERNELS)
def test_where_no_key_is_near_the_prediction_is_that_of_all_keys(kernel: type[Kernel]) -> None:
    at, x, y = points(701, 307, 2, dtype=torch.float64)
    at[:3] += 100
    one = kernel(2, 2, width=0.4)
    torch.testing.assert_close(nw.predict(one, at, x, y), nw.weights(one, at, x, y) @ y)


@pytest.mark.parametrize("most", [LEAF, 2048])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_query_is_in_one_box_with_all_keys_within_the_horizon(dimensions: int, most: int) -> None:
    at, x, _ = points(5003, 3001, dimensions)
    kernel = Gaussian(dimensions, dimensions, width=0.08)
    distances = torch.cdist(at, x)
    boxes = list(near_boxes(kernel, at, x, most, radius=0.7))
    assert torch.cat([box for box, _ in boxes]).sort().values.equal(torch.arange(3001))
    looked_at = 0
    for box, near in boxes:
        reach = kernel.horizon(float(distances[box].amin(1).max()), 5003, torch.float32)
        needed = (distances[box] <= reach).any(0).nonzero().flatten()
        keys = torch.arange(5003)[near]
        assert torch.isin(needed, keys).all() and len(keys.unique()) == len(keys)
        looked_at += len(box) * len(keys)
        ranges = at[box].amax(0) - at[box].amin(0)
        assert len(box) <= LEAF or (len(box) <= most and ranges.norm() <= 1.4)
    assert looked_at < 0.35 * 5003 * 3001


def test_kernels_that_reach_everything_have_all_keys() -> None:
    at, x, _ = points(1009, 1511, 3)
    assert all(near == slice(None) for _, near in near_boxes(Gaussian(3, 3, width=2.0), at, x, 2048, 9.0))


@pytest.fixture
def averaged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of queries of the calls that make averages without weights."""
    counts = []

    def counted(query, *rest):
        counts.append(len(query))
        return pairs.averages(query, *rest)

    monkeypatch.setattr(nw, "averages", counted)
    return counts


def test_the_reference_gradients_and_large_values_are_averaged_by_weights(averaged: list[int]) -> None:
    at, x, y = points(503, 307, 2, dtype=torch.float64)
    kernel = Gaussian(2, 2, width=0.5)
    with backend("eager"):
        nw.predict(kernel, at, x, y)
    for odd in (torch.inf, torch.nan, 1e306):
        found = nw.predict(kernel, at, x, torch.full_like(y, odd))
        torch.testing.assert_close(found, torch.full_like(at[:, 0], odd), equal_nan=True)
    nw.predict(kernel, at, x, y.requires_grad_())
    assert not averaged
    with torch.no_grad():
        nw.predict(kernel, at, x, y)
    assert sum(averaged) == 307


def test_the_gradient_reaches_the_measurements_and_a_learned_width() -> None:
    at, x, y = points(701, 307, 3, dtype=torch.float64)
    kernel = Gaussian(3, 3, width=0.2, learned=True).double()
    y.requires_grad_()
    parts = y, *kernel.parameters()
    found, truth = nw.predict(kernel, at, x, y), nw.weights(kernel, at, x, y) @ y
    made, true = (torch.autograd.grad(one.square().sum(), parts) for one in (found, truth))
    torch.testing.assert_close(made, true)


def test_numbers_that_are_none_are_kept_where_they_are() -> None:
    at, x, y = points(503, 307, 2)
    kernel = Gaussian(2, 2, width=0.5)
    clean = nw.predict(kernel, at, x, y)
    at[7, 1] = torch.nan
    found = nw.predict(kernel, at, x, y)
    assert found[7].isnan()
    found[7] = clean[7]
    torch.testing.assert_close(found, clean)


def test_neither_the_order_of_points_nor_that_of_dimensions_matters() -> None:
    at, x, y = points(701, 307, 3)
    kernel = Gaussian(3, 3, width=0.3)
    found = nw.predict(kernel, at, x, y)
    queries, keys = torch.randperm(307), torch.randperm(701)
    again = nw.predict(kernel, at[queries].flip(1), x[keys].flip(1), y[keys])
    torch.testing.assert_close(again, found[queries], rtol=0, atol=1e-5)


def test_few_points_and_points_in_one_place() -> None:
    at, x, y = points(13, 5, 2)
    kernel = Gaussian(2, 2, width=0.3)
    assert nw.predict(kernel, at[:0], x, y).shape == (0,)
    torch.testing.assert_close(nw.predict(kernel, at, x[:1], y[:1]), y[:1].expand(5))
    together = torch.ones(1009, 2)
    torch.testing.assert_close(
        nw.predict(kernel, together, together, torch.arange(1009.0)), torch.full((1009,), 504.0)
    )


@pytest.mark.parametrize("far", [1e4, 1e6, 1e20])
def test_a_query_far_away_spoils_none_of_the_others(far: float) -> None:
    at, x, y = points(1009, 101, 2)
    kernel = Gaussian(2, 2, width=0.05)
    alone = nw.predict(kernel, at, x, y)
    together = nw.predict(kernel, torch.cat([at, torch.tensor([[far, 0.0]])]), x, y)
    spread = float(y.max() - y.min())
    torch.testing.assert_close(together[:-1], alone, rtol=0, atol=1e-6 * spread)
    assert together.isfinite().all()


@pytest.mark.parametrize("width", [1e-7, 1e-6, 1e170, 1e300])
def test_any_width_has_a_prediction(width: float) -> None:
    at, x, y = points(1511, 1103, 2, dtype=torch.float64)
    found = nw.predict(Gaussian(2, 2, width=width), at, x, y)
    nearest = torch.cdist(at, x).argmin(1)
    torch.testing.assert_close(found, y[nearest] if width < 1 else y.mean().expand(1103))


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_kept_for_a_gradient_that_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    kept: list[bool] = []
    by_weights = nw._predict_from_all

    def spy(*given):
        found = by_weights(*given)
        kept.append(found.requires_grad)
        return found

    monkeypatch.setattr(nw, "_predict_from_all", spy)
    at, x, y = points(1511, 1103, 2)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():  # queries so many widths apart that they are averaged by weights
            nw.predict(Gaussian(2, 2, width=1e-7, learned=True), at, x, y)
    finally:
        torch.set_num_threads(before)
    assert kept and not any(kept)


def test_a_width_whose_square_is_no_number_weighs_no_key() -> None:
    at, x, y = points(1511, 1103, 2, dtype=torch.float64)
    assert not nw.predict(Gaussian(2, 2, width=1e-160), at, x, y).any()


def test_values_that_all_lie_far_from_zero_keep_their_digits() -> None:
    at, x, y = points(4003, 1009, 2)
    y = 100 + (y - y.min()) / (y.max() - y.min())
    assert error(Gaussian(2, 2, width=0.5), at, x, y) < 1e-5
    assert error(Gaussian(2, 2, width=0.5), at, x, -y) < 1e-5


@pytest.mark.parametrize("count", [700, 702])
@pytest.mark.parametrize("kernel", [Gaussian, Boxcar])
def test_as_many_values_as_keys(kernel: type[Kernel], count: int) -> None:
    at, x, _ = points(701, 307, 2)
    with pytest.raises(ValueError, match=f"key has M = 701 rows and value {count}"):
        nw.predict(kernel(2, 2, width=0.5), at, x, torch.ones(count))
    with pytest.raises(ValueError, match=f"key has M = 701 rows and value {count}"):
        nw.predict(kernel(1, 1, width=0.5), at[:, 0], x[:, 0], torch.ones(count))


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_types_and_autocast_are_averaged_by_weights(averaged: list[int], half: torch.dtype) -> None:
    kernel, (at, x, y) = Gaussian(2, 2, width=0.7), points(211, 101, 2, dtype=half)
    truth = nw.weights(kernel, at.double(), x.double(), y.double()) @ y.double()
    torch.testing.assert_close(nw.predict(kernel, at, x, y), truth.to(half), rtol=0.01, atol=0.01)
    with torch.autocast("cpu", half):
        nw.predict(kernel, at.float(), x.float(), y.float())
    assert not averaged


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # by torch.func itself
def test_functions_of_torch_are_averaged_by_weights(averaged: list[int]) -> None:
    at, x, y = points(211, 307, 2, dtype=torch.float64)
    kernel = Gaussian(2, 2, width=0.7)
    made = torch.func.grad(lambda y: nw.predict(kernel, at, x, y).sum())(y)
    torch.testing.assert_close(made, nw.weights(kernel, at, x, y).sum(0))
    with forward_ad.dual_level(), suppress(NotImplementedError):  # torch's fused attention has none
        nw.predict(kernel, at, x, forward_ad.make_dual(y, torch.ones_like(y)))
    assert not averaged


def test_for_few_queries_keys_are_not_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    at, x, _ = points(5003, 1009, 2)
    assert all(near == slice(None) for _, near in near_boxes(Gaussian(2, 2, width=0.01), at, x, 2048, 9.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("apart", [3.0, 30.0])  # widths: by quick products, and by careful ones
def test_averages_equal_a_loop(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, apart: float) -> None:
    monkeypatch.setattr(pairs, "KEYS", 17)
    make = torch.Generator().manual_seed(5)
    query, key = (torch.rand(n, 3, generator=make, dtype=dtype) * apart * 0.7 for n in (37, 101))
    query[3] += 9 * 0.7  # more than NEAR widths from all keys
    y = torch.randn(101, generator=make, dtype=dtype)
    found = pairs.averages(query, key, y, 0.7)
    assert found is not None
    for q, average in zip(query.tolist(), found.tolist(), strict=True):
        squares = [math.dist(q, k) ** 2 / 0.7**2 / 2 for k in key.tolist()]
        kernels = [math.exp(min(squares) - square) for square in squares]
        true = sum(k * v for k, v in zip(kernels, y.tolist(), strict=True)) / sum(kernels)
        assert average == pytest.approx(true, rel=0, abs=2e-6 if dtype == torch.float32 else 1e-13)


def test_quick_products_are_for_queries_that_lie_together() -> None:
    at, x, y = points(701, 307, 3)
    within = math.sqrt(3) * 2.5 / pairs.WIDEST[torch.float32]
    assert pairs._sums(at, x, y, within) is not None
    assert pairs._sums(at, x, y, within / 1.3) is None
