"""The gradients of additive scores by a series are those of each pair's own tanh."""

import math

import pytest
import torch
from torch import Tensor

from attnrun.attention import Additive, additive, attend, tanh_series
from attnrun.attention.tanh_series import points_needed

L, N, M, H = 3, 41, 67, 13
EXACT = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Also where it is not worth it."""
    monkeypatch.setattr(additive, "LARGE", 0)
    monkeypatch.setattr(tanh_series, "PAIRS", 0)


def inputs(spread: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Queries, keys that lie about places of their own for each feature, v, and the scores' gradient."""
    query = 1.5 * spread * (2 * torch.rand(L, N, H) - 1)
    key = spread * (2 * torch.rand(L, M, H) - 1) + torch.randn(H)
    return [part.to(dtype) for part in (query, key, torch.randn(H) / 4, torch.randn(L, N, M))]


def exact(query: Tensor, key: Tensor, v: Tensor, upstream: Tensor) -> list[Tensor]:
    """The gradients in float64, of pairs one by one."""
    leaves = [part.double().requires_grad_() for part in (query, key, v)]
    tanh = torch.tanh(leaves[0][:, :, None] + leaves[1][:, None])
    return list(torch.autograd.grad(tanh @ leaves[2], leaves, upstream.double()))


def assert_gradients(found: list[Tensor], expected: list[Tensor], exact: float) -> None:
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient.double(), other, rtol=0, atol=exact * float(other.abs().max()))


def through(query: Tensor, key: Tensor, v: Tensor, upstream: Tensor) -> list[Tensor]:
    leaves = [part.clone().requires_grad_() for part in (query, key, v)]
    return list(torch.autograd.grad(additive.TanhNetwork.apply(*leaves), leaves, upstream))


@pytest.mark.parametrize("block", [1, 2**10, 2**19])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("dtype", EXACT)
def test_gradients_are_those_of_pairs(monkeypatch, dtype, spread, block):
    monkeypatch.setattr(tanh_series, "BLOCK", block)
    given = inputs(spread, dtype)
    assert points_needed(*given[:2])
    assert_gradients(through(*given), exact(*given), EXACT[dtype])


def test_far_keys_need_more_points_and_the_farthest_are_left_to_pairs():
    given = [inputs(spread, torch.float32)[:2] for spread in (0.1, 1, 2, 4, 9)]
    points = [points_needed(*pair) for pair in given]
    assert points[-1] is None
    assert points[:-1] == sorted(points[:-1])
    assert len(set(points)) == len(points)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e30])
def test_odd_keys_are_left_to_pairs(odd):
    query, key, v, upstream = inputs(1.0)
    key[1, 2, 3] = odd
    assert points_needed(query, key) is None
    found = through(query, key, v, upstream)[0]
    whole = torch.arange(L) != 1
    torch.testing.assert_close(found[whole], exact(query, key, v, upstream)[0][whole])


@pytest.mark.parametrize("odd", [math.inf, -math.inf, 1e30])
def test_far_queries_need_no_more_points(odd):
    given = inputs(1.0)
    given[0][1, 2, 3] = odd
    assert_gradients(through(*given), exact(*given), 1e-12)


def test_few_pairs_are_not_worth_a_series(monkeypatch):
    monkeypatch.setattr(tanh_series, "PAIRS", 2)
    assert points_needed(*inputs(1.0)[:2]) is None
    assert points_needed(torch.randn(1, 500, H), torch.randn(1, 500, H)) is not None


def test_half_types_are_summed_in_float32():
    given = [part.bfloat16() for part in inputs(1.0)]
    found = through(*given)
    assert {part.dtype for part in found} == {torch.bfloat16}
    assert_gradients(found, exact(*given), 1e-2)


@pytest.mark.parametrize("longest", [M, M - 5])
def test_padded_keys_are_passed_over(monkeypatch, longest):
    seen: list[int] = []
    terms = tanh_series._terms

    def noted(query, key, *rest):
        seen.append(len(key))
        return terms(query, key, *rest)

    monkeypatch.setattr(tanh_series, "_terms", noted)
    lengths = torch.tensor([longest, 0, 7])
    score = Additive(5, 11, hidden=H).double()
    given = [torch.randn(L, *size, dtype=torch.float64) for size in ((N, 5), (M, 11), (M, 3))]
    gradients = []
    for large in (0, math.inf):  # by a series, and by tanh as it reads
        monkeypatch.setattr(additive, "LARGE", large)
        leaves = [part.clone().requires_grad_() for part in given]
        context, _ = attend(score, *leaves, lengths)
        gradients.append(torch.autograd.grad(context.square().sum(), [*leaves, *score.parameters()]))
    assert seen == lengths.tolist()
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
