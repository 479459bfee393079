"""Which code makes a context: by itself where it pays, as it is asked for, or refused with the reason."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from attnrun.attention import (
    Additive,
    Boxcar,
    Dot,
    Gaussian,
    LinearKernel,
    Max,
    ScaledDot,
    Uniform,
    attend,
    backend,
    backends,
    causal_mask,
    masked_softmax,
    sparsemax,
    top_k_softmax,
)
from tests.attention.test_backends import FUSED, B, D, M, N, V, inputs


@pytest.fixture
def fused_calls(monkeypatch) -> list[str]:
    """Record calls of the two pieces of fused code."""
    calls: list[str] = []
    dot, linear = F.scaled_dot_product_attention, backends.linear_context
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *a, **k: calls.append("dot") or dot(*a, **k)
    )
    monkeypatch.setattr(backends, "linear_context", lambda *a, **k: calls.append("linear") or linear(*a, **k))
    return calls


def long_inputs() -> list[torch.Tensor]:
    return [torch.randn(B, *rest) for rest in ((211, D), (199, D), (199, V))]


@pytest.mark.parametrize("name", FUSED)
def test_long_inputs_are_fused_unless_asked_otherwise(name, fused_calls):
    score, given = FUSED[name](), long_inputs()
    attend(score, *given)
    attend(score, *given, normaliser=partial(masked_softmax))
    assert fused_calls == ["linear" if isinstance(score, LinearKernel) else "dot"] * 2
    with backend("eager"):
        attend(score, *given)
        with backend("fused"), backend("auto"):
            attend(score, *given, need_weights=True)
    assert len(fused_calls) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"normaliser": sparsemax},
        {"normaliser": partial(top_k_softmax, k=199)},
        {"dropout": 0.1, "training": True},
        {"bias": torch.zeros(211, 199, requires_grad=True)},
    ],
)
def test_auto_is_eager_where_nothing_is_gained(options, fused_calls):
    attend(ScaledDot(D, D), *long_inputs(), **options)
    attend(ScaledDot(D, D), *inputs(torch.float32))  # small
    query, key, value = long_inputs()
    attend(ScaledDot(D, D), query[:, :1], key, value)  # one step of a decoder
    assert not fused_calls


@pytest.mark.parametrize(
    ("keys", "gradient", "dtype"),
    [
        (backends.MANY_KEYS - 1, True, torch.float32),
        (backends.MANY_KEYS, True, torch.bfloat16),
        (backends.MANY_KEYS - 1, False, torch.bfloat16),
    ],
)
@pytest.mark.parametrize("autocast", [False, True])
def test_a_cpu_computes_half_types_where_their_gradient_is_no_slower(
    keys, gradient, dtype, autocast, monkeypatch
):
    found, dot = [], F.scaled_dot_product_attention

    def record(query, *rest, **options):
        context = dot(query, *rest, **options)
        found.append(context.dtype)  # that of the code, whatever autocast makes of the query
        return context

    monkeypatch.setattr(F, "scaled_dot_product_attention", record)
    own = torch.float32 if autocast else torch.bfloat16
    given = [torch.randn(B, *shape).to(own) for shape in ((211, D), (keys, D), (keys, V))]
    with backend("fused"), torch.set_grad_enabled(gradient), torch.autocast("cpu", enabled=autocast):
        context, _ = attend(Dot(D, D), *given)
    assert found == [dtype] and context.dtype == torch.bfloat16


@pytest.mark.parametrize("score", [Additive, Boxcar, Uniform, Max])
def test_a_score_without_a_fused_form_is_refused_by_name(score, fused_calls):
    attend(score(D, D), *long_inputs())
    with (
        backend("fused"),
        pytest.raises(ValueError, match=rf"no fused form here: {score.__name__} is no dot"),
    ):
        attend(score(D, D), *long_inputs())
    assert not fused_calls


@pytest.mark.parametrize(
    ("score", "options", "told"),
    [
        (Dot(D, D), {"normaliser": sparsemax}, "the normaliser sparsemax is not the softmax"),
        (
            Gaussian(D, D, width=1e-3),
            {},
            "Gaussian is no dot product, or none that is exact for these inputs",
        ),
        (LinearKernel(D, D), {"mask": causal_mask(N, M)}, r"needs a mask \(\.\.\., 1, M\), the same for"),
        (LinearKernel(D, D), {"bias": torch.zeros(N, M)}, "no place for a bias or for dropout"),
        (LinearKernel(D, D), {"dropout": 0.5, "training": True}, "no place for a bias or for dropout"),
    ],
)
def test_the_reason_is_told_where_fused_code_is_forced(score, options, told):
    given = inputs(torch.float32)
    attend(score, *given, **options)
    with backend("fused"), pytest.raises(ValueError, match=told) as refused:
        attend(score, *given, **options)
    assert "\n" not in str(refused.value)


def test_an_unknown_backend_is_refused():
    with (
        pytest.raises(ValueError, match="no attention backend 'flash'; there are auto, eager, fused"),
        backend("flash"),
    ):
        pass


def test_the_choice_ends_with_its_block_even_by_an_error(fused_calls):
    for _ in range(2):
        with pytest.raises(ValueError, match="Additive"), backend("fused"):
            attend(Additive(D, D), *inputs(torch.float32))
        attend(Additive(D, D), *inputs(torch.float32))
    assert not fused_calls
