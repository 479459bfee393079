"""Prediction on a line, which looks at near keys alone, against all keys in float64."""

import pytest
import torch

from attnrun.attention import Boxcar, Epanechnikov, Gaussian, Kernel, Triangular
from attnrun.models import kernel_regression as nw
from attnrun.models import nearby

KERNELS = [Gaussian, Boxcar, Triangular, Epanechnikov]


def points(keys, queries, offset=0.0, dtype=torch.float32):
    make = torch.Generator().manual_seed(keys)
    x, at = (torch.rand(count, generator=make, dtype=torch.float64) * 5 for count in (keys, queries))
    y = 3 * x.cos() + torch.randn(keys, generator=make, dtype=torch.float64)
    return [part.to(dtype) for part in (x + offset, y, at + offset)]


def by_all_keys(kernel: Kernel, at, x, y):
    matrix = nw.weights(kernel, at.double(), x.double(), y.double())
    return matrix @ y.double()


def error(kernel: Kernel, at, x, y) -> float:
    """The greatest one, as a share of the range of y."""
    difference = nw.predict(kernel, at, x, y).double() - by_all_keys(kernel, at, x, y)
    return float(difference.abs().max() / (y.max() - y.min()))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("width", [0.005, 0.05, 0.5, 50.0])
def test_it_is_the_prediction_by_all_keys(kernel: type[Kernel], width: float) -> None:
    x, y, at = points(1409, 787, dtype=torch.float64)
    assert error(kernel(1, 1, width=width), at, x, y) < 1e-12


@pytest.mark.parametrize("offset", [0.0, 5.0, 5000.0])
@pytest.mark.parametrize("width", [0.005, 0.05, 0.5])
def test_in_float32_narrow_kernels_far_from_the_origin_err_by_1e_5_of_the_range(
    width: float, offset: float
) -> None:
    assert error(Gaussian(1, 1, width=width), *reversed_points(offset)) < 1e-5


def reversed_points(offset: float):
    x, y, at = points(2003, 1009, offset)
    return at, x, y


def test_one_in_a_gap_and_one_outside_have_their_nearest_keys() -> None:
    x = torch.cat([torch.linspace(0, 1, 307), torch.linspace(40, 41, 311)])
    y = torch.arange(618.0)
    at = torch.tensor([-1000.0, 20.4, 20.6, 0.5, 1000.0])
    found = nw.predict(Gaussian(1, 1, width=0.01), at, x, y)
    torch.testing.assert_close(found, torch.tensor([0.0, 306, 307, found[3], 617]))
    assert error(Gaussian(1, 1, width=0.01), at, x, y) < 1e-5


def test_only_near_keys_are_looked_at() -> None:
    x, at = torch.linspace(0, 100, 5003), torch.linspace(0, 100, 1511)
    windows = list(nearby.near_keys(Gaussian(1, 1, width=0.1), at, x, nearby.even_blocks(at)))
    assert [rows.start for rows, *_ in windows] == list(range(0, 1511, nearby.BLOCK))
    looked_at = sum((rows.stop - rows.start) * (keys.stop - keys.start) for rows, keys, _ in windows)
    assert looked_at < 0.25 * 5003 * 1511


def test_neither_the_order_of_points_nor_the_shape_matters() -> None:
    x, y, at = points(211, 307)
    kernel = Gaussian(1, 1, width=0.3)
    found = nw.predict(kernel, at, x, y)
    mixed, keys = torch.randperm(307), torch.randperm(211)
    again = nw.predict(kernel, at[mixed][:, None], x[keys][:, None], y[keys])
    torch.testing.assert_close(again, found[mixed])


def test_odd_inputs() -> None:
    x, y, at = points(13, 5)
    kernel = Gaussian(1, 1, width=0.3)
    assert nw.predict(kernel, at[:0], x, y).shape == (0,)
    torch.testing.assert_close(nw.predict(kernel, at, x[:1], y[:1]), y[:1].expand(5))
    odd = torch.cat([at, torch.tensor([torch.nan])])
    found = nw.predict(kernel, odd, x, y)
    assert found[-1].isnan()
    torch.testing.assert_close(found[:-1], nw.predict(kernel, at, x, y))


def test_the_gradient_reaches_the_measurements_and_a_learned_width() -> None:
    x, y, at = points(17, 11, dtype=torch.float64)
    kernel = Gaussian(1, 1, width=0.4, learned=True).double()
    y.requires_grad_()
    nw.predict(kernel, at, x, y).square().sum().backward()
    (width,), measured = [parameter.grad.clone() for parameter in kernel.parameters()], y.grad.clone()
    y.grad = None
    kernel.zero_grad()
    (nw.weights(kernel, at, x, y) @ y).square().sum().backward()
    torch.testing.assert_close(measured, y.grad)
    torch.testing.assert_close(width, next(kernel.parameters()).grad)
