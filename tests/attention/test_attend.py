"""`attend` with every score: against a loop, and by the properties attention has."""

import math

import pytest
import torch

from attnrun.attention import (
    Additive,
    Dot,
    ScaledDot,
    Score,
    attend,
    blank,
    causal_mask,
    lengths_mask,
)

B, H, N, M, D, DK, V = 2, 3, 5, 7, 11, 13, 17
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}

MASKS = {
    "none": None,
    "lengths": torch.tensor([3, 6]),
    "lengths with none": torch.tensor([0, 7]),
    "lengths by query": torch.tensor([[1, 0, 7, 4, 2], [0, 6, 3, 5, 1]]),
    "causal": causal_mask(N, M),
    "keys": torch.tensor([True, False, True, True, False, True, False]),
    "queries": torch.tensor([True, False, True, True, False]).view(N, 1),
    "scattered": torch.rand(B, N, M, generator=torch.Generator().manual_seed(5)) < 0.5,
    "nothing": torch.tensor(False),
}


def permitted(mask: torch.Tensor | None) -> torch.Tensor:
    """The mask written out, without the library."""
    if mask is None:
        return torch.ones(B, N, M, dtype=torch.bool)
    if mask.dtype == torch.bool:
        return mask.expand(B, N, M)
    lengths = mask.view(B, -1).expand(B, N).tolist()
    return torch.tensor([[[m < length for m in range(M)] for length in row] for row in lengths])


def loop(scores: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Context and weights, one number at a time in float64."""
    weights = torch.zeros(B, N, M, dtype=torch.float64)
    context = torch.zeros(B, N, V, dtype=torch.float64)
    for b in range(B):
        for n in range(N):
            powers = [math.exp(scores[b, n, m]) if mask[b, n, m] else 0.0 for m in range(M)]
            for m in range(M):
                weights[b, n, m] = powers[m] / (sum(powers) or 1)
                context[b, n] += weights[b, n, m] * value[b, m].double()
    return context, weights


def gradients(score: Score, inputs, mask, **options) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The context, and its gradients in the query, key, value and every parameter."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    wanted = [*leaves, *score.parameters()]
    context, _ = attend(score, *leaves, mask, **options)
    upstream = torch.randn(context.shape, generator=torch.Generator().manual_seed(7)).to(context.dtype)
    found = torch.autograd.grad(context, wanted, upstream, allow_unused=True)
    return context, [torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True)]


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_equals_the_loop(recipe, mask, dtype):
    score, (query, key, value) = recipe.build(dtype), recipe.inputs(dtype)
    context, weights = attend(score, query, key, value, mask, need_weights=True)
    scores = score.double()(query.double(), key.double()).detach()
    expected = loop(scores, value, permitted(mask))
    if type(score).pool is not Score.pool:  # by loop in test_pooling
        expected = tuple(made(expected[1], value.double()) for made in (score.pool, score.shares))
    assert context.dtype == weights.dtype == dtype
    torch.testing.assert_close(context.double(), expected[0], rtol=0, atol=EXACT[dtype])
    torch.testing.assert_close(weights.double(), expected[1], rtol=0, atol=EXACT[dtype])


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_weights_are_a_distribution_over_what_is_permitted(recipe, mask):
    score, inputs = recipe.build(), recipe.inputs()
    _, weights = attend(score, *inputs, mask, need_weights=True)
    allowed = permitted(mask)
    seen = (allowed & (score(*inputs[:2]) > -torch.inf)).any(-1)
    assert (weights >= 0).all()
    assert (weights[~allowed] == 0).all()
    torch.testing.assert_close(weights.sum(-1), seen.double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_to_attend_to_gives_zero_context_and_zero_gradient(recipe, dtype, training):
    score = recipe.build(dtype).train(training)
    options = {"dropout": 0.3, "training": training}
    context, found = gradients(score, recipe.inputs(dtype), torch.tensor([0, 0]), **options)
    assert (context == 0).all()
    assert all((gradient == 0).all() for gradient in found)
    context, found = gradients(score, recipe.inputs(dtype), torch.tensor([0, M]), **options)
    assert (context[0] == 0).all()
    assert all((gradient[0] == 0).all() for gradient in found[:3])
    assert all(gradient.isfinite().all() for gradient in found)
    assert found[2][1].abs().sum() > 0


@pytest.mark.parametrize("padding", [1, 7, 64])
def test_more_padding_changes_nothing(recipe, padding):
    score, (query, key, value) = recipe.build(torch.float32), recipe.inputs(torch.float32)
    lengths = torch.tensor([M, 4])
    longer = [torch.cat([t, torch.randn(B, padding, t.shape[-1])], 1) for t in (key, value)]
    context, found = gradients(score, (query, key, value), lengths)
    padded, found_padded = gradients(score, (query, *longer), lengths)
    torch.testing.assert_close(padded, context, rtol=0, atol=1e-5)
    for gradient, other in zip(found, found_padded, strict=True):
        # the padding's own gradient is zero
        assert (other[:, M:] == 0).all() if other.shape != gradient.shape else True
        cut = other[:, :M] if other.shape != gradient.shape else other
        torch.testing.assert_close(cut, gradient, rtol=0, atol=1e-5)


def test_keys_have_no_order(recipe):
    score, (query, key, value) = recipe.build(), recipe.inputs()
    order, mask = torch.randperm(M), MASKS["scattered"]
    context, weights = attend(score, query, key, value, mask, need_weights=True)
    shuffled = attend(score, query, key[:, order], value[:, order], mask[..., order], need_weights=True)
    if score.by_place:
        assert not torch.allclose(shuffled[0], context)
        return
    torch.testing.assert_close(shuffled[0], context, rtol=0, atol=1e-12)
    torch.testing.assert_close(shuffled[1], weights[..., order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_padding_does_not_leak(recipe, bad):
    score, inputs = recipe.build(), recipe.inputs()
    lengths = torch.tensor([[2, 0, 4, 1, 3], [M, 5, 0, M, 2]])
    clean, found = gradients(score, inputs, lengths)
    query, key, value = (tensor.clone() for tensor in inputs)
    query[0, 1] = query[1, 2] = bad  # no key permitted
    key[0, 4:] = value[0, 4:] = bad  # permitted to no query
    dirty, found_dirty = gradients(score, (query, key, value), lengths)
    assert torch.equal(clean, dirty)
    for gradient, other in zip(found, found_dirty, strict=True):
        torch.testing.assert_close(other, gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mask", ["lengths by query", "scattered"])
def test_gradcheck(recipe, mask):
    # few features: the time is that of two calls for every number that comes in
    key_size = 3 if recipe.key_size == D else 4
    score, shapes = recipe(3, key_size).double(), ((B, N, 3), (B, M, key_size), (B, M, 1))
    inputs = [(torch.randn(shape, dtype=torch.float64) / 2).requires_grad_() for shape in shapes]
    names = [f"score.{name}" for name, _ in score.named_parameters()]
    # a hidden size of 128 would make this slow: move each parameter along one direction instead
    moves = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in names]
    start = [p.detach() for p in score.parameters()]
    along = [torch.randn_like(p) for p in start]

    class Attention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = score

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return attend(self.score, *inputs, MASKS[mask])[0]

    def context(query, key, value, *moves):
        values = [s + a * move for s, a, move in zip(start, along, moves, strict=True)]
        return torch.func.functional_call(
            Attention(), dict(zip(names, values, strict=True)), (query, key, value)
        )

    assert torch.autograd.gradcheck(context, (*inputs, *moves))


def test_projected_keys_serve_many_steps(recipe):
    score, (query, key, value) = recipe.build(), recipe.inputs()
    projected, mask = score.project_keys(key), lengths_mask(torch.tensor([0, 5]), M)
    whole, _ = attend(score, query, key, value, mask)
    for step in range(N):
        context, _ = attend(score, query[:, step : step + 1], key, value, mask, projected=projected)
        torch.testing.assert_close(context, whole[:, step : step + 1], rtol=0, atol=1e-12)


def test_keys_projected_after_blanking_do_not_leak():
    score, mask = Additive(D, DK), lengths_mask(torch.tensor([2, 5]), M)
    query, key, value = torch.randn(B, N, D), torch.randn(B, M, DK), torch.randn(B, M, V)
    expected, _ = attend(score, query, key, value, mask)
    key[0, 2:] = value[0, 2:] = torch.nan
    key, value = blank(key, mask[:, 0]), blank(value, mask[:, 0])
    context, _ = attend(score, query, key, value, mask, projected=score.project_keys(key))
    torch.testing.assert_close(context, expected)


@pytest.mark.parametrize("values", [V, 67])  # a small product of matrices, and one that is not
@pytest.mark.parametrize("learned", [False, True])
def test_a_query_alone_gets_what_it_gets_among_others(values, learned):
    """A decoder asks one at a time."""
    query, key, value = torch.randn(B, 1, N, D), torch.randn(B, 1, M, D), torch.randn(B, H, M, values)
    value.requires_grad_(learned)
    context, _ = attend(ScaledDot(D, D), query, key, value)
    alone = [attend(ScaledDot(D, D), query[..., n : n + 1, :], key, value)[0] for n in range(N)]
    torch.testing.assert_close(torch.cat(alone, -2), context)
    if learned:
        whole, parts = (torch.autograd.grad(x.square().sum(), value) for x in (context, torch.cat(alone, -2)))
        torch.testing.assert_close(parts, whole)


def test_leading_axes_broadcast(recipe):
    score, (query, key, value) = recipe.build(), recipe.inputs()
    lengths = torch.tensor([2, 6])
    context, weights = attend(score, query[:, None], key[None], value[None], lengths, need_weights=True)
    assert context.shape == (B, B, N, V)
    assert weights.shape == (B, B, N, M)
    single, _ = attend(score, query[1], key[0], value[0], torch.arange(M) < 6)
    torch.testing.assert_close(context[1, 0], single, rtol=0, atol=1e-12)


def test_weights_come_only_when_asked_for(recipe):
    assert attend(recipe.build(), *recipe.inputs())[1] is None


def test_dropout_falls_on_the_weights_in_training_alone():
    shapes = ((1, 997, D), (1, M, D), (1, M, V))
    query, key, value = (torch.ones(shape) for shape in shapes)
    attended = (ScaledDot(D, D), query, key, value, torch.tensor([1]))  # one key, so a weight of 1
    context, weights = attend(*attended, dropout=0.25, training=True, need_weights=True)
    kept = context[0, :, 0] > 0
    assert 0.65 < kept.float().mean() < 0.85
    torch.testing.assert_close(context[0, kept], torch.full((int(kept.sum()), V), 1 / 0.75))
    assert (weights[..., 0] == 1).all()
    assert (attend(*attended, dropout=0.25)[0] == 1).all()


def test_any_normaliser_takes_the_place_of_the_softmax(recipe):
    def first(scores, mask):
        return torch.eye(1, scores.shape[-1], dtype=scores.dtype).expand_as(scores) * mask

    score, (query, key, value) = recipe.build(), recipe.inputs()
    context, _ = attend(score, query, key, value, torch.tensor([0, M]), normaliser=first)
    torch.testing.assert_close(context[1], value[1, :1].expand(N, V))
    assert (context[0] == 0).all()


def test_a_score_of_ones_own_needs_one_method():
    class Nearest(Score):
        def score_projected(self, query, projected):
            return -10000 * torch.cdist(query, projected)

    value = torch.randn(M, V)
    context, _ = attend(Nearest(1, 1), torch.tensor([[3.1]]), torch.arange(M).unsqueeze(-1).float(), value)
    torch.testing.assert_close(context, value[3:4])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast(recipe, dtype):
    score, inputs = recipe.build(torch.float32), recipe.inputs(torch.float32)
    exact, _ = attend(score, *inputs, torch.tensor([0, 5]))
    with torch.autocast("cpu", dtype=dtype):
        context, found = gradients(score, inputs, torch.tensor([0, 5]))
    torch.testing.assert_close(context.float(), exact, rtol=0, atol=2e-2)
    assert (context[0] == 0).all()
    assert all(gradient.isfinite().all() for gradient in found)


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        (((B, N, D), (B, M, D), (B, M + 1, V)), r"M = 7 rows and value 8; .*value \(2, 8, 17\)"),
        (((D,), (B, M, D), (B, M, V)), r"query \(\.\.\., N, D\).* got query \(11,\)"),
        (((B, N, D), (H, M, D), (H, M, V)), r"leading axes .*query \(2, 5, 11\), key \(3, 7, 11\)"),
        (((B, N, D), (B, M, D), (H, M, V)), r"leading axes .*value \(3, 7, 17\)"),
        (((B, N, D), (B, M, DK), (B, M, V)), r"built for key size 11, got key \(2, 7, 13\)"),
    ],
)
def test_shapes_that_do_not_go_together_are_named(shapes, told):
    with pytest.raises(ValueError, match=told):
        attend(Dot(D, D), *(torch.zeros(shape) for shape in shapes))


def test_a_projection_of_other_keys_is_refused():
    score, query, key = Additive(D, DK), torch.zeros(B, N, D), torch.zeros(B, M, DK)
    with pytest.raises(ValueError, match=r"projected \(2, 6, 128\) is not of these keys"):
        attend(score, query, key, key, projected=score.project_keys(key[:, 1:]))
