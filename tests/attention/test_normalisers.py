"""Normalisers: what every one that a YAML file in configs/normaliser names keeps to, and the files."""

import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
import yaml

from attnrun.attention import Dot, Epanechnikov, attend, causal_mask, top_k_softmax
from tests.attention.masked_rows import DTYPES, ROUNDING, B, M, N, random_mask, random_scores

BAD = [torch.nan, torch.inf, -torch.inf, 3e38, -3e38]
CONFIGS = Path(__file__).parents[2] / "configs" / "normaliser"
NO_DISTRIBUTION = {"sigmoid"}  # weighs each key by itself


def _normaliser(path):
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    module, _, name = keys.pop("_target_").rpartition(".")
    return functools.partial(getattr(importlib.import_module(module), name), **keys)


# top-k takes more keys than there are here unless it is told: the third choice leaves some out
FILES = {path.stem: _normaliser(path) for path in sorted(CONFIGS.glob("*.yaml"))}
EVERY = {**FILES, "top-3": functools.partial(top_k_softmax, k=3)}
every = pytest.mark.parametrize("name", EVERY)


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_a_distribution_over_the_permitted(name, dtype):
    mask = random_mask()
    weights = EVERY[name](random_scores(B, N, M, dtype=dtype, spread=3), mask)
    assert weights.dtype == dtype
    assert (weights >= 0).all()
    assert (weights <= 1).all()
    assert (weights[~mask] == 0).all()
    sums = weights.double().sum(-1)
    assert (sums[~mask.any(-1)] == 0).all()
    if name not in NO_DISTRIBUTION:
        expected = torch.ones(B, N, dtype=torch.float64)
        seen = mask.any(-1)
        torch.testing.assert_close(sums[seen], expected[seen], rtol=0, atol=3 * ROUNDING[dtype])


@every
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", ["mask", "lengths", "scores"])
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_an_empty_row_is_zero_so_is_its_gradient_and_no_nan_on_the_way(name, dtype, how):
    scores = random_scores(B, N, M, dtype=dtype)
    if how == "scores":
        scores[0] = -torch.inf
    mask = {"mask": torch.tensor([False, True]).view(B, 1, 1), "lengths": torch.tensor([0, M])}.get(how)
    scores.requires_grad_()
    with torch.autograd.detect_anomaly():
        weights = EVERY[name](scores, mask)
        (weights * random_scores(B, N, M, dtype=dtype)).sum().backward()
    assert (weights[0] == 0).all()
    assert (scores.grad[0] == 0).all()
    assert weights[1].isfinite().all()
    assert scores.grad[1].isfinite().all()
    assert scores.grad[1].abs().sum() > 0


@every
@pytest.mark.parametrize("bad", BAD)
def test_what_is_masked_does_not_leak(name, bad):
    clean, mask = random_scores(B, N, M, dtype=torch.float32), random_mask()
    dirty, upstream = clean.masked_fill(~mask, bad), random_scores(B, N, M, dtype=torch.float32)
    gradients = []
    for scores, gradient in ((clean, upstream), (dirty, upstream.masked_fill(~mask, torch.nan))):
        scores.requires_grad_()
        EVERY[name](scores, mask).backward(gradient)
        gradients.append(scores.grad)
    assert torch.equal(EVERY[name](clean, mask), EVERY[name](dirty, mask))
    assert torch.equal(*gradients)
    assert (gradients[1][~mask] == 0).all()
    assert gradients[1].abs().sum() > 0


@every
def test_a_score_of_minus_infinity_is_a_mask(name):
    scores, mask = random_scores(B, N, M), random_mask()
    by_score = EVERY[name](scores.masked_fill(~mask, -torch.inf))
    torch.testing.assert_close(by_score, EVERY[name](scores, mask), rtol=0, atol=0)


@every
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_where_attending_is_permitted_is_not_hidden(name, bad):
    scores = torch.tensor([[0.0, bad, 1.0, 2.0, 3.0, 0.5]])
    weights = EVERY[name](scores, torch.tensor([True] * 5 + [False]))
    alone = name in NO_DISTRIBUTION
    assert weights[0, 1].isnan() or (alone and weights[0, 1] == 1)
    assert weights[0, 5] == 0
    assert alone or not (weights.nan_to_num() > 0).any()


@every
def test_extra_padding_changes_nothing(name):
    scores = random_scores(B, N, M)
    wide = torch.cat([scores, random_scores(B, N, 4, spread=9)], -1)
    padded = EVERY[name](wide, torch.tensor([M, M]))
    torch.testing.assert_close(padded[..., :M], EVERY[name](scores), rtol=0, atol=1e-14)


@every
def test_permuting_the_keys_permutes_the_weights(name):
    scores, mask, order = random_scores(B, N, M, spread=2).round(decimals=1), random_mask(), torch.randperm(M)
    expected = EVERY[name](scores, mask)[..., order]
    torch.testing.assert_close(EVERY[name](scores[..., order], mask[..., order]), expected)


@every
@pytest.mark.parametrize("shift", [-3.7, 1e4])
def test_a_constant_added_to_a_row_changes_nothing(name, shift):
    scores, mask = random_scores(B, N, M), random_mask()
    same = torch.allclose(EVERY[name](scores + shift, mask), EVERY[name](scores, mask), rtol=0, atol=1e-11)
    assert same == (name not in NO_DISTRIBUTION)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_scores(name, dtype):
    scores = random_scores(B, N, M, dtype=dtype) * 1e4
    scores.requires_grad_()
    weights = EVERY[name](scores, random_mask())
    (weights * random_scores(B, N, M, dtype=dtype)).sum().backward()
    assert weights.isfinite().all()
    assert scores.grad.isfinite().all()


@every
def test_gradcheck_masked_rows_included(name):
    scores, mask = random_scores(B, N, M).requires_grad_(), random_mask()
    assert torch.autograd.gradcheck(lambda s: EVERY[name](s, mask), scores)
    assert torch.autograd.gradgradcheck(lambda s: EVERY[name](s, mask), scores)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast(name, dtype):
    scores = random_scores(B, N, M, dtype=dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = EVERY[name](scores, torch.tensor([0, 3]))
    (weights * torch.randn(B, N, M)).sum().backward()
    plain = EVERY[name](scores.detach().double(), torch.tensor([0, 3]))
    torch.testing.assert_close(weights.double(), plain, rtol=0, atol=ROUNDING[dtype])
    assert scores.grad.isfinite().all()
    assert (scores.grad[0] == 0).all()


@every
def test_half_types_are_computed_in_float32(name):
    scores = random_scores(1, 4099, dtype=torch.float16, spread=0.001)
    expected = EVERY[name](scores.double())
    torch.testing.assert_close(EVERY[name](scores).double(), expected, rtol=1e-3, atol=1e-7)


@every
def test_one_key_and_no_keys_and_nothing(name):
    one = EVERY[name](random_scores(B, N, 1), torch.tensor([1, 0]))
    assert (one[1] == 0).all()
    assert name in NO_DISTRIBUTION or (one[0] == 1).all()
    for shape in [(B, N, 0), (B, 0, M), (0, N, M)]:
        scores = torch.zeros(shape, requires_grad=True)
        weights = EVERY[name](scores, torch.ones(shape, dtype=torch.bool))
        weights.sum().backward()
        assert weights.shape == scores.grad.shape == shape


@every
def test_scores_may_lie_anywhere_in_memory_and_stay_as_they_are(name):
    scores, mask = random_scores(M, N, B), random_mask()
    strided, before = scores.permute(2, 1, 0), scores.clone()
    torch.testing.assert_close(EVERY[name](strided, mask), EVERY[name](strided.contiguous(), mask))
    assert EVERY[name](scores[:1, :1, :1].expand(B, N, M), mask).shape == (B, N, M)
    assert torch.equal(scores, before)


@every
def test_a_decoder_step_by_step_gets_the_weights_of_all_steps_at_once(name):
    scores = random_scores(M, M)
    together = EVERY[name](scores, causal_mask(M))
    for step in range(M):
        torch.testing.assert_close(EVERY[name](scores[step, : step + 1]), together[step, : step + 1])


@every
@pytest.mark.parametrize("shape", [(M,), (N, 1), (B, 1, M), (1, 1, 1), ()])
def test_boolean_masks_broadcast_and_others_are_refused(name, shape):
    scores, mask = random_scores(B, N, M), torch.rand(shape) < 0.5
    assert torch.equal(EVERY[name](scores, mask), EVERY[name](scores, mask.expand(B, N, M)))
    for wrong in (torch.ones(B, N, M + 1, dtype=torch.bool), torch.ones(N, M)):
        with pytest.raises(ValueError, match="mask"):
            EVERY[name](scores, wrong)


@every
@pytest.mark.parametrize("score", [Dot, functools.partial(Epanechnikov, width=2.0)])
def test_attend_takes_each_of_them(name, score):
    query, key, value = (
        random_scores(B, N, 3).requires_grad_(),
        random_scores(B, M, 3).requires_grad_(),
        random_scores(B, M, 2),
    )
    lengths = torch.tensor([0, 4])
    context, weights = attend(
        score(3, 3), query, key, value, lengths, normaliser=EVERY[name], need_weights=True
    )
    torch.testing.assert_close(context, weights @ value)
    context.square().sum().backward()
    assert (context[0] == 0).all()
    for gradient in (query.grad, key.grad):
        assert gradient.isfinite().all()
        assert (gradient[0] == 0).all()


# The files


@pytest.mark.parametrize("name", FILES)
def test_the_header_says_what_it_is_and_where_from_and_the_keys_are_declared(name):
    what, source, *_ = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# what: \S.{9,90}", what)
    assert re.fullmatch(r"# source: \S.*\d{4}.*", source)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    parameters = inspect.signature(FILES[name].func).parameters.values()
    keys = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert FILES[name].keywords == keys  # a file named after its function gives the function's own defaults
