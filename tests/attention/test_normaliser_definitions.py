"""Normalisers against their definitions: number by number in float64, closed forms, and their papers."""

import functools
import math

import pytest
import torch

from attnrun.attention import entmax15, masked_sigmoid, masked_softmax, sparsemax, top_k_softmax
from tests.attention.masked_rows import DTYPES, ROUNDING, B, M, N, random_mask, random_scores

# The references: number by number, in float64


def loop_entmax(scores, permitted, alpha):
    """w = [(α - 1) z - τ]₊^(1 / (α - 1)), τ by bisection (Peters et al. 2019, equation 4 and algorithm 1)."""
    kept = [(alpha - 1) * s for s, p in zip(scores, permitted, strict=True) if p and s != -math.inf]
    if not kept:
        return [0.0] * len(scores)
    kept = [
        z - max(kept) for z in kept
    ]  # a shift keeps the last digits of the threshold where scores are far

    def weight(z, threshold):
        return max(z - threshold, 0.0) ** (1 / (alpha - 1))

    low, high = -1.0, 0.0
    for _ in range(100):
        middle = (low + high) / 2
        too_low = math.fsum(weight(z, middle) for z in kept) > 1
        low, high = (middle, high) if too_low else (low, middle)
    weights = iter([weight(z, high) for z in kept])
    return [next(weights) if p and s != -math.inf else 0.0 for s, p in zip(scores, permitted, strict=True)]


def loop_sigmoid(scores, permitted):
    count = sum(p and s != -math.inf for s, p in zip(scores, permitted, strict=True))
    pairs = zip(scores, permitted, strict=True)
    return [1 / (1 + math.exp(math.log(count) - s)) if p and s != -math.inf else 0.0 for s, p in pairs]


def loop_top_k(scores, permitted, k):
    kept = sorted((s for s, p in zip(scores, permitted, strict=True) if p and s != -math.inf), reverse=True)
    powers = [math.exp(s) if p and s in kept[:k] else 0.0 for s, p in zip(scores, permitted, strict=True)]
    return [power / (math.fsum(powers) or 1.0) for power in powers]


REFERENCES = [
    (sparsemax, functools.partial(loop_entmax, alpha=2.0)),
    (entmax15, functools.partial(loop_entmax, alpha=1.5)),
    (masked_sigmoid, loop_sigmoid),
    (functools.partial(top_k_softmax, k=3), functools.partial(loop_top_k, k=3)),
    (functools.partial(top_k_softmax, k=1), functools.partial(loop_top_k, k=1)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
@pytest.mark.parametrize(("normaliser", "reference"), REFERENCES)
def test_equals_the_definition(normaliser, reference, spread, dtype):
    scores, mask = random_scores(B, N, M, dtype=dtype, spread=spread), random_mask()
    scores[0, 1, 2] = scores[1, 3] = -torch.inf
    weights = normaliser(scores, mask)
    rows = zip(scores.double().view(-1, M).tolist(), mask.view(-1, M).tolist(), strict=True)
    expected = torch.tensor([reference(*row) for row in rows], dtype=torch.float64).view(B, N, M)
    assert weights.dtype == dtype
    torch.testing.assert_close(weights.double(), expected, rtol=0, atol=ROUNDING[dtype])
    assert expected.sum() > 5


@pytest.mark.parametrize("alpha", [1.5, 2.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_long_rows_and_far_scores_lose_nothing(alpha, dtype):
    normaliser, keys = {1.5: entmax15, 2.0: sparsemax}[alpha], 997
    near = torch.full((1, keys), -1 / (alpha - 1), dtype=torch.float64) + torch.rand(1, keys) * 2 / keys
    near[0, 3] = 0.0  # one key has nearly all the weight, hundreds share the rest
    for scores in (
        near,
        random_scores(1, keys, spread=0.01),
        random_scores(1, keys) + 1e4,
        random_scores(1, keys) * 1e4,
    ):
        given = scores.to(dtype)
        weights = normaliser(given)
        expected = torch.tensor([loop_entmax(given[0].tolist(), [True] * keys, alpha)], dtype=torch.float64)
        torch.testing.assert_close(weights.double(), expected, rtol=0, atol=ROUNDING[dtype])
        assert weights.double().sum().item() == pytest.approx(1, abs=10 * ROUNDING[dtype])


@pytest.mark.parametrize("apart", [0.0, 0.3, 0.99, 1.0, 1.5, 2.0, 7.0])
def test_two_keys_have_closed_forms(apart):
    scores = torch.tensor([0.0, apart], dtype=torch.float64)
    half = min(apart, 2.0) / 2  # √w₂ - √w₁, where w₁ + w₂ = 1
    expected = {
        sparsemax: min((1 + apart) / 2, 1.0),
        entmax15: ((half + math.sqrt(2 - half**2)) / 2) ** 2,
    }
    for normaliser, larger in expected.items():
        weights = normaliser(scores).tolist()
        assert weights == pytest.approx([1 - larger, larger], abs=1e-12)
        assert (weights[0] == 0) == (larger == 1)
    softmax, between, sparse = (f(scores)[1].item() for f in (masked_softmax, entmax15, sparsemax))
    assert (softmax < between < sparse) or apart == 0 or (softmax < between <= sparse == 1)


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    scores = random_scores(101, M)
    nearest = sparsemax(scores)
    others = torch.distributions.Dirichlet(torch.full((M,), 0.3, dtype=torch.float64)).sample((211, 101))
    assert ((scores - nearest).norm(dim=-1) <= (scores - others).norm(dim=-1)).all()
    torch.testing.assert_close(sparsemax(nearest), nearest, rtol=0, atol=1e-12)  # a projection


def test_entmax_maximises_its_entropy():
    """w = argmax w · z + H(w), with the Tsallis entropy H(w) = Σ (w - w^1.5) / 0.75 of α = 1.5."""

    def objective(weights):
        return (weights * scores).sum(-1) + (weights - weights**1.5).sum(-1) / 0.75

    scores = random_scores(101, M)
    best = entmax15(scores)
    others = torch.distributions.Dirichlet(torch.full((M,), 0.5, dtype=torch.float64)).sample((211, 101))
    near = (best * torch.empty(211, 101, M, dtype=torch.float64).uniform_(0.9, 1.1)).clamp(min=1e-4)
    assert (objective(best) >= objective(others)).all()
    assert (objective(best) > objective(near / near.sum(-1, keepdim=True))).all()


def test_sparsemax_leaves_out_more_than_entmax_and_softmax_nothing():
    scores = random_scores(101, 53)
    softmax, between, sparse = (f(scores) > 0 for f in (masked_softmax, entmax15, sparsemax))
    assert softmax.all()
    assert not (sparse & ~between).any()
    assert 101 <= sparse.sum() < between.sum() < 101 * 53 / 2
    largest = [f(scores).amax(-1) for f in (masked_softmax, entmax15, sparsemax)]
    assert (largest[0] < largest[1]).all()
    assert (largest[1] <= largest[2]).all()


def test_the_bias_of_the_sigmoid():
    scores, lengths = random_scores(B, N, M), torch.tensor([3, 0])
    given = masked_sigmoid(scores, lengths, bias=-0.5)
    torch.testing.assert_close(given[0, :, :3], (scores[0, :, :3] - 0.5).sigmoid())
    assert (given[0, :, 3:] == 0).all()
    assert (given[1] == 0).all()
    torch.testing.assert_close(masked_sigmoid(scores), (scores - math.log(M)).sigmoid())
    assert masked_sigmoid(torch.zeros(4), bias=0.0).tolist() == [0.5] * 4
    counted = masked_sigmoid(torch.zeros(2, 3), torch.tensor([[True, True, False], [True] * 3]))
    torch.testing.assert_close(counted, torch.tensor([[1 / 3, 1 / 3, 0], [0.25] * 3]))  # 1 / (1 + M)


def test_top_k_keeps_what_ties_for_the_last_place():
    scores = torch.tensor([2.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    weights = top_k_softmax(scores, k=2)
    torch.testing.assert_close(weights, masked_softmax(scores, scores > 0))
    assert top_k_softmax(scores, k=1).tolist() == [1, 0, 0, 0, 0]
    torch.testing.assert_close(top_k_softmax(scores, k=99), masked_softmax(scores))
    assert (top_k_softmax(torch.zeros(3, M), k=2) == 1 / M).all()


def test_top_k_ranks_the_permitted_alone():
    scores = torch.tensor([9.0, 3.0, 2.0, 1.0, 0.0])
    weights = top_k_softmax(scores, torch.tensor([False, True, True, True, True]), k=2)
    assert (weights > 0).tolist() == [False, True, True, False, False]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        top_k_softmax(scores, k=0)


# Gradients


@pytest.mark.parametrize(("normaliser", "root"), [(sparsemax, 0), (entmax15, 0.5)])
def test_the_jacobian_is_that_of_the_paper(normaliser, root):
    """Diag(s) - s sᵀ / Σ s, with s = w^(2 - α) on the support (Peters et al. 2019, section 3)."""
    scores = random_scores(M)
    weights = normaliser(scores)
    s = torch.where(weights > 0, weights**root, 0.0)
    assert 1 < (s > 0).sum() < M
    expected = torch.diag(s) - torch.outer(s, s) / s.sum()
    torch.testing.assert_close(torch.autograd.functional.jacobian(normaliser, scores), expected)


@pytest.mark.parametrize("normaliser", [sparsemax, entmax15])
@pytest.mark.parametrize("apart", [1.0, 2.0])
def test_on_the_edge_of_the_support_the_gradient_still_knows_no_constant(normaliser, apart):
    """Where a key leaves the support its derivative is one or the other, and a row's always sums to 0."""
    scores = torch.tensor([0.0, apart, 0.0], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(normaliser, scores)
    torch.testing.assert_close(jacobian.sum(-1), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(jacobian, jacobian.T)
