"""Scores whose features of all pairs are large: made in blocks, they are the same."""

import copy
import math

import pytest
import torch

from attnrun.attention import Additive, Concat, Gaussian, Score, Triangular, additive, kernels
from attnrun.attention.scores import LARGE

B, H, N, M, D, DK, P = 2, 3, 5, 7, 11, 13, 19
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
PAIRS = {
    "additive": Additive(D, DK, hidden=P),
    "concat": Concat(D, DK, hidden=P),
    "gaussian": Gaussian(D, D, width=2.0, learned=True),
    "triangular": Triangular(D, D, width=19.0),
}


def blockwise(score: Score, *inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Scores, and the gradients of a fixed mixture of them in inputs and parameters."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    scores = score(*leaves)
    upstream = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1)).to(scores.dtype)
    return scores.detach(), list(torch.autograd.grad(scores, [*leaves, *score.parameters()], upstream))


def pair_inputs(score: Score, dtype: torch.dtype, broadcast: bool) -> list[torch.Tensor]:
    lead = ((H, 1), (B,)) if broadcast else ((B,), (B,))
    sizes = ((N, score.query_size), (M, score.key_size))
    return [torch.randn(*some, *size, dtype=dtype) for some, size in zip(lead, sizes, strict=True)]


@pytest.mark.parametrize("broadcast", [False, True])
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("block", [1, 2 * M * P, 3 * M * P * N, 8 * 2 * B * H * M * D])
@pytest.mark.parametrize("name", PAIRS)
def test_scores_made_in_blocks_are_the_same(monkeypatch, name, block, dtype, broadcast):
    score = copy.deepcopy(PAIRS[name]).double()
    inputs = pair_inputs(score, torch.float64, broadcast)
    expected = blockwise(score, *inputs)
    for module in (additive, kernels):
        monkeypatch.setattr(module, "LARGE", 0)
        monkeypatch.setattr(module, "BLOCK", block)
    found = blockwise(score.to(dtype), *(tensor.to(dtype) for tensor in inputs))
    assert found[0].dtype == dtype
    torch.testing.assert_close(found[0].double(), expected[0], rtol=0, atol=EXACT[dtype])
    for gradient, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(gradient.double(), other, rtol=1e-5, atol=EXACT[dtype])


@pytest.mark.parametrize("name", ["additive", "gaussian"])
def test_gradcheck_of_blocks(monkeypatch, name):
    for module in (additive, kernels):
        monkeypatch.setattr(module, "LARGE", 0)
        monkeypatch.setattr(module, "BLOCK", 2 * M * P)
    score = copy.deepcopy(PAIRS[name]).double()
    inputs = [tensor.requires_grad_() for tensor in pair_inputs(score, torch.float64, True)]
    assert torch.autograd.gradcheck(score, inputs)


@pytest.mark.parametrize("scale", [1e-6, 30.0, 300.0, 1e30])
def test_sums_of_any_size(monkeypatch, scale):
    """A query and a key far out may cancel each other, and tanh has no exponential to overflow."""
    monkeypatch.setattr(additive, "LARGE", 0)
    score = copy.deepcopy(PAIRS["additive"]).double()
    query, key = (scale * tensor for tensor in pair_inputs(score, torch.float64, False))
    key[0, 0] = torch.linalg.lstsq(
        score.W_k.weight, -score.W_q.weight @ query[0, 0]
    ).solution  # they nearly cancel
    sums = score.W_q(query)[:, :, None] + score.W_k(key)[:, None]
    found = blockwise(score, query, key)
    torch.testing.assert_close(found[0], score.v(sums.tanh())[..., 0].detach(), rtol=0, atol=1e-10)
    assert all(gradient.isfinite().all() for gradient in found[1])


def test_one_query_that_is_not_a_number_spoils_its_own_scores_alone(monkeypatch):
    monkeypatch.setattr(additive, "LARGE", 0)
    score = copy.deepcopy(PAIRS["additive"])
    query, key = pair_inputs(score, torch.float32, False)
    expected = score(query, key)
    query[1, 2, 3] = torch.nan
    found = score(query, key)
    assert found[1, 2].isnan().all()
    found[1, 2] = expected[1, 2]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_large_scores_hold_no_tensor_of_all_features_of_all_pairs(name):
    score, long = copy.deepcopy(PAIRS[name]), 499  # 499² pairs of 11 features and more: 10 MiB
    features = P if name in ("additive", "concat") else D
    query, key = torch.randn(2, long, score.query_size), torch.randn(2, long, score.key_size)
    kept: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        scores = score(query.requires_grad_(), key.requires_grad_())
    assert scores.numel() * features * 4 > LARGE
    assert max(kept, default=0) <= scores.numel()


@pytest.mark.parametrize("name", ["additive", "concat"])
def test_blocks_of_half_types_and_under_autocast(monkeypatch, name):
    monkeypatch.setattr(additive, "LARGE", 0)
    score = copy.deepcopy(PAIRS[name])
    inputs = pair_inputs(score, torch.float32, False)
    exact = blockwise(score, *inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = blockwise(score, *inputs)
    half = blockwise(score.bfloat16(), *(tensor.bfloat16() for tensor in inputs))
    for scores, found in (cast, half):
        assert scores.dtype == torch.bfloat16
        torch.testing.assert_close(scores.float(), exact[0], rtol=0, atol=2e-2)
        for gradient, expected in zip(found, exact[1], strict=True):
            torch.testing.assert_close(gradient.float(), expected, rtol=0.1, atol=0.05)


def test_blocks_are_as_exact_under_autocast(monkeypatch):
    score = Additive(16, 16, hidden=131)
    score.v.weight.data.abs_()  # the sum of the rests is then far greater than what the scores differ by
    query, key = torch.randn(2, 19, 16) * 0.01, torch.randn(2, 29, 16) * 0.01
    exact = score(query, key)
    monkeypatch.setattr(additive, "LARGE", 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = score(query, key)
    assert float((made - exact).abs().max().detach()) < 0.1 * float(exact.std().detach())


@torch.no_grad()
def test_a_nan_among_the_keys_does_not_bring_exponentials_out_of_their_range(monkeypatch):
    monkeypatch.setattr(additive, "LARGE", 0)
    score = Additive(1, 1, hidden=1)
    for layer in (score.W_q, score.W_k, score.v):
        layer.weight.data.fill_(1.0)
    found = score(torch.tensor([[-40.0]]), torch.tensor([[44.5], [math.nan]]))
    assert float(found[0, 0]) == pytest.approx(math.tanh(4.5), abs=1e-6) and found[0, 1].isnan()
