"""The masked softmax."""

import math

import pytest
import torch

from attnrun.attention import masked_softmax, softmax

B, N, M = 2, 5, 7
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}


@pytest.fixture(params=[1024, 0], autouse=True, ids=["few", "many"])
def code(request, monkeypatch):
    """Many short rows have code of their own on a CPU."""
    monkeypatch.setattr(softmax, "MANY", request.param)


def loop_softmax(scores: list[float], permitted: list[bool]) -> list[float]:
    """The definition, number by number."""
    kept = [s for s, p in zip(scores, permitted, strict=True) if p and s != -math.inf]
    if not kept:
        return [0.0] * len(scores)
    powers = [math.exp(s - max(kept)) if p else 0.0 for s, p in zip(scores, permitted, strict=True)]
    return [power / math.fsum(powers) for power in powers]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("learned", [False, True], ids=["decoding", "training"])
@pytest.mark.parametrize("empty", ["no row", "a masked row", "a row of -inf"])  # which has code of its own
def test_equals_the_definition(empty, learned, dtype):
    scores = (torch.randn(B, N, M, dtype=torch.float64) * 3).to(dtype)
    scores[0, 1, 2] = -torch.inf
    mask = torch.rand(B, N, M) < 0.6
    mask[..., 5] = True
    if empty == "a masked row":
        mask[0, 0] = False
    if empty == "a row of -inf":
        scores[1, 3] = -torch.inf
    weights = masked_softmax(scores.requires_grad_(learned), mask).detach()
    rows = zip(scores.double().view(-1, M).tolist(), mask.view(-1, M).tolist(), strict=True)
    expected = torch.tensor([loop_softmax(*row) for row in rows], dtype=torch.float64).view(B, N, M)
    assert weights.dtype == dtype
    torch.testing.assert_close(weights.double(), expected, rtol=0, atol=ROUNDING[dtype])
    assert (weights[~mask] == 0).all()


def test_lengths_of_sequences_and_of_queries():
    equal = torch.zeros(2, 2, 4)
    by_sequence = masked_softmax(equal, torch.tensor([2, 4]))
    assert by_sequence[:, 1].tolist() == [[0.5, 0.5, 0, 0], [0.25] * 4]
    by_query = masked_softmax(equal, torch.tensor([[1, 4], [2, 0]]))
    assert by_query.tolist() == [[[1, 0, 0, 0], [0.25] * 4], [[0.5, 0.5, 0, 0], [0] * 4]]


@pytest.mark.parametrize("shape", [(M,), (N, 1), (N, M), (B, 1, M), (1, 1, 1), ()])
def test_boolean_masks_broadcast(shape):
    scores, mask = torch.randn(B, N, M), torch.rand(shape) < 0.5
    assert torch.equal(masked_softmax(scores, mask), masked_softmax(scores, mask.expand(B, N, M)))


def test_without_mask_it_is_the_softmax():
    scores = torch.randn(B, N, M)
    torch.testing.assert_close(masked_softmax(scores), scores.softmax(-1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", ["mask", "lengths", "scores"])
def test_an_empty_row_is_zero_and_so_is_its_gradient(dtype, how):
    scores = torch.randn(B, N, M).to(dtype)
    if how == "scores":
        scores[0] = -torch.inf
    mask = {"mask": torch.tensor([False, True]).view(B, 1, 1), "lengths": torch.tensor([0, M])}.get(how)
    scores.requires_grad_()
    weights = masked_softmax(scores, mask)
    (weights * torch.randn(B, N, M).to(dtype)).sum().backward()
    assert (weights[0] == 0).all()
    assert (scores.grad[0] == 0).all()
    assert weights[1].isfinite().all()
    assert scores.grad[1].isfinite().all()
    assert scores.grad[1].abs().sum() > 0


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_an_empty_row_is_no_anomaly_on_the_way_either():
    scores = torch.randn(B, N, M, requires_grad=True)
    with torch.autograd.detect_anomaly():
        masked_softmax(scores, torch.tensor([0, M])).square().sum().backward()
    assert (scores.grad[0] == 0).all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, 3e38])
def test_what_is_masked_does_not_leak(bad):
    clean, mask = torch.randn(B, N, M), torch.rand(B, N, M) < 0.5
    mask[1, 2] = False
    dirty, upstream = clean.masked_fill(~mask, bad), torch.randn(B, N, M)
    gradients = []
    for scores, gradient in ((clean, upstream), (dirty, upstream.masked_fill(~mask, torch.nan))):
        scores.requires_grad_()
        masked_softmax(scores, mask).backward(gradient)
        gradients.append(scores.grad)
    assert torch.equal(masked_softmax(clean, mask), masked_softmax(dirty, mask))
    assert torch.equal(*gradients)
    assert (gradients[1][~mask] == 0).all()


def test_nan_where_attending_is_permitted_is_not_hidden():
    scores = torch.tensor([[0.0, torch.nan, 1.0]])
    assert masked_softmax(scores, torch.tensor([True, True, False]))[0, :2].isnan().all()


def test_the_least_finite_score_still_counts():
    low = torch.full((1, 2), torch.finfo(torch.float32).min)
    assert masked_softmax(low, torch.tensor([True, False])).tolist() == [[1, 0]]


def test_half_types_are_computed_in_float32():
    scores = torch.zeros(1, 4099, dtype=torch.float16)  # added up in float16 the sum would stop at 2048
    assert masked_softmax(scores)[0, 0].item() == pytest.approx(1 / 4099, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast(dtype):
    scores = torch.randn(B, N, M, dtype=dtype, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = masked_softmax(scores, torch.tensor([0, 3]))
    (weights * torch.randn(B, N, M)).sum().backward()
    assert (weights[0] == 0).all()
    assert (weights[1, :, 3:] == 0).all()
    torch.testing.assert_close(weights.float().sum(-1)[1], torch.ones(N), rtol=0, atol=1e-2)
    assert scores.grad.isfinite().all()
    assert (scores.grad[0] == 0).all()


def test_gradcheck():
    scores = torch.randn(B, N, M, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([[1, 0, 3, 7, 2], [0, 7, 5, 6, 4]])
    assert torch.autograd.gradcheck(lambda s: masked_softmax(s, lengths), scores)


def test_no_keys_at_all():
    assert masked_softmax(torch.zeros(B, N, 0)).shape == (B, N, 0)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="does not broadcast"):
        masked_softmax(torch.zeros(B, N, M), torch.ones(B, N, M + 1, dtype=torch.bool))


@pytest.mark.parametrize("graded", [False, True])
def test_a_permitted_nan_does_not_reach_masked_keys(graded):
    scores = torch.tensor([[0.0, math.nan, 1.0], [0.0, 2.0, 1.0]], requires_grad=graded)
    weights = masked_softmax(scores, torch.tensor([True, True, False]))
    assert weights[:, 2].tolist() == [0, 0] and weights[0, :2].isnan().all()
    torch.testing.assert_close(weights[1, :2], torch.tensor([0.0, 2.0]).softmax(0))


def test_scores_are_numbers_of_a_type_that_has_fractions():
    for mask in (None, torch.tensor([True, False, True])):
        with pytest.raises(RuntimeError):
            masked_softmax(torch.arange(3), mask)
