"""Multi-head attention with groups, without projections, with positions, and with its keys kept."""

from functools import partial

import pytest
import torch

from attnrun.attention import (
    Additive,
    Alibi,
    Cosine,
    Dot,
    Gaussian,
    General,
    LearnedPositions,
    LinearKernel,
    Max,
    MultiHead,
    Position,
    RelativeBias,
    Rotary,
    ScaledDot,
    Sinusoidal,
    attend,
    backend,
    causal_mask,
)
from attnrun.attention.heads import split
from attnrun.errors import UserError

B, H, N, M, D, DQ, DK, DV = 2, 6, 5, 7, 4, 13, 17, 19  # D the size of a head, even for Rotary
E = H * D
SCHEMES = [Position, Sinusoidal, LearnedPositions, Rotary, Alibi, RelativeBias]
LENGTHS = torch.tensor([[1, 0, 7, 4, 2], [0, 6, 3, 5, 1]])


def inputs(query_size: int = DQ, key_size: int = DK, value_size: int = DV) -> list[torch.Tensor]:
    shapes = ((B, N, query_size), (B, M, key_size), (B, M, value_size))
    return [torch.randn(shape, dtype=torch.float64) / 2 for shape in shapes]


def multihead(score=ScaledDot, **keys) -> MultiHead:
    return MultiHead(DQ, DK, DV, E, H, score, **keys).double()


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_equal_heads_with_repeated_keys_and_values(recipe, groups):
    few, many = multihead(recipe, groups=groups, bias=True), multihead(recipe, bias=True)
    repeated = few.state_dict()
    for name in ("W_k.weight", "W_k.bias", "W_v.weight", "W_v.bias"):
        by_group = repeated[name].unflatten(0, (groups, D))
        repeated[name] = by_group[[h * groups // H for h in range(H)]].flatten(0, 1)
    many.load_state_dict(repeated)
    given = inputs()
    for mask in (LENGTHS, torch.rand(B, H, N, M) < 0.5):
        found, expected = (heads(*given, mask, need_weights=True) for heads in (few, many))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert found[1].shape == (B, H, N, M)


@pytest.mark.parametrize("groups", [1, 2, 3, H])
def test_groups_save_keys_values_and_parameters(groups):
    heads = multihead(groups=groups)
    keys, values = heads.project(*inputs()[1:])
    assert keys.shape == values.shape == (B, groups, M, D)
    assert heads.W_k.weight.shape == (groups * D, DK)
    assert heads.W_v.weight.shape == (groups * D, DV)


def test_heads_of_a_group_differ_by_their_queries_alone():
    heads, (query, key, value) = multihead(groups=2), inputs()
    heads.W_q.weight.data.copy_(heads.W_q.weight[:D].repeat(H, 1))
    _, weights = heads(query, key, value, need_weights=True)
    assert torch.equal(weights[:, 0], weights[:, 2])
    assert torch.equal(weights[:, 3], weights[:, 5])
    assert not torch.allclose(weights[:, 2], weights[:, 3])


@pytest.mark.parametrize("groups", [4, 5, 12, 0, -2])
def test_groups_that_do_not_divide_the_heads_are_refused(groups):
    with pytest.raises(UserError, match=rf"^{groups} groups .* 6 heads; choose from: 1, 2, 3, 6$"):
        multihead(groups=groups)


def test_without_projections_heads_are_slices(recipe):
    heads = MultiHead(E, E, E, E, H, recipe, projections=False).double()
    query, key, value = inputs(E, E, E)
    output, weights = heads(query, key, value, LENGTHS, need_weights=True)
    for h in range(H):
        at = slice(h * D, (h + 1) * D)
        score = heads.score.scores[h] if hasattr(heads.score, "scores") else heads.score
        context, expected = attend(
            score, query[..., at], key[..., at], value[..., at], LENGTHS, need_weights=True
        )
        torch.testing.assert_close(output[..., at], context, rtol=0, atol=1e-12)
        torch.testing.assert_close(weights[:, h], expected, rtol=0, atol=1e-12)


def test_self_attention_without_weight_matrices_has_nothing_to_train():
    heads = MultiHead(E, E, E, E, 1, Dot, projections=False)
    assert not list(heads.parameters())
    x = torch.randn(B, N, E)
    expected = (x @ x.mT).softmax(-1) @ x
    torch.testing.assert_close(heads(x, x, x)[0], expected)


@pytest.mark.parametrize(
    ("sizes", "keys", "told"),
    [
        ((DQ, E, E), {}, "6 heads do not divide the size 13; choose from: 1, 13"),
        ((E, E, DV), {}, "6 heads do not divide the size 19; choose from: 1, 19"),
        ((E, E, E), {"groups": 2}, "leave groups unset"),
        ((E, E, E), {"bias": True}, "set bias and output_bias to false"),
        ((E, E, E), {"output_bias": True}, "set bias and output_bias to false"),
    ],
)
def test_what_needs_a_projection_is_refused_without(sizes, keys, told):
    with pytest.raises(UserError, match=told):
        MultiHead(*sizes, E, H, ScaledDot, projections=False, **keys)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("groups", [2, H])
def test_positions_mark_every_head(scheme, groups):
    position = scheme(E, H).double()
    heads, (query, key, value) = multihead(position=position, groups=groups), inputs()
    output, weights = heads(query, key, value, LENGTHS, need_weights=True)
    q = position.rotate(heads.W_q(query).reshape(B, N, H, D).transpose(1, 2))
    k = position.rotate(heads.W_k(key).reshape(B, M, groups, D).transpose(1, 2))
    v = heads.W_v(value).reshape(B, M, groups, D).transpose(1, 2)
    bias = position.bias(N, M)
    for h in range(H):
        group = h * groups // H
        scores = q[:, h] @ k[:, group].mT / D**0.5 + (0 if bias is None else bias[h])
        allowed = torch.arange(M) < LENGTHS[..., None]
        expected = scores.masked_fill(~allowed, -torch.inf).softmax(-1).nan_to_num()
        torch.testing.assert_close(weights[:, h], expected, rtol=0, atol=1e-12)
        context = expected @ v[:, group]
        output = output - context @ heads.W_o.weight[:, h * D : (h + 1) * D].T
    torch.testing.assert_close(output, torch.zeros(B, N, E).double(), rtol=0, atol=1e-12)


def decode(heads: MultiHead, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Token by token, with the keys and values of the past kept outside: outputs and the last weights."""
    keys, values = heads.project(x[:, :0], x[:, :0])  # nothing yet
    outputs = []
    for place in range(x.shape[1]):
        token = x[:, place : place + 1]
        new = heads.project(token, token, offset=place)
        keys, values = torch.cat([keys, new[0]], -2), torch.cat([values, new[1]], -2)
        output, weights = heads.attend(token, (keys, values), offset=place, need_weights=True)
        outputs.append(output)
    return torch.cat(outputs, 1), weights


def assert_decodes(heads: MultiHead) -> None:
    x = torch.randn(B, M, E, dtype=torch.float64)
    before = {name: id(value) for name, value in vars(heads).items()}
    whole, whole_weights = heads(x, x, x, causal_mask(M), need_weights=True)
    outputs, weights = decode(heads, x)
    torch.testing.assert_close(outputs, whole, rtol=0, atol=1e-10)
    torch.testing.assert_close(weights, whole_weights[:, :, -1:], rtol=0, atol=1e-10)
    assert {name: id(value) for name, value in vars(heads).items()} == before  # nothing kept inside


@pytest.mark.parametrize("groups", [1, 3, None])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_decoding_with_kept_keys_equals_the_whole(scheme, groups):
    assert_decodes(MultiHead(E, E, E, E, H, ScaledDot, position=scheme(E, H), groups=groups).double())


@pytest.mark.parametrize("scheme", [Rotary, RelativeBias])
@pytest.mark.parametrize("groups", [2, None])
def test_decoding_with_any_score(recipe, scheme, groups):
    assert_decodes(MultiHead(E, E, E, E, H, recipe, position=scheme(E, H), groups=groups).double())


def test_decoding_without_projections(recipe):
    assert_decodes(MultiHead(E, E, E, E, H, recipe, position=Rotary(E, H), projections=False).double())


@pytest.mark.parametrize("groups", [2, None])
def test_projecting_once_serves_every_query(recipe, groups):
    heads, (query, key, value) = multihead(recipe, groups=groups), inputs()
    whole = heads(query, key, value, LENGTHS, need_weights=True)
    projected = heads.project(key, value)
    assert projected[1].shape == (B, groups or H, M, D)
    found = heads.attend(query, projected, LENGTHS, need_weights=True)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-12)
    assert heads.attend(query, projected)[1] is None


def test_keys_are_projected_by_their_score_before_they_are_kept():
    heads = multihead(lambda q, k: Additive(q, k, hidden=11), groups=2)
    keys, values = heads.project(*inputs()[1:])
    assert keys.shape == (B, H, M, 11)  # what each head's own W_k made of its group's keys
    assert values.shape == (B, 2, M, D)


@pytest.mark.parametrize("scheme", [Alibi, RelativeBias])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_bias_leaves_rows_without_a_key_at_zero(scheme, dtype):
    heads = MultiHead(DQ, DK, DV, E, H, Gaussian, position=scheme(E, H)).to(dtype)
    given = [tensor.to(dtype).requires_grad_() for tensor in inputs()]
    output, weights = heads(*given, torch.tensor([0, M]), need_weights=True)
    assert output.dtype == weights.dtype == dtype
    assert (output[0] == 0).all()
    assert (weights[0] == 0).all()
    torch.testing.assert_close(weights[1].sum(-1).float(), torch.ones(H, N), rtol=0, atol=1e-2)
    found = torch.autograd.grad(output.sum(), [*given, *heads.parameters()])
    assert all((gradient[0] == 0).all() for gradient in found[:3])
    assert all(gradient.isfinite().all() for gradient in found)


def test_a_learned_bias_is_trained_by_the_weights_it_moves():
    position = RelativeBias(E, H, buckets=4, maximum_distance=2).double()
    heads, given = multihead(position=position), inputs()

    def output(table: torch.Tensor) -> torch.Tensor:
        state = {"position.table": table}
        return torch.func.functional_call(heads, state, (*given, LENGTHS))[0]

    assert torch.autograd.gradcheck(output, position.table)
    empty = torch.autograd.grad(heads(*given, torch.tensor([0, 0]))[0].sum(), position.table)
    assert (empty[0] == 0).all()


@pytest.mark.parametrize(("size", "heads"), [(E, 3), (2 * E, H)])
def test_a_scheme_of_other_heads_is_refused(size, heads):
    with pytest.raises(ValueError, match=rf"built for size {size} and {heads} heads, .* 24 and 6"):
        multihead(position=Rotary(size, heads))


@pytest.mark.parametrize("score", [General, Cosine, partial(Gaussian, learned=True), LinearKernel, ScaledDot])
def test_fused_heads_are_the_eager_ones(score):
    heads, tensors = multihead(score), inputs()
    found = {}
    for name in ("eager", "fused"):
        given = [x.clone().requires_grad_() for x in tensors]
        with backend(name):
            output, _ = heads(*given, torch.tensor([M - 2, 0]))
        output.square().sum().backward()
        found[name] = [output, *(x.grad for x in given)]
    for eager, fused in zip(found["eager"], found["fused"], strict=True):
        torch.testing.assert_close(fused, eager, rtol=0, atol=1e-10)


def test_a_score_that_pools_in_its_own_way_does_so_in_every_head():
    class Own(Max):
        def __init__(self, query_size, key_size):
            super().__init__(query_size, key_size)
            self.unused = torch.nn.Parameter(torch.zeros(1))  # so that each head has a score of its own

    heads, (query, key, value) = multihead(Own), inputs()
    output, weights = heads(query, key, value, need_weights=True)
    pooled = split(heads.W_v(value), H).amax(-2)  # (B, H, D)
    torch.testing.assert_close(output, heads.W_o(pooled.flatten(-2))[:, None].expand_as(output))
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, N).double())
