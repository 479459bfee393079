"""Multi-head attention over every score."""

import pytest
import torch
from torch import nn

from attnrun.attention import Additive, MultiHead, ScaledDot, Uniform, attend, causal_mask
from attnrun.errors import UserError

B, H, N, M, D, DQ, DK, DV = 2, 3, 5, 7, 11, 13, 17, 19  # D the size of a head
E = H * D
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}


def inputs(dtype: torch.dtype = torch.float64, query_size: int = DQ) -> tuple[torch.Tensor, ...]:
    shapes = ((B, N, query_size), (B, M, DK), (B, M, DV))
    return tuple((torch.randn(shape, dtype=torch.float64) / 2).to(dtype) for shape in shapes)


def multihead(score, dtype: torch.dtype = torch.float64, **keys) -> MultiHead:
    return MultiHead(DQ, DK, DV, E, H, score, **keys).to(dtype)


def copy_of_torch(reference: nn.MultiheadAttention, dtype: torch.dtype) -> MultiHead:
    """The same weights, by the names of this library."""
    own = MultiHead(E, DK, DV, E, H, ScaledDot, bias=True, output_bias=True).to(dtype)
    weights = {f"W_{r}.weight": getattr(reference, f"{r}_proj_weight") for r in "qkv"}
    biases = dict(zip(("W_q.bias", "W_k.bias", "W_v.bias"), reference.in_proj_bias.chunk(3), strict=True))
    output = {"W_o.weight": reference.out_proj.weight, "W_o.bias": reference.out_proj.bias}
    own.load_state_dict(weights | biases | output)
    return own


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("masked", ["nothing", "padding", "future", "by head"])
def test_equals_torch(masked, dtype):
    reference = nn.MultiheadAttention(E, H, bias=True, kdim=DK, vdim=DV, batch_first=True, dtype=dtype)
    nn.init.normal_(reference.in_proj_bias)
    nn.init.normal_(reference.out_proj.bias)
    by_head = torch.rand(B, H, N, M) < 0.5
    by_head[..., 0] = True  # torch has no answer for a row without a key
    lengths, causal = torch.tensor([3, M]), causal_mask(N, M)
    mask, theirs = {
        "nothing": (None, {}),
        "padding": (lengths, {"key_padding_mask": torch.arange(M) >= lengths[:, None]}),
        "future": (causal, {"attn_mask": ~causal}),
        "by head": (by_head, {"attn_mask": ~by_head.flatten(0, 1)}),
    }[masked]
    given = inputs(dtype, query_size=E)
    output, weights = copy_of_torch(reference, dtype)(*given, mask, need_weights=True)
    expected, expected_weights = reference(*given, average_attn_weights=False, **theirs)
    torch.testing.assert_close(output, expected, rtol=0, atol=EXACT[dtype])
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=EXACT[dtype])


def test_equals_each_head_by_itself(recipe):
    heads, (query, key, value) = multihead(recipe), inputs()
    mask = torch.tensor([[1, 0, 7, 4, 2], [0, 6, 3, 5, 1]])
    output, weights = heads(query, key, value, mask, need_weights=True)
    contexts = []
    for h in range(H):
        rows = slice(h * D, (h + 1) * D)
        q, k, v = (
            x @ W.weight[rows].T for x, W in ((query, heads.W_q), (key, heads.W_k), (value, heads.W_v))
        )
        own = list(heads.score.scores)[h] if hasattr(heads.score, "scores") else heads.score
        context, expected = attend(own, q, k, v, mask, need_weights=True)
        torch.testing.assert_close(weights[:, h], expected, rtol=0, atol=1e-12)
        contexts.append(context)
    torch.testing.assert_close(output, torch.cat(contexts, -1) @ heads.W_o.weight.T, rtol=0, atol=1e-12)
    assert weights.shape == (B, H, N, M)
    assert output.shape == (B, N, E)


def test_each_head_has_parameters_of_its_own(recipe):
    of_one = sum(p.numel() for p in recipe(D, D).parameters())
    assert sum(p.numel() for p in multihead(recipe).score.parameters()) == H * of_one


def test_heads_start_unlike_one_another():
    first, second, _ = multihead(lambda q, k: Additive(q, k, hidden=D)).score.scores
    assert not torch.equal(first.W_q.weight, second.W_q.weight)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_to_attend_to(recipe, dtype, training):
    heads = multihead(recipe, dtype, dropout=0.3).train(training)
    given = [tensor.requires_grad_() for tensor in inputs(dtype)]
    output, _ = heads(*given, torch.tensor([0, M]))
    found = torch.autograd.grad(output.sum(), [*given, *heads.parameters()], allow_unused=True)
    assert (output[0] == 0).all()
    assert all((gradient[0] == 0).all() for gradient in found[:3] if gradient is not None)
    assert all(gradient.isfinite().all() for gradient in found if gradient is not None)
    assert found[2][1].abs().sum() > 0


def test_nothing_to_attend_to_leaves_the_bias_of_the_output():
    heads = multihead(ScaledDot, bias=True, output_bias=True)
    output, _ = heads(*inputs(), torch.tensor([0, M]))
    assert torch.equal(output[0], heads.W_o.bias.expand(N, E))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_padding_does_not_leak(recipe, bad):
    heads, clean, lengths = multihead(recipe, bias=True), inputs(), torch.tensor([3, 0])
    dirty = [tensor.clone() for tensor in clean]
    dirty[0][1] = bad
    for padded in dirty[1:]:
        padded[0, 3:] = padded[1] = bad
    outputs, gradients = [], []
    for given in (clean, dirty):
        output, _ = heads(*given, lengths)
        found = torch.autograd.grad(output.square().sum(), list(heads.parameters()), allow_unused=True)
        outputs.append(output)
        gradients.append([g for g in found if g is not None])
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


def test_a_mask_by_head_needs_all_axes():
    heads, given = multihead(Uniform), inputs()
    mask = torch.zeros(B, H, N, M, dtype=torch.bool)
    mask[:, 1, :, 4] = True
    _, weights = heads(*given, mask, need_weights=True)
    assert torch.equal(weights, mask.double())
    with pytest.raises(ValueError, match="does not broadcast"):
        heads(*given, mask[:, 0, :, 1:])
    with pytest.raises(ValueError, match="does not broadcast"):
        heads(*given, mask[:, :2])


def test_dropout_is_for_training():
    heads, given = multihead(ScaledDot, dropout=0.5), inputs()
    assert not torch.equal(heads(*given)[0], heads(*given)[0])
    heads.eval()
    assert torch.equal(heads(*given)[0], heads(*given)[0])


def test_any_normaliser_and_no_weights_unasked():
    heads = MultiHead(DQ, DK, DV, E, H, ScaledDot, lambda scores, mask: torch.zeros_like(scores)).double()
    output, weights = heads(*inputs())
    assert (output == 0).all()
    assert weights is None


@pytest.mark.parametrize("heads", [0, -3, 4])
def test_heads_that_do_not_divide_the_size_are_refused(heads):
    with pytest.raises(UserError, match=rf"^{heads} heads .* size 33; choose from: 1, 3, 11, 33$"):
        MultiHead(DQ, DK, DV, E, heads, ScaledDot)
