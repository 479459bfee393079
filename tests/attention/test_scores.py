"""Each score against its formula, written out number by number."""

import math
from collections.abc import Callable

import pytest
import torch

import attnrun.attention
from attnrun.attention import (
    Additive,
    Boxcar,
    Concat,
    Cosine,
    Dot,
    Epanechnikov,
    FullyConnected,
    Gaussian,
    General,
    LinearKernel,
    Location,
    ScaledDot,
    Score,
    Triangular,
)
from attnrun.errors import UserError

B, H, N, M, D, DK, P = 2, 3, 5, 7, 11, 13, 19
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
Vector = list[float]


def dot(a: Vector, b: Vector) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def product(matrix: list[Vector], vector: Vector) -> Vector:
    return [dot(row, vector) for row in matrix]


def additive(score: Additive, q: Vector, k: Vector) -> float:
    w_q, w_k, (v,) = score.W_q.weight.tolist(), score.W_k.weight.tolist(), score.v.weight.tolist()
    return dot(v, [math.tanh(a + b) for a, b in zip(product(w_q, q), product(w_k, k), strict=True)])


def concat(score: Concat, q: Vector, k: Vector) -> float:
    return dot(score.v.weight.tolist()[0], [math.tanh(x) for x in product(score.W.weight.tolist(), q + k)])


def cosine(score: Cosine, q: Vector, k: Vector) -> float:
    strength = score.strength if score.log_strength is None else score.log_strength.exp().item()
    return strength * dot(q, k) / (math.hypot(*q) * math.hypot(*k))


def linear(score: LinearKernel, q: Vector, k: Vector) -> float:
    phi = {"elu": lambda x: math.exp(x) if x < 0 else x + 1, "relu": lambda x: max(x, 0)}[score.feature]
    return math.log(dot([phi(x) for x in q], [phi(x) for x in k]))


def log_kernel(kernel: Callable[[float], float]) -> Callable[[Score, Vector, Vector], float]:
    def scored(score: Score, q: Vector, k: Vector) -> float:
        density = kernel(math.dist(q, k) * torch.as_tensor(score.w).item())
        return math.log(density) if density > 0 else -math.inf

    return scored


FORMULAS = {
    "Uniform": lambda score, q, k: 0.0,
    "Max": lambda score, q, k: 0.0,
    "Dot": lambda score, q, k: dot(q, k),
    "ScaledDot": lambda score, q, k: dot(q, k) / math.sqrt(len(q)),
    "General": lambda score, q, k: dot(q, product(score.W.weight.tolist(), k)),
    "Additive": additive,
    "Concat": concat,
    "Cosine": cosine,
    "LinearKernel": linear,
    "Gaussian": log_kernel(lambda u: math.exp(-u * u / 2)),
    "Boxcar": log_kernel(lambda u: float(u < 1)),
    "Triangular": log_kernel(lambda u: 1 - u),
    "Epanechnikov": log_kernel(lambda u: 1 - u * u),
}


# Of scores by place: the score of query q and the key at place m.
PLACES = {
    "Location": lambda score, q, m: dot(score.W.weight.tolist()[m], q),
    "FullyConnected": lambda score, q, m: score.b.tolist()[m],
}


def pairwise(score: Score, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Scores one pair at a time: by formula, or by the score itself where this file does not know it."""
    name = type(score).__name__

    def one(q: torch.Tensor, keys: torch.Tensor, m: int) -> float:
        if name in FORMULAS:
            return FORMULAS[name](score, q.tolist(), keys[m].tolist())
        if name in PLACES:
            return PLACES[name](score, q.tolist(), m)
        return score(q[None], keys[: m + 1])[0, m].item()

    rows = [[[one(q, ks, m) for m in range(len(ks))] for q in qs] for qs, ks in zip(query, key, strict=True)]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("dtype", EXACT)
def test_equals_its_formula(recipe, dtype):
    score, (query, key, _) = recipe.build(dtype), recipe.inputs(dtype)
    scores = score(query, key)
    assert scores.dtype == dtype
    expected = pairwise(score.double(), query.double(), key.double())
    torch.testing.assert_close(scores.double(), expected, rtol=0, atol=EXACT[dtype])


def test_inputs_reach_both_sides_of_a_compact_support(recipe):
    query, key, _ = recipe.inputs()
    scores = recipe.build()(query, key)
    assert scores.isfinite().any(-1).sum() > B  # otherwise the tests above compare -inf with -inf


def test_projected_once_is_the_same(recipe):
    score, (query, key, _) = recipe.build(), recipe.inputs()
    projected = score.project_keys(key)
    assert projected.shape[-2] == M
    before = {name: id(value) for name, value in vars(score).items()}
    for step in range(N):
        one = score.score_projected(query[:, step : step + 1], projected)
        torch.testing.assert_close(one, score(query, key)[:, step : step + 1], rtol=0, atol=1e-12)
    assert {name: id(value) for name, value in vars(score).items()} == before  # nothing kept inside


def test_leading_axes_broadcast(recipe):
    score, (query, key, _) = recipe.build(), recipe.inputs()
    scores = score(query[:, None], key[None])  # (B, 1, N, D) and (1, B, M, Dk)
    assert scores.shape == (B, B, N, M)
    torch.testing.assert_close(scores[1, 0], score(query[1], key[0]), rtol=0, atol=1e-12)
    assert score(query[0], key[0]).shape == (N, M)


@pytest.mark.parametrize("role", ["query", "key"])
def test_features_of_another_size_are_refused(recipe, role):
    score, (query, key, _) = recipe.build(), recipe.inputs()
    # a single feature would broadcast in silence
    given = {"query": query, "key": key} | {role: torch.zeros(B, 3, 1, dtype=torch.float64)}
    with pytest.raises(ValueError, match=rf"built for {role} size .*\(2, 3, 1\)"):
        score(**given)


@pytest.mark.parametrize(
    "score", [Dot, ScaledDot, Cosine, LinearKernel, Gaussian, Boxcar, Triangular, Epanechnikov]
)
def test_unlike_sizes_are_refused_with_what_would_work(score):
    with pytest.raises(UserError, match=r"20.*size 2;.*'additive' and 'general'") as refused:
        score(20, 2)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("score", [Additive, Concat, General, Location, FullyConnected])
def test_unlike_sizes_where_the_paper_has_them(score):
    assert score(D, DK)(torch.randn(B, N, D), torch.randn(B, M, DK)).shape == (B, N, M)


def test_concat_is_additive_with_its_matrices_side_by_side():
    one, two = Concat(D, DK, hidden=P).double(), Additive(D, DK, hidden=P).double()
    one.W.weight.data.copy_(torch.cat([two.W_q.weight, two.W_k.weight], 1))
    one.v.weight.data.copy_(two.v.weight)
    query, key = torch.randn(B, N, D, dtype=torch.float64), torch.randn(B, M, DK, dtype=torch.float64)
    torch.testing.assert_close(one(query, key), two(query, key), rtol=0, atol=1e-12)


def test_a_cosine_is_blind_to_length_and_bounded_by_its_strength():
    score = Cosine(D, D, strength=3.0, learned=False).double()
    query, key = torch.randn(N, D, dtype=torch.float64), torch.randn(M, D, dtype=torch.float64)
    scores = score(query, key)
    torch.testing.assert_close(score(7 * query, 0.01 * key), scores, rtol=0, atol=1e-12)
    assert scores.abs().max() < 3
    torch.testing.assert_close(score(query, query).diagonal(), torch.full((N,), 3.0).double())
    torch.testing.assert_close(score(query, -query).diagonal(), torch.full((N,), -3.0).double())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [0.0, 1e-7])
def test_a_cosine_with_a_vector_of_zeros_is_zero(dtype, size):
    query = torch.cat([torch.ones(1, D), torch.zeros(1, D)]).to(dtype).requires_grad_()
    key = torch.tensor([size, 0.0, 1.0], dtype=dtype)[:, None].repeat(1, D).requires_grad_()
    score = Cosine(D, D, strength=2.0).to(dtype)
    scores = score(query, key)
    assert (scores[1] == 0).all()
    assert scores[0, 1] == 0
    short = 2.0 * bool(size) if dtype != torch.float16 else 0.0  # float16 could not hold its gradient
    assert scores[0].tolist() == pytest.approx([short, 0, 2], abs=0.02)
    found = torch.autograd.grad(scores.square().sum(), [query, key, *score.parameters()])
    assert all(gradient.isfinite().all() for gradient in found)


def test_the_strength_of_a_cosine_stays_positive():
    score = Cosine(D, D, strength=0.5)
    assert score.log_strength.exp().item() == pytest.approx(0.5)
    score.log_strength.data.fill_(-9)  # as far as a step may go
    assert 0 < score(torch.ones(1, D), torch.ones(1, D)).item() < 1e-3
    assert not list(Cosine(D, D, learned=False).parameters())
    with pytest.raises(ValueError, match="positive, got -1"):
        Cosine(D, D, strength=-1.0)


def test_location_looks_at_places_and_not_at_keys():
    score = Location(D, DK, maximum_length=M).double()
    query, key = torch.randn(B, N, D, dtype=torch.float64), torch.randn(B, M, DK, dtype=torch.float64)
    scores = score(query, key)
    assert torch.equal(score(query, torch.randn_like(key)), scores)
    torch.testing.assert_close(score(query, key[:, :4]), scores[..., :4], rtol=0, atol=1e-12)
    assert (scores[..., 1:] - scores[..., :-1]).abs().min() > 0


@pytest.mark.parametrize(("kind", "name"), [(Location, "location"), (FullyConnected, "fully-connected")])
def test_scores_by_place_refuse_more_keys_than_they_have_places(kind, name):
    score = kind(D, DK, maximum_length=M)
    told = rf"'{name}': 8 keys .*attention.maximum_length=7; raise it"
    with pytest.raises(UserError, match=told) as refused:
        score(torch.zeros(B, N, D), torch.zeros(B, M + 1, DK))
    assert "\n" not in str(refused.value)


def test_a_score_says_whether_the_order_of_its_keys_matters(recipe):
    score, (query, key, _) = recipe.build(), recipe.inputs()
    order = torch.randperm(M)
    permuted = torch.allclose(score(query, key[:, order]), score(query, key)[..., order])
    assert permuted != score.by_place


def test_additive_and_general_have_no_bias():
    assert {n: tuple(p.shape) for n, p in Additive(D, DK, hidden=P).named_parameters()} == {
        "W_q.weight": (P, D),
        "W_k.weight": (P, DK),
        "v.weight": (1, P),
    }
    assert {n: tuple(p.shape) for n, p in General(D, DK).named_parameters()} == {"W.weight": (D, DK)}


@pytest.mark.parametrize("kernel", [Gaussian, Boxcar, Triangular, Epanechnikov])
def test_the_width_is_the_unit_of_distance(kernel):
    query, key = torch.rand(N, D, dtype=torch.float64), torch.rand(M, D, dtype=torch.float64)
    wide, unit = kernel(D, D, width=3.0), kernel(D, D)
    torch.testing.assert_close(wide(3 * query, 3 * key), unit(query, key), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="positive, got 0"):
        kernel(D, D, width=0.0)


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (Boxcar, [1.0, 1, 1, 0, 0]),
        (Triangular, [1, 0.75, 0.5, 0, 0]),
        (Epanechnikov, [1, 0.9375, 0.75, 0, 0]),
    ],
)
def test_compact_kernels_at_known_distances(kernel, expected):
    key = torch.tensor([[0.0], [0.5], [-1.0], [2.0], [2.5]])
    scores = kernel(1, 1, width=2.0)(torch.zeros(1, 1), key)
    torch.testing.assert_close(scores.exp(), torch.tensor([expected]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kernel", [Triangular, Epanechnikov])
def test_a_key_just_inside_the_edge_does_no_harm(kernel, dtype):
    largest = 1 - torch.finfo(dtype).eps / 2
    squared = torch.tensor([largest, 0.25], dtype=dtype, requires_grad=True)
    weights = attnrun.attention.masked_softmax(kernel(1, 1).log_kernel(squared))
    weights[0].backward()
    assert squared.detach()[0] < 1
    assert weights.isfinite().all() and weights[1] > 0
    assert squared.grad.isfinite().all()


@pytest.mark.parametrize("kernel", [Boxcar, Triangular, Epanechnikov])
@pytest.mark.parametrize("size", [1, D])
def test_gradients_of_compact_kernels_are_finite_at_the_tip_and_outside(kernel, size):
    query = torch.zeros(1, size, requires_grad=True)
    key = torch.zeros(3, size)
    key[1, 0], key[2, 0] = 0.5, 4.0
    weights = attnrun.attention.masked_softmax(kernel(size, size)(query, key))
    (weights @ torch.tensor([1.0, 2.0, 100.0]) + 0 * query.sum()).sum().backward()
    assert query.grad.isfinite().all()


def test_a_gaussian_of_a_fixed_width_has_nothing_to_train():
    assert not Gaussian(1, 1, width=3.0).state_dict()
    assert Gaussian(1, 1, width=4.0, learned=True).w.item() == 0.25


def test_the_textbook_draws_the_learned_width():
    drawn = torch.stack([Gaussian(1, 1, learned=True, initial="uniform").w.detach() for _ in range(199)])
    assert 0 <= drawn.min() < 0.1
    assert 0.9 < drawn.max() <= 1
    with pytest.raises(UserError, match="learned=true"):
        Gaussian(1, 1, initial="uniform")


def test_gradient_of_the_learned_width():
    score = Gaussian(D, D, width=2.0, learned=True).double()
    query, key = torch.randn(N, D, dtype=torch.float64), torch.randn(M, D, dtype=torch.float64)
    score(query, key).sum().backward()
    expected = -torch.cdist(query, key).square().sum() * 0.5  # d(-r² w² / 2)/dw = -r² w, w = 1/2
    torch.testing.assert_close(score.w.grad, expected)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_a_gaussian_far_from_the_origin_stays_exact(offset):
    query = offset + 5 * torch.rand(29, 1)
    key = offset + 5 * torch.rand(31, 1)
    score = Gaussian(1, 1, width=0.1)
    weights = score(query, key).softmax(-1)
    exact = score(query.double(), key.double()).softmax(-1)
    torch.testing.assert_close(weights.double(), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_and_autocast(recipe, dtype):
    score, (query, key, _) = recipe.build(torch.float32), recipe.inputs(torch.float32)
    exact = score(query, key).softmax(-1)
    with torch.autocast("cpu", dtype=dtype):
        scored = score(query, key)
    torch.testing.assert_close(scored.float().softmax(-1), exact, rtol=0, atol=2e-2, equal_nan=True)
    scored = score.to(dtype)(query.to(dtype), key.to(dtype))
    assert scored.dtype == dtype
