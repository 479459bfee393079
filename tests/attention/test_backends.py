"""Fused contexts against the eager reference, itself held to a loop in test_attend."""

import math
from collections.abc import Iterator

import pytest
import torch

from attnrun.attention import (
    Alibi,
    Backend,
    Cosine,
    Dot,
    Gaussian,
    General,
    LinearKernel,
    ScaledDot,
    Score,
    attend,
    backend,
    backends,
    causal_mask,
    lengths_mask,
)

B, H, N, M, D, V = 2, 3, 11, 13, 5, 7
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
DOTS = {
    "dot": lambda: Dot(D, D),
    "scaled dot": lambda: ScaledDot(D, D),
    "general": lambda: General(D, D),
    "cosine": lambda: Cosine(D, D, strength=3.0),
    "gaussian": lambda: Gaussian(D, D, width=2.0, learned=True),
    "fixed gaussian": lambda: Gaussian(D, D),
}
FUSED = DOTS | {
    "linear": lambda: LinearKernel(D, D),
    "relu": lambda: LinearKernel(D, D, feature="relu"),
}
KEY_MASKS = {
    "none": None,
    "lengths": torch.tensor([6, 0]),
    "keys": torch.rand(M, generator=torch.Generator().manual_seed(2)) < 0.5,
    "nothing": torch.tensor([[[[False]]]]),
}
MASKS = KEY_MASKS | {
    "causal": causal_mask(N, M),
    "queries": (torch.arange(N) % 3 > 0).view(N, 1),
    "heads": torch.rand(H, N, M, generator=torch.Generator().manual_seed(3)) < 0.4,
    "scattered": torch.rand(B, 1, N, M, generator=torch.Generator().manual_seed(4)) < 0.2,
}
CASES = [(s, m) for s in FUSED for m in (MASKS if s in DOTS else KEY_MASKS)]


def inputs(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [torch.randn(B, H, *rest).to(dtype) for rest in ((N, D), (M, D), (M, V))]


def outcome(
    name: Backend, score: Score, given: list[torch.Tensor], mask=None, **options
) -> list[torch.Tensor]:
    """The context, and its gradients in query, key, value and parameters."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in given]
    with backend(name):
        context, _ = attend(score, *leaves, mask, **options)
    upstream = torch.randn(context.shape, generator=torch.Generator().manual_seed(7)).to(context.dtype)
    wanted = [*leaves, *score.parameters()]
    return [context.detach(), *torch.autograd.grad(context, wanted, upstream)]


def assert_same(found: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        # a sum over all pairs, such as the gradient of a width, has an error of its own size
        torch.testing.assert_close(one.double(), other.double(), rtol=tolerance, atol=tolerance)


@pytest.fixture
def anything_pays(monkeypatch) -> Iterator[None]:
    """Let "auto" take fused code for inputs as small as those here."""
    monkeypatch.setattr(backends, "FEW_SCORES", 0)
    monkeypatch.setattr(backends, "FEW_QUERIES", 0)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize(("name", "mask"), CASES)
def test_fused_equals_eager(name, mask, dtype):
    score, given = FUSED[name]().double(), inputs()
    expected = outcome("eager", score, given, MASKS[mask])
    found = outcome("fused", score.to(dtype), [x.to(dtype) for x in given], MASKS[mask])
    assert {tensor.dtype for tensor in found} == {dtype}
    assert_same(found, expected, EXACT[dtype])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [name for name in FUSED if "gaussian" not in name])
def test_nothing_to_attend_to_gives_zero_context_and_zero_gradient(name, dtype):
    score = FUSED[name]().to(dtype)
    found = outcome("fused", score, inputs(dtype), torch.tensor([0, M]))
    assert all(tensor.isfinite().all() for tensor in found)
    assert all((tensor[0] == 0).all() for tensor in found[:4])
    assert all((tensor[1] != 0).any() for tensor in found[:4])
    found = outcome("fused", score, inputs(dtype), torch.tensor([0, 0]))
    assert all((tensor == 0).all() for tensor in found)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", FUSED)
def test_padding_does_not_leak(name, bad):
    score, clean = FUSED[name]().double(), inputs()
    dirty = [tensor.clone() for tensor in clean]
    dirty[1][0, :, 4:] = dirty[2][0, :, 4:] = bad
    for tensor in dirty:
        tensor[1] = bad
    expected, found = (outcome("fused", score, given, torch.tensor([4, 0])) for given in (clean, dirty))
    assert_same(found, expected, 1e-12)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", DOTS)
def test_a_bias_is_added(name, mask, dtype):
    score, given = DOTS[name]().double(), inputs()
    bias = Alibi(H * D, H).bias(N, M)
    expected = outcome("eager", score, given, MASKS[mask], bias=bias)
    found = outcome("fused", score.to(dtype), [x.to(dtype) for x in given], MASKS[mask], bias=bias)
    assert_same(found, expected, EXACT[dtype])


def test_a_bias_is_learned_and_may_forbid():
    score, given = ScaledDot(D, D).double(), inputs()
    bias = torch.randn(H, N, M).double()
    bias[:, 2] = bias[1, :, 3] = -torch.inf
    found, gradients = [], []
    for name in ("eager", "fused"):
        leaf = bias.clone().requires_grad_()
        with backend(name):
            context, _ = attend(score, *given, causal_mask(N, M), bias=leaf)
        found.append(context.detach())
        gradients += torch.autograd.grad(context.square().sum(), leaf)
    assert (found[1][:, :, 2] == 0).all()
    torch.testing.assert_close(*found, rtol=0, atol=1e-10)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", FUSED)
def test_projected_keys_serve_many_queries(name):
    score, (query, key, value) = FUSED[name]().double(), inputs()
    mask = lengths_mask(torch.tensor([0, 6]), M)[:, None]
    expected, _ = attend(score, query, key, value, mask)
    with backend("fused"):
        found, _ = attend(score, query, key, value, mask, projected=score.project_keys(key))
        step, _ = attend(score, query[..., 3:4, :], key, value, mask, projected=score.project_keys(key))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(step, expected[..., 3:4, :], rtol=0, atol=1e-10)


SHAPES = [
    ((), (), ()),
    ((B,), (B,), (B,)),
    ((B, 1), (H,), (B, 1)),
    ((2, 3, 5), (2, 3, 1), (2, 3, 1)),  # each head of keys and values serves five of queries
    ((2, 3, 1), (1, 1, 5), (3, 5)),
    ((1,), (B,), (H, 1)),
]


@pytest.mark.parametrize("leading", SHAPES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["scaled dot", "gaussian", "linear"])
def test_leading_axes_broadcast(name, masked, leading):
    score = FUSED[name]().double()
    given = [
        torch.randn(*lead, *rest).double()
        for lead, rest in zip(leading, ((N, D), (M, D), (M, V)), strict=True)
    ]
    shape = torch.broadcast_shapes(leading[0], leading[1])
    mask = torch.rand(*shape, 1, M) < 0.7 if masked else None
    found, expected = (outcome(choice, score, given, mask) for choice in ("fused", "eager"))
    assert_same(found, expected, 1e-10)


@pytest.mark.parametrize(("queries", "keys"), [(N, 0), (0, M), (1, 1)])
@pytest.mark.parametrize("choice", ["auto", "fused"])
@pytest.mark.parametrize("name", FUSED)
def test_short_sequences(name, choice, queries, keys):
    query, key, value = inputs(torch.float32)
    given = (query[..., :queries, :], key[..., :keys, :], value[..., :keys, :])
    expected, _ = attend(FUSED[name](), *given)
    with backend(choice):
        found, _ = attend(FUSED[name](), *given)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", [name for name in DOTS if "gaussian" not in name])
@pytest.mark.parametrize("few_keys", [True, False])
def test_half_types_and_autocast(monkeypatch, few_keys, name, biased, dtype):
    monkeypatch.setattr(backends, "MANY_KEYS", M + few_keys)
    score, given = DOTS[name](), inputs(torch.float32)
    options = {"bias": Alibi(H * D, H).bias(N, M)} if biased else {}
    mask = torch.tensor([0, 6])
    exact = outcome("eager", score, given, mask, **options)
    with torch.autocast("cpu", dtype=dtype):
        cast = outcome("fused", score, given, mask, **options)
    half = outcome("fused", score.to(dtype), [x.to(dtype) for x in given], mask, **options)
    assert cast[0].dtype == half[0].dtype == dtype
    for found in (cast, half):
        assert_same(found, exact, 0.1)


@pytest.mark.usefixtures("anything_pays")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_gaussian_stays_eager_where_half_types_would_cancel(dtype):
    score, given = Gaussian(D, D), inputs(torch.float32)
    exact, _ = attend(score, *given)
    with torch.autocast("cpu", dtype=dtype):
        found, _ = attend(score, *given)
    torch.testing.assert_close(found.float(), exact, rtol=0, atol=0.02)


@pytest.mark.usefixtures("anything_pays")
@pytest.mark.parametrize("width", [10.0, 1.0, 0.5, 0.1, 0.01])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_a_gaussian_stays_exact_far_from_the_origin_and_when_narrow(width, offset):
    query, key = offset + 5 * torch.rand(B, 89, 1), offset + 5 * torch.rand(B, 97, 1)
    score, given = Gaussian(1, 1, width=width), [query, key, torch.randn(B, 97, V)]
    expected = outcome("eager", score, [tensor.double() for tensor in given])
    torch.testing.assert_close(outcome("auto", score, given)[0].double(), expected[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_a_fused_gaussian_is_centred(offset):
    query, key = offset + 5 * torch.rand(B, 89, 1), offset + 5 * torch.rand(B, 97, 1)
    score, given = Gaussian(1, 1), [query, key, torch.randn(B, 97, V)]
    expected = outcome("eager", score, [tensor.double() for tensor in given])
    torch.testing.assert_close(outcome("fused", score, given)[0].double(), expected[0], rtol=0, atol=1e-5)


def test_dropout_falls_on_the_weights_in_training_alone():
    query, key, value = (torch.ones(1, *shape) for shape in ((997, D), (M, D), (M, V)))
    attended = (ScaledDot(D, D), query, key, value, torch.tensor([1]))  # one key, so a weight of 1
    with backend("fused"):
        context, weights = attend(*attended, dropout=0.25, training=True, need_weights=True)
        assert (attend(*attended, dropout=0.25)[0] == 1).all()
    kept = context[0, :, 0] > 0
    assert 0.65 < kept.float().mean() < 0.85
    torch.testing.assert_close(context[0, kept], torch.full((int(kept.sum()), V), 1 / 0.75))
    assert (weights[..., 0] == 1).all()


@pytest.mark.usefixtures("anything_pays")
@pytest.mark.parametrize(("name", "mask"), CASES)
def test_weights_on_demand_are_those_of_the_fused_context(name, mask):
    score, given = FUSED[name]().double(), inputs()
    context, nothing = attend(score, *given, MASKS[mask])
    assert nothing is None
    _, expected = attend(score, *given, MASKS[mask], need_weights=True)
    with backend("fused"):
        fused, weights = attend(score, *given, MASKS[mask], need_weights=True)
    assert torch.equal(weights, expected)
    torch.testing.assert_close(weights @ given[2], context, rtol=0, atol=1e-10)
    torch.testing.assert_close(weights @ given[2], fused, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", FUSED)
def test_gradcheck(name):
    score = FUSED[name]().double()
    given = [torch.randn(B, *rest).double().requires_grad_() for rest in ((3, D), (4, D), (4, 2))]

    def context(*given: torch.Tensor) -> torch.Tensor:
        with backend("fused"):
            return attend(score, *given, torch.tensor([0, 3]))[0]

    assert torch.autograd.gradcheck(context, given)


@pytest.mark.parametrize("additive", [False, True])
def test_queries_that_see_nothing_are_shown_everything_and_told(additive):
    mask = torch.tensor([[True, False], [False, False]])
    given = torch.zeros(2, 2).masked_fill(~mask, -math.inf) if additive else mask
    shown, seen = backends.sighted(given)
    assert seen.tolist() == [True, False]
    assert torch.equal(shown[0], given[0])
    assert shown[1].tolist() == ([0.0, 0.0] if additive else [True, True])


@torch.no_grad()
def test_a_query_that_sees_nothing_takes_no_part_without_gradients_either():
    query, key = torch.randn(2, 17, 7), torch.randn(2, 23, 7)
    query[0, 3] = math.nan
    mask = torch.ones(2, 17, 23, dtype=torch.bool)
    mask[0, 3] = False
    with backend("fused"):
        context, _ = attend(ScaledDot(7, 7), query, key, key, mask)
    assert context[0, 3].tolist() == [0] * 7 and context.isfinite().all()
