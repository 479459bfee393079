"""Cross-entropy over real positions, against torch's own over all of them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from attnrun.training.losses import cross_entropy, projected_cross_entropy

B, T, D, K, PAD = 3, 7, 5, 11, 0


@pytest.fixture
def targets() -> torch.Tensor:
    ids = torch.randint(1, K, (B, T), generator=torch.Generator().manual_seed(0))
    ids[0, 4:] = ids[1, 1:] = PAD
    return ids


@pytest.fixture
def states() -> torch.Tensor:
    return torch.randn(
        B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    ).requires_grad_()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_torch_and_its_gradient(states, targets, smoothing):
    projection = nn.Linear(D, K).double()
    logits = projection(states)
    expected = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=smoothing
    )
    for total, count in (
        cross_entropy(logits, targets, PAD, smoothing),
        projected_cross_entropy(states, projection, targets, PAD, label_smoothing=smoothing),
    ):
        assert count == (targets != PAD).sum() == 12
        torch.testing.assert_close(total, expected, rtol=1e-12, atol=0)
        gradients = [torch.autograd.grad(loss, states, retain_graph=True)[0] for loss in (total, expected)]
        torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_smoothing_by_its_definition(states, targets):
    logits = states.new_zeros(B, T, K) + states.sum(-1, keepdim=True) * torch.arange(K)
    logs = logits.log_softmax(-1)
    expected = sum(
        -0.8 * logs[b, t, targets[b, t]] - 0.2 * logs[b, t].mean()
        for b in range(B)
        for t in range(T)
        if targets[b, t]
    )
    torch.testing.assert_close(cross_entropy(logits, targets, PAD, 0.2)[0], expected)


def test_padding_is_not_even_projected(states, targets):
    seen = []
    projection = nn.Linear(D, K).double()
    projected_cross_entropy(states, lambda rows: seen.append(rows.shape) or projection(rows), targets, PAD)
    assert seen == [(12, D)]


def test_more_padding_changes_nothing(states, targets):
    projection = nn.Linear(D, K).double()
    wider = F.pad(states, (0, 0, 0, 5), value=1e6), F.pad(targets, (0, 5), value=PAD)
    one = projected_cross_entropy(states, projection, targets, PAD)
    other = projected_cross_entropy(wider[0], projection, wider[1], PAD)
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_nothing_real_is_zero_and_has_a_gradient(states):
    total, count = projected_cross_entropy(states, nn.Linear(D, K).double(), torch.full((B, T), PAD), PAD)
    total.backward()
    assert total == 0 and count == 0 and not states.grad.any()
