"""`attend` against the textbook's examples, torch's own product and answers known beforehand."""

import pytest
import torch
from torch.nn import functional as F

from attnrun.attention import Additive, Dot, ScaledDot, Score, Uniform, attend, causal_mask

B, H, N, M, D, DK, V = 2, 3, 5, 7, 11, 13, 17
EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
SCATTERED = torch.rand(B, N, M, generator=torch.Generator().manual_seed(11)) < 0.5


def test_the_textbook_additive():
    score = Additive(20, 2, hidden=8)
    check_textbook(score, torch.randn(2, 1, 20))


def test_the_textbook_scaled_dot():
    check_textbook(ScaledDot(2, 2), torch.randn(2, 1, 2))


def check_textbook(score: Score, query: torch.Tensor) -> None:
    key = torch.ones(2, 10, 2)
    value = torch.arange(40, dtype=torch.float32).reshape(1, 10, 4).repeat(2, 1, 1)
    context, weights = attend(score, query, key, value, torch.tensor([2, 6]), need_weights=True)
    expected = torch.tensor([[[2.0, 3, 4, 5]], [[10.0, 11, 12, 13]]])
    torch.testing.assert_close(context, expected, rtol=0, atol=4e-6)
    assert context.round(decimals=4).equal(expected)
    assert weights[1, 0, 6:].tolist() == [0] * 4


@pytest.mark.parametrize("mask", [None, causal_mask(N, M), SCATTERED], ids=["none", "causal", "scattered"])
@pytest.mark.parametrize("dtype", EXACT)
def test_equals_torch_scaled_dot_product(mask, dtype):
    query, key, value = (torch.randn(B, n, d, dtype=dtype) for n, d in ((N, D), (M, D), (M, V)))
    context, _ = attend(ScaledDot(D, D), query, key, value, mask)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(context, expected, rtol=0, atol=EXACT[dtype])
    unscaled, _ = attend(Dot(D, D), query, key, value, mask)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
    torch.testing.assert_close(unscaled, expected, rtol=0, atol=EXACT[dtype])


def test_products_of_unequal_batches():
    query, key, value = torch.randn(1, N, D), torch.randn(H, B, M, D), torch.randn(B, M, V)
    context, _ = attend(ScaledDot(D, D), query, key, value)
    assert context.shape == (H, B, N, V)
    expected = F.scaled_dot_product_attention(query.expand(H, B, N, D), key, value.expand(H, B, M, V))
    torch.testing.assert_close(context, expected)


def test_the_uniform_score_averages():
    value = torch.randn(B, M, V)
    context, _ = attend(
        Uniform(D, DK), torch.randn(B, N, D), torch.randn(B, M, DK), value, torch.tensor([3, M])
    )
    torch.testing.assert_close(context[0], value[0, :3].mean(0).expand(N, V))
    torch.testing.assert_close(context[1], value[1].mean(0).expand(N, V))
