"""Mechanisms: what their parts make together, and which parts have nothing to do beside others."""

from functools import partial

import pytest
import torch

from attnrun.attention import (
    Alibi,
    Boxcar,
    Epanechnikov,
    FullyConnected,
    Gaussian,
    General,
    Heads,
    Locality,
    Max,
    Mechanism,
    Monotonic,
    Predictive,
    Rotary,
    ScaledDot,
    Sinusoidal,
    Triangular,
    Uniform,
    Window,
    sparsemax,
)
from attnrun.errors import UserError


def test_a_mechanism_builds_heads_of_its_parts():
    parts = {"normaliser": sparsemax, "mask": partial(Window, width=3), "heads": Heads(6, 2, True)}
    mechanism = Mechanism(attention=General, **parts)
    heads = mechanism.build(24, 24, 24, "self", Alibi(24, 6), dropout=0.25)
    assert (heads.heads, heads.groups, heads.dropout, heads.normaliser) == (6, 2, 0.25, sparsemax)
    assert isinstance(heads.locality, Window) and isinstance(heads.position, Alibi)
    assert all(isinstance(score, General) for score in heads.score.scores)
    assert type(mechanism.build(24, 24, 24, "cross").locality) is Locality  # a window is for one sequence


def test_the_default_is_one_head_over_vectors_as_they_are():
    heads = Mechanism(attention=General).build(5, 7, 7, "cross")
    query, memory = torch.randn(2, 3, 5), torch.randn(2, 11, 7)
    output, weights = heads(query, memory, memory, need_weights=True)
    expected = (query @ heads.score.W(memory).mT).softmax(-1)
    torch.testing.assert_close(weights[:, 0], expected)
    torch.testing.assert_close(output, expected @ memory)
    assert [name for name, _ in heads.named_parameters()] == ["score.W.weight"]


@pytest.mark.parametrize("kernel", [Boxcar, Triangular, Epanechnikov])
def test_a_kernel_that_reaches_no_key_is_refused_and_the_advice_sees_some(kernel):
    with pytest.raises(UserError, match=r"size 64 lie farther apart; set attention\.width=16") as told:
        Mechanism(attention=kernel).build(64, 64, 64, "cross")
    assert "gaussian" in str(told.value)
    heads = Mechanism(attention=partial(kernel, width=16)).build(64, 64, 64, "cross")
    x = torch.randn(3, 5, 64)
    assert heads(x, x.flip(0), x, need_weights=True)[1].any(-1).all()
    Mechanism(attention=kernel).build(1, 1, 1, "cross")
    Mechanism(attention=Gaussian).build(64, 64, 64, "cross")


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"attention": Max, "normaliser": sparsemax}, "^normaliser: max pooling has no weights"),
        ({"attention": Max, "mask": Predictive}, "^mask: max pooling has no weights to multiply"),
        ({"attention": Max, "position": Rotary}, "^position: this attention does not look at"),
        ({"attention": Uniform, "position": Rotary}, "^position: this attention does not look at"),
        ({"attention": FullyConnected, "position": Rotary}, "^position: this attention does not look at"),
    ],
)
def test_a_part_that_could_change_nothing_is_refused(parts, told):
    with pytest.raises(UserError, match=told):
        Mechanism(**parts).require_use("a model", "self", "cross")


@pytest.mark.parametrize(
    "parts",
    [
        {"attention": Max, "mask": Monotonic, "position": Sinusoidal, "heads": Heads(2, 1, True)},
        {"attention": Uniform, "normaliser": partial(sparsemax), "mask": Predictive},
        {"attention": ScaledDot, "position": Rotary},
    ],
)
def test_a_part_that_changes_something_is_taken(parts):
    Mechanism(**parts).require_use("a model", "self", "cross")
