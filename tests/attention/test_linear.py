"""Linear attention against its quadratic form, one number at a time, and against `attend`."""

import math

import pytest
import torch

from attnrun.attention import LinearKernel, attend, causal_mask, linear_attend
from attnrun.attention.linear import CHUNK

B, N, M, D, V = 2, 5, 7, 11, 13
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
KEYS = torch.tensor([[1, 0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 1, 1, 1]]).bool()
MASKS = {
    "none": None,
    "lengths": torch.tensor([3, 6]),
    "lengths with none": torch.tensor([0, M]),
    "keys": KEYS[:, None],
    "shared keys": KEYS[0],
    "nothing": torch.tensor(False),
}


def inputs(
    dtype: torch.dtype = torch.float64, queries: int = N, keys: int = M, leading: tuple[int, ...] = (B,)
) -> list[torch.Tensor]:
    shapes = ((*leading, queries, D), (*leading, keys, D), (*leading, keys, V))
    return [torch.randn(shape, dtype=torch.float64).to(dtype) for shape in shapes]


def permitted(mask: torch.Tensor | None, causal: bool, queries: int = N, keys: int = M) -> torch.Tensor:
    """The mask written out, without the library."""
    allowed = torch.ones(B, queries, keys, dtype=torch.bool)
    if mask is not None and mask.dtype != torch.bool:
        allowed &= torch.arange(keys) < mask[:, None, None]
    elif mask is not None:
        allowed &= mask
    return allowed & ((torch.arange(keys) <= torch.arange(queries)[:, None] + keys - queries) | (not causal))


def loop(query, key, value, allowed: torch.Tensor, feature: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Context and weights by the definition, in float64."""
    phi = {"elu": lambda x: x + 1 if x > 0 else math.exp(x), "relu": lambda x: max(x, 0.0)}[feature]
    features = [[[phi(x) for x in row] for row in rows] for rows in query.tolist()]
    key_features = [[[phi(x) for x in row] for row in rows] for rows in key.tolist()]
    weights = torch.zeros(allowed.shape, dtype=torch.float64)
    for b, n, m in allowed.nonzero().tolist():
        pairs = zip(features[b][n], key_features[b][m], strict=True)
        weights[b, n, m] = math.fsum(x * y for x, y in pairs)
    total = weights.sum(-1, keepdim=True)
    weights = weights / total.masked_fill(total == 0, 1.0)
    return weights @ value.double(), weights


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("feature", ["elu", "relu"])
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_equals_the_quadratic_form(mask, dtype, feature, causal):
    given = inputs(dtype)
    context, weights = linear_attend(*given, mask, feature=feature, causal=causal, need_weights=True)
    expected = loop(*given, permitted(mask, causal), feature)
    assert context.dtype == weights.dtype == dtype
    torch.testing.assert_close(context.double(), expected[0], rtol=0, atol=EXACT[dtype])
    torch.testing.assert_close(weights.double(), expected[1], rtol=0, atol=EXACT[dtype])


@pytest.mark.parametrize(
    ("queries", "keys"),
    [(CHUNK, CHUNK), (3 * CHUNK + 5, 3 * CHUNK + 5), (7, 2 * CHUNK + 3), (2 * CHUNK + 3, 7), (1, 5), (5, 1)],
)
def test_causal_blocks_meet_without_a_seam(queries, keys):
    given, mask = inputs(queries=queries, keys=keys), torch.rand(B, 1, keys) < 0.7
    context, _ = linear_attend(*given, mask, causal=True)
    expected, _ = loop(*given, permitted(mask, True, queries, keys), "elu")
    torch.testing.assert_close(context, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("feature", ["elu", "relu"])
def test_equals_attend_with_the_score_of_its_kernel(feature, causal):
    given, score = inputs(), LinearKernel(D, D, feature=feature)
    mask = causal_mask(N, M) & KEYS[:, None] if causal else KEYS[:, None]
    expected = attend(score, *given, mask, need_weights=True)
    found = linear_attend(*given, KEYS[:, None], feature=feature, causal=causal, need_weights=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("feature", ["elu", "relu"])
def test_the_score_is_the_logarithm_of_the_kernel(feature):
    score, (query, key, _) = LinearKernel(D, D, feature=feature), inputs()
    weights = score(query, key).softmax(-1)
    _, expected = linear_attend(query, key, key, feature=feature, need_weights=True)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("feature", ["elu", "relu"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_nothing_to_attend_to_gives_zero_context_and_zero_gradient(dtype, feature, causal):
    given = [tensor.requires_grad_() for tensor in inputs(dtype)]
    for mask in (torch.tensor([0, M]), torch.arange(M) < torch.tensor([0, M])[:, None, None]):
        context, weights = linear_attend(*given, mask, feature=feature, causal=causal, need_weights=True)
        assert (context[0] == 0).all()
        assert (weights[0] == 0).all()
        found = torch.autograd.grad(context.square().sum(), given)
        assert all((gradient[0] == 0).all() for gradient in found)
        assert all(gradient.isfinite().all() for gradient in found)
        assert found[2][1].abs().sum() > 0


def test_relu_features_that_never_meet_give_zero():
    query, key = torch.tensor([[1.0, -1.0]], requires_grad=True), torch.tensor([[-1.0, 1.0]] * 3)
    value = torch.randn(3, V, requires_grad=True)
    score = LinearKernel(2, 2, feature="relu")
    for context, _ in (linear_attend(query, key, value, feature="relu"), attend(score, query, key, value)):
        assert (context == 0).all()
        found = torch.autograd.grad(context.sum(), [query, value])
        assert all((gradient == 0).all() for gradient in found)


def test_a_kernel_too_small_for_its_type_gives_zero_in_both_forms():
    query, key, value = torch.tensor([[-100.0]]), torch.tensor([[-30.0]]), torch.tensor([[1e20]])
    for context, _ in (linear_attend(query, key, value), attend(LinearKernel(1, 1), query, key, value)):
        assert context.item() == 0


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_padding_does_not_leak(bad, causal):
    clean = inputs()
    query, key, value = (tensor.clone() for tensor in clean)
    query[1] = bad  # no key permitted
    key[0, 4:] = value[0, 4:] = key[1] = value[1] = bad
    contexts, gradients = [], []
    for given in (clean, (query, key, value)):
        leaves = [tensor.requires_grad_() for tensor in given]
        context, _ = linear_attend(*leaves, torch.tensor([4, 0]), causal=causal)
        contexts.append(context)
        gradients.append(torch.autograd.grad(context.square().sum(), leaves))
    assert torch.equal(*contexts)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


def test_a_query_before_the_first_permitted_key_does_not_leak():
    query, key, value = inputs(queries=M)
    mask = torch.arange(M) >= 3
    expected, _ = linear_attend(query, key, value, mask, causal=True)
    query[:, :3] = key[:, :3] = torch.nan
    context, _ = linear_attend(query, key, value, mask, causal=True)
    assert (expected[:, :3] == 0).all()
    assert torch.equal(context, expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("feature", ["elu", "relu"])
def test_gradcheck(feature, causal):
    given = [tensor.requires_grad_() for tensor in inputs()]

    def context(*given: torch.Tensor) -> torch.Tensor:
        return linear_attend(*given, torch.tensor([0, 5]), feature=feature, causal=causal)[0]

    assert torch.autograd.gradcheck(context, given)


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_kept_for_the_gradient_grows_with_the_length(causal):
    def kept(length: int) -> int:
        sizes: list[int] = []
        given = [tensor.requires_grad_() for tensor in inputs(torch.float32, length, length)]

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            linear_attend(*given, torch.full((B,), length), causal=causal)
        return sum(sizes)

    assert kept(32 * CHUNK) < 2.1 * kept(16 * CHUNK)


def test_leading_axes_broadcast():
    query, key, value = inputs()
    lengths = torch.tensor([2, 6])
    context, weights = linear_attend(query[:, None], key[None], value[None], lengths, need_weights=True)
    assert context.shape == (B, B, N, V)
    assert weights.shape == (B, B, N, M)
    single, _ = linear_attend(query[1], key[0], value[0], torch.arange(M) < 6)
    torch.testing.assert_close(context[1, 0], single, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("queries", "keys"), [(0, 0), (0, M), (N, 0)])
def test_empty_sequences(queries, keys, causal):
    context, weights = linear_attend(*inputs(queries=queries, keys=keys), causal=causal, need_weights=True)
    assert torch.equal(context, torch.zeros(B, queries, V, dtype=torch.float64))
    assert weights.shape == (B, queries, keys)


def test_keys_have_no_order_unless_causal():
    query, key, value = inputs()
    order = torch.randperm(M)
    shuffled, _ = linear_attend(query, key[:, order], value[:, order], KEYS[:, None, order])
    torch.testing.assert_close(
        shuffled, linear_attend(query, key, value, KEYS[:, None])[0], rtol=0, atol=1e-12
    )


def test_features_far_below_zero_stay_positive_and_exact():
    query, value = torch.tensor([[0.0]]), torch.tensor([[1.0], [3.0]])
    key = torch.tensor([[-30.0], [-30.0 + math.log(3)]])  # φ = e^-30 and 3 e^-30; elu(x) + 1 would be 0
    context, _ = linear_attend(query, key, value)
    assert context.item() == pytest.approx(2.5, abs=1e-4)
    steep, _ = linear_attend(query, torch.tensor([[-1e4], [-2e4]]), value)
    assert steep.item() == pytest.approx(2.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("causal", [False, True])
def test_half_types_are_summed_in_float32(dtype, causal):
    given = inputs(dtype, 997, 997)  # sums of a thousand would stand still in bfloat16
    context, _ = linear_attend(*given, causal=causal)
    exact, _ = linear_attend(*(tensor.double() for tensor in given), causal=causal)
    assert context.dtype == dtype
    torch.testing.assert_close(context.double(), exact, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("mask", [torch.tensor([[1, 0, 7, 4, 2], [0, 6, 3, 5, 1]]), causal_mask(N, M)])
def test_a_mask_that_differs_from_query_to_query_is_refused_with_what_would_work(mask):
    with pytest.raises(ValueError, match=r"masks of keys .* not a mask .*LinearKernel takes any"):
        linear_attend(*inputs(), mask)


def test_sizes_that_do_not_go_together_are_refused():
    query, key, value = inputs()
    with pytest.raises(ValueError, match=r"query \(2, 5, 10\) and key \(2, 7, 11\) differ in size"):
        linear_attend(query[..., 1:], key, value)
    with pytest.raises(ValueError, match="M = 7 rows and value 6"):
        linear_attend(query, key, value[:, 1:])


def test_half_types_do_not_overflow_where_the_logarithm_would_fit():
    query = torch.full((1, 2, 64), 60.0, dtype=torch.float16)
    value = torch.arange(3.0).to(torch.float16)[None, :, None]
    context, weights = attend(
        LinearKernel(64, 64), query, query.repeat(1, 2, 1)[:, :3], value, need_weights=True
    )
    torch.testing.assert_close(weights, torch.full((1, 2, 3), 1 / 3).half(), atol=1e-3, rtol=0)
    assert context.dtype == torch.float16 and context.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_does_not_reach_the_sums(dtype):
    query, key, value = torch.randn(1, 23, 64), torch.randn(1, 1999, 64), torch.randn(1, 1999, 3)
    exact = linear_attend(query.double(), key.double(), value.double())[0]
    with torch.autocast("cpu", dtype=dtype):  # sums of 2,000 products are beyond the range of float16
        context, _ = linear_attend(query, key, value)
        scores = LinearKernel(64, 64)(40 + query[:, :3], 40 + key[:, :5])
    torch.testing.assert_close(context.double(), exact, rtol=1e-4, atol=1e-4)
    assert scores.isfinite().all()
