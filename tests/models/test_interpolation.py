"""Sums of Gaussians between nodes, against the sums themselves."""

import math
from contextlib import suppress
from itertools import pairwise

import pytest
import torch
from torch.autograd import forward_ad

from attnrun.attention import Gaussian, backend
from attnrun.models import bandwidth, interpolation, nearby
from attnrun.models import kernel_regression as nw
from attnrun.models.interpolation import FAR, SPAN, gaussian_sums


def by_definition(query, key, values, width):
    """Sum by sum, number by number."""
    return torch.tensor(
        [
            [
                math.fsum(
                    math.exp(-(((x - k) / width) ** 2) / 2) * v[c] for k, v in zip(key, values, strict=True)
                )
                for c in range(len(values[0]))
            ]
            for x in query
        ],
        dtype=torch.float64,
    )


@pytest.mark.parametrize("part", [7, 4096])  # points in parts, and all at once
@pytest.mark.parametrize("queries", [1, 43])
@pytest.mark.parametrize("width", [0.003, 0.7, 200.0])
def test_it_is_the_sum(monkeypatch, part, queries, width):
    monkeypatch.setattr(interpolation, "PART", part)
    query = torch.rand(queries, dtype=torch.float64).sort().values * SPAN * width + 11
    key = 11 + 20 * width * (torch.rand(101, dtype=torch.float64) - 0.5)
    values = torch.randn(101, 3, dtype=torch.float64)
    true = by_definition(query.tolist(), key.tolist(), values.tolist(), width)
    largest = by_definition(query.tolist(), key.tolist(), values.abs().tolist(), width)
    assert ((gaussian_sums(query, key, values, width) - true).abs() / largest.amax(0)).max() < 3e-14


def test_queries_of_one_place_are_one():
    query, key, values = torch.full((5,), 3.0), torch.tensor([2.0, 4.5]), torch.tensor([[1.0], [10.0]])
    true = math.exp(-1 / 8) + 10 * math.exp(-9 / 32)
    assert gaussian_sums(query, key, values, 2.0).flatten().tolist() == pytest.approx([true] * 5, rel=1e-14)


def test_quotients_hold_as_far_from_all_keys_as_is_allowed():
    """At the near end of a stretch sums are thousands of times those at the far end."""
    query = torch.linspace(FAR - SPAN, FAR, 31, dtype=torch.float64)
    key = -torch.rand(211, dtype=torch.float64).sort(descending=True).values * 3
    key[0] = 0.0
    value = torch.randn(211, dtype=torch.float64)
    above, below = gaussian_sums(query, key, torch.stack([value, torch.ones_like(value)], 1), 1.0).unbind(1)
    true = torch.softmax((query[:, None] - key).square() / -2, 1) @ value
    torch.testing.assert_close(above / below, true, rtol=0, atol=1e-12)


@pytest.fixture
def stretched(monkeypatch):
    """The numbers of queries that are predicted between nodes."""
    counts = []

    def counted(query, *rest):
        counts.append(len(query))
        return gaussian_sums(query, *rest)

    for module in (nw, bandwidth):
        monkeypatch.setattr(module, "gaussian_sums", counted)
    return counts


def crowd(queries=997, keys=503):
    make = torch.Generator().manual_seed(0)
    x, at = (torch.rand(count, generator=make, dtype=torch.float64) * 5 for count in (keys, queries))
    return at, x, 3 * x.cos() + torch.randn(keys, generator=make, dtype=torch.float64)


def test_a_crowd_is_predicted_between_nodes_but_what_is_far_from_all_keys(stretched):
    at, x, y = crowd()
    at[0] = 5 + 3 * FAR
    kernel = Gaussian(1, 1, width=0.5)
    torch.testing.assert_close(
        nw.predict(kernel, at, x, y), nw.weights(kernel, at, x, y) @ y, rtol=0, atol=1e-12
    )
    assert sum(stretched) == 996


def test_few_queries_the_reference_and_gradients_are_predicted_one_by_one(stretched):
    at, x, y = crowd()
    nw.predict(Gaussian(1, 1, width=0.005), at, x, y)
    nw.predict(Gaussian(1, 1, width=0.5), at[:100], x, y)
    with backend("eager"):
        nw.predict(Gaussian(1, 1, width=0.5), at, x, y)
    nw.predict(Gaussian(1, 1, width=0.5), at, x, y.requires_grad_())
    assert not stretched
    learned = Gaussian(1, 1, width=0.5, learned=True).double()
    learned.w.data.neg_()  # its sign means nothing
    with torch.no_grad():
        found = nw.predict(learned, at, x, y)
    torch.testing.assert_close(found, nw.weights(learned, at, x, y) @ y, rtol=0, atol=1e-12)
    assert sum(stretched) == 997


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # by torch.func itself
def test_what_has_a_forward_derivative_is_predicted_one_by_one(stretched):
    at, x, y = crowd()
    kernel, along = Gaussian(1, 1, width=0.5), torch.ones_like(at)
    with suppress(NotImplementedError):  # torch's fused attention has none
        torch.func.jvp(lambda at: nw.predict(kernel, at, x, y), (at,), (along,))
    with suppress(NotImplementedError), forward_ad.dual_level():
        nw.predict(kernel, forward_ad.make_dual(at, along), x, y)
    assert not stretched


@pytest.mark.parametrize("odd", [torch.inf, torch.nan, 1e306])
def test_values_whose_sums_would_overflow_are_averaged_one_by_one(stretched, odd):
    at, x, y = crowd()
    found = nw.predict(Gaussian(1, 1, width=0.5), at, x, torch.full_like(y, odd))
    torch.testing.assert_close(found, torch.full_like(at, odd), equal_nan=True)
    assert not stretched


def test_a_large_value_far_away_does_not_round_what_is_near():
    x, at = torch.linspace(0, 12, 1201).double(), torch.linspace(0, 12, 1009).double()
    y = torch.ones(1201).double()
    y[-1] = 1e10
    kernel = Gaussian(1, 1, width=1.0)
    torch.testing.assert_close(
        nw.predict(kernel, at, x, y), nw.weights(kernel, at, x, y) @ y, rtol=1e-8, atol=0
    )


def test_types_that_do_not_go_together_are_refused_for_many_queries_too():
    at, x, y = crowd()
    for wrong in (y.long(), y.float(), y > 0):
        with pytest.raises(RuntimeError):
            nw.predict(Gaussian(1, 1, width=0.5), at, x, wrong)
    with pytest.raises(ValueError, match="rows and value 1"):
        nw.predict(Gaussian(1, 1, width=0.5), at, x, y[:, None])


@pytest.mark.parametrize("leave_out", [True, False])
def test_errors_of_widths_are_those_of_all_pairs(stretched, leave_out):
    at, x, y = crowd(keys=701)
    at, (x, order) = at.sort().values, torch.cat([x, torch.tensor([7.5, 400.0]).double()]).sort()
    y = torch.cat([y, torch.ones(2).double()])[order]
    query, target = (x, y) if leave_out else (at, at.sin())
    widths = torch.tensor([1e-3, 0.03, 0.4, 3.0, 50.0]).double()
    errors = []
    for width in widths:
        scores = ((query[:, None] - x) / width).square() / -2
        if leave_out:
            scores.fill_diagonal_(-torch.inf)
        errors.append((torch.softmax(scores, 1) @ y - target).square().sum())
    found = bandwidth._Task(x, y, query, target, leave_out=leave_out).squared_errors(widths)
    torch.testing.assert_close(found, torch.stack(errors), rtol=1e-11, atol=0)
    assert stretched


def test_stretches():
    query = torch.linspace(0, 10, 1009, dtype=torch.float64)
    close = nearby.stretches(query, 1.0)
    assert close is not None and close[0].start == 0 and close[-1].stop == 1009
    assert all(before.stop == after.start for before, after in pairwise(close))
    assert all(query[block][-1] - query[block][0] <= 1 for block in close) and len(close) == 11
    beside = torch.cat([query.new_tensor([-1e16]), query])  # all at one distance from it, to the last digit
    assert nearby.stretches(beside, 1.0) is None
    assert nearby.stretches(query, 0.1) is None and nearby.stretches(query[:0], 1.0) is None
