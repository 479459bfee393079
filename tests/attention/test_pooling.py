"""The baselines: average, maximum and a fully connected layer in place of attention."""

import math

import pytest
import torch

from attnrun.attention import (
    FullyConnected,
    Max,
    Uniform,
    attend,
    causal_mask,
    lengths_mask,
    pooling,
    sparsemax,
)

B, H, N, M, D, DK, V = 2, 3, 5, 7, 11, 13, 17
MASKS = {
    "none": torch.tensor(True),
    "lengths": lengths_mask(torch.tensor([0, 4]), M),
    "causal": causal_mask(N, M),
    "scattered": torch.rand(B, N, M, generator=torch.Generator().manual_seed(5)) < 0.4,
    "nothing": torch.tensor(False),
}


def inputs(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [torch.randn(B, *shape, dtype=dtype) for shape in ((N, D), (M, DK), (M, V))]


def max_loop(value: torch.Tensor, allowed: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Greatest values (B, N, V), shares (B, N, M) and the gradient of the values' sum (B, M, V)."""
    greatest, shares = torch.zeros(B, N, V).double(), torch.zeros(B, N, M).double()
    gradient = torch.zeros(B, M, V).double()
    for b in range(B):
        for n in range(N):
            keys = [m for m in range(M) if allowed[b, n, m]]
            for v in range(V if keys else 0):
                best = max(keys, key=lambda m: value[b, m, v].item())  # the first of equal ones
                greatest[b, n, v] = value[b, best, v]
                shares[b, n, best] += 1 / V
                gradient[b, best, v] += 1
    return greatest, shares, gradient


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("block", [1, 2**20])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_max_equals_the_loop(monkeypatch, mask, block, ties):
    monkeypatch.setattr(pooling, "BLOCK", block)
    query, key, value = inputs()
    value = value.round() if ties else value
    value.requires_grad_()
    context, weights = attend(Max(D, DK), query, key, value, mask, need_weights=True)
    greatest, shares, gradient = max_loop(value.detach(), mask.expand(B, N, M))
    assert torch.equal(context, greatest)
    torch.testing.assert_close(weights, shares, rtol=0, atol=1e-12)
    context.sum().backward()
    assert torch.equal(value.grad, gradient)


def test_max_is_taken_over_keys_of_a_weight_above_zero():
    query, key, value = inputs()

    def second(scores, mask):
        return torch.eye(M, dtype=scores.dtype)[1].expand_as(scores) * 0.3

    context, weights = attend(Max(D, DK), query, key, value, normaliser=second, need_weights=True)
    torch.testing.assert_close(context, value[:, 1:2].expand(B, N, V))
    torch.testing.assert_close(weights[..., 1], torch.ones(B, N).double())
    every, _ = attend(Max(D, DK), query, key, value, normaliser=sparsemax)
    assert torch.equal(every, value.amax(-2, keepdim=True).expand(B, N, V))


def test_max_of_negative_values_is_not_the_padding():
    query, key, value = inputs()
    context, _ = attend(Max(D, DK), query, key, -value.abs(), torch.tensor([3, 5]))
    assert (context < 0).all()


def test_dropout_takes_keys_from_the_maximum_but_not_from_the_weights():
    query, key, value = torch.ones(1, 997, D), torch.ones(1, M, D), torch.ones(1, M, V)
    attended = (Max(D, D), query, key, value, torch.tensor([1]))  # a single key
    context, weights = attend(*attended, dropout=0.25, training=True, need_weights=True)
    assert 0.65 < (context[0, :, 0] == 1).float().mean() < 0.85
    assert ((context == 0) | (context == 1)).all()
    torch.testing.assert_close(weights[..., 0], torch.ones(1, 997))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_leading_axes_broadcast_and_types_stay(dtype):
    query, key, value = inputs(dtype)
    shares = attend(Max(D, DK), query[:, None], key[None], value[None], need_weights=True)
    assert shares[0].shape == (B, B, N, V)
    assert shares[1].shape == (B, B, N, M)
    assert shares[0].dtype == shares[1].dtype == dtype
    assert torch.equal(shares[0][1, 0, 3], value[0].amax(0))
    values = value.expand(H, B, M, V)  # more leading axes than query and key
    assert attend(Max(D, DK), query, key, values)[0].shape == (H, B, N, V)


@pytest.mark.parametrize("score", [Uniform, Max, FullyConnected])
def test_what_query_and_keys_hold_has_no_part(score):
    score, (query, key, value) = score(D, DK).double(), inputs()
    found = attend(score, query, key, value, MASKS["scattered"])[0]
    other = attend(score, torch.randn_like(query), torch.randn_like(key), value, MASKS["scattered"])[0]
    assert torch.equal(found, other)


@pytest.mark.parametrize("score", [Uniform, Max, FullyConnected])
def test_no_keys_at_all(score):
    query, key, value = inputs()
    made = attend(score(D, DK).double(), query, key[:, :0], value[:, :0], need_weights=True)
    assert torch.equal(made[0], torch.zeros(B, N, V).double())
    assert made[1].shape == (B, N, 0)


def test_fully_connected_is_a_learned_layer_over_the_places():
    score, (query, key, value) = FullyConnected(D, DK, maximum_length=M + 2).double(), inputs()
    mask = lengths_mask(torch.tensor([4, M]), M)
    context, weights = attend(score, query, key, value, mask, need_weights=True)
    powers = [[math.exp(b) * (m < length) for m, b in enumerate(score.b.tolist()[:M])] for length in (4, M)]
    rows = torch.tensor([[p / sum(row) for p in row] for row in powers]).double()
    torch.testing.assert_close(weights, rows[:, None].expand(B, N, M), rtol=0, atol=1e-7)
    torch.testing.assert_close(context, weights @ value, rtol=0, atol=1e-12)
    context.square().sum().backward()
    assert (score.b.grad[:M] != 0).all()
    assert (score.b.grad[M:] == 0).all()


def test_a_permitted_value_may_be_infinite():
    value = torch.tensor([[5.0], [-torch.inf], [-torch.inf]])
    mask = torch.tensor([[False, True, True], [True, False, False]])
    context, _ = attend(Max(1, 1), torch.zeros(2, 1), torch.zeros(3, 1), value, mask)
    assert context.tolist() == [[-torch.inf], [5.0]]
