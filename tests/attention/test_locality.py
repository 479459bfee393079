"""Localities against loops: windows, blocks, and the places that Luong et al. 2015 look at.

Sizes are distinct primes: B 5, H 2, N 7, M 11, E 13.
"""

import math
from functools import partial

import pytest
import torch

from attnrun.attention import (
    Block,
    Locality,
    Monotonic,
    MultiHead,
    Predictive,
    ScaledDot,
    Window,
    attend,
    causal_mask,
    lengths_mask,
    masked_softmax,
    sparsemax,
)

B, N, M, E = 5, 7, 11, 13
LENGTHS = torch.tensor([3, 11, 1, 8, 5])
BY_PLACE = {
    "window": (partial(Window, width=2), lambda i, j: abs(i - j) <= 2),
    "no window": (partial(Window, width=0), lambda i, j: i == j),
    "block": (partial(Block, size=3), lambda i, j: i // 3 == j // 3),
    "local-m": (partial(Monotonic, width=4), lambda i, j: abs(i - j) <= 4),
}


def query(seed=1):
    return torch.randn(B, N, E, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", BY_PLACE)
@pytest.mark.parametrize("offset", [0, 1, 4])
def test_keys_are_seen_by_their_places(name, offset):
    make, near = BY_PLACE[name]
    mask, factors = make(E).narrow(query(), None, M, offset)
    expected = [[near(offset + i, j) for j in range(M)] for i in range(N)]
    assert mask.tolist() == expected and factors is None
    own = lengths_mask(LENGTHS, M)[:, None]  # (B, 1, 1, M)
    both, _ = make(E).narrow(query(), own, M, offset)
    assert torch.equal(both, own & torch.tensor(expected))


def test_everything_is_seen_without_a_locality():
    mask = lengths_mask(LENGTHS, M)
    assert Locality(E).narrow(query(), mask, M) == (mask, None)
    assert Locality(E).narrow(query(), None, M) == (None, None)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("width", [1, 2, 10])
def test_predictive_alignment_is_that_of_the_paper(masked, width):
    torch.manual_seed(3)
    locality = Predictive(E, width=width).double()
    mask = lengths_mask(LENGTHS, M)[:, None] if masked else None  # (B, 1, 1, M)
    narrowed, factors = locality.narrow(query(), mask, M)
    assert narrowed.shape == factors.shape == (B, 1, N, M)
    W, v = locality.W.weight.detach(), locality.v.weight[0].detach()
    sigma = width / 2
    for b in range(B):
        length = int(LENGTHS[b]) if masked else M
        for n in range(N):
            energy = float(v @ torch.tanh(W @ query()[b, n]))
            place = length / (1 + math.exp(-energy))
            for s in range(M):
                seen = s < length and abs(s - place) <= width
                assert bool(narrowed[b, 0, n, s]) is seen
                expected = math.exp(-((s - place) ** 2) / (2 * sigma**2))
                assert float(factors[b, 0, n, s].detach()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("normaliser", [masked_softmax, sparsemax], ids=["softmax", "sparsemax"])
def test_weights_are_multiplied_after_the_normaliser(normaliser):
    torch.manual_seed(5)
    locality = Predictive(E, width=3).double()
    heads = MultiHead(E, E, E, E, 1, ScaledDot, normaliser, None, locality, projections=False)
    key = torch.randn(B, M, E, dtype=torch.float64)
    output, weights = heads(query(), key, key, LENGTHS, need_weights=True)
    mask, factors = locality.narrow(query(), lengths_mask(LENGTHS, M)[:, None], M)
    _, plain = attend(
        ScaledDot(E, E), query(), key, key, mask[:, 0], normaliser=normaliser, need_weights=True
    )
    torch.testing.assert_close(weights[:, 0], plain * factors[:, 0])
    torch.testing.assert_close(output, weights[:, 0] @ key)
    sums = weights.sum(-1)
    assert (sums <= 1 + 1e-12).all() and (sums < 0.99).any()


def test_the_place_is_learned_through_the_gaussian():
    torch.manual_seed(5)
    locality = Predictive(E, width=3).double()

    def factors(W, v):
        own = {"W.weight": W, "v.weight": v}
        return torch.func.functional_call(_Factors(locality), {f"of.{name}": x for name, x in own.items()})

    assert torch.autograd.gradcheck(factors, (locality.W.weight, locality.v.weight), atol=1e-6)


class _Factors(torch.nn.Module):
    def __init__(self, of):
        super().__init__()
        self.of = of

    def forward(self):
        return self.of.narrow(query(), None, M)[1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_pass(dtype):
    locality = Predictive(E, width=3).to(dtype)
    heads = MultiHead(E, E, E, E, 1, ScaledDot, masked_softmax, None, locality, projections=False).to(dtype)
    x = query().to(dtype)
    output, weights = heads(x, x, x, torch.tensor([2, 7, 1, 3, 5]), need_weights=True)
    assert output.dtype == weights.dtype == dtype and output.isfinite().all()


def test_windows_past_the_end_of_the_source_see_nothing():
    heads = MultiHead(
        E, E, E, E, 1, ScaledDot, masked_softmax, None, Monotonic(E, width=1), projections=False
    )
    key = torch.randn(B, 3, E)
    target = torch.randn(B, N, E, requires_grad=True)
    output, weights = heads(target, key, key, need_weights=True)
    assert not weights[:, 0, 4:].any() and weights[:, 0, :4].any(-1).all()
    output.sum().backward()
    assert not output[:, 4:].any() and not target.grad[:, 4:].any()


def test_a_window_works_with_causality_and_with_a_kept_past():
    torch.manual_seed(2)
    heads = MultiHead(12, 12, 12, 12, 2, ScaledDot, masked_softmax, None, Window(12, width=2)).double()
    x = torch.randn(B, N, 12, dtype=torch.float64)
    whole, weights = heads(x, x, x, causal_mask(N), need_weights=True)
    for n in range(N):
        assert weights[0, 0, n].nonzero().flatten().tolist() == list(range(max(0, n - 2), n + 1))
    keys = heads.project(x, x)
    for n in range(N):
        past = tuple(part[..., : n + 1, :] for part in keys)
        step, _ = heads.attend(x[:, n : n + 1], past, offset=n)
        torch.testing.assert_close(step[:, 0], whole[:, n], atol=1e-12, rtol=0)


def test_without_keys_there_is_nothing_to_narrow():
    mask, factors = Predictive(E).narrow(query().float(), torch.ones(B, 1, 1, 0, dtype=torch.bool), 0)
    assert mask.shape == factors.shape == (B, 1, N, 0)


@torch.no_grad()
def test_a_half_type_finds_places_beyond_those_that_it_can_count():
    local = Predictive(4, width=3).bfloat16()
    local.v.weight.zero_()  # the centre is half of the length
    near, factors = local.narrow(torch.randn(1, 1, 4).bfloat16(), None, 700)
    expected = torch.tensor([math.exp(-2 * (place / 3) ** 2) for place in range(-3, 4)])
    torch.testing.assert_close(factors[near].float(), expected, rtol=1e-2, atol=1e-3)
    assert factors.dtype == torch.bfloat16 and near.nonzero()[0, -1] == 347
