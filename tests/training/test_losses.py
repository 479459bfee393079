"""Cross-entropy over real positions in blocks, against torch's own over all logits at once."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnrun.training import losses
from attnrun.training.losses import linear_cross_entropy

B, T, D, K, PAD = 3, 7, 5, 11, 0


@pytest.fixture
def targets() -> Tensor:
    ids = torch.randint(1, K, (B, T), generator=torch.Generator().manual_seed(0))
    ids[0, 4:] = ids[1, 1:] = PAD
    return ids  # 12 of them real


@pytest.fixture
def states() -> Tensor:
    chance = torch.Generator().manual_seed(1)
    return torch.randn(B, T, D, dtype=torch.float64, generator=chance).requires_grad_()


def layer(bias: bool = True, dtype: torch.dtype = torch.float64) -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(D, K, bias=bias).to(dtype)


def dense(states: Tensor, output: nn.Linear, targets: Tensor, smoothing: float) -> Tensor:
    logits = output(states).flatten(0, 1)
    keys = {"ignore_index": PAD, "reduction": "sum", "label_smoothing": smoothing}
    return F.cross_entropy(logits, targets.flatten(), **keys)


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_equals_torch_and_its_gradients(
    states: Tensor, targets: Tensor, smoothing: float, bias: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "_FEW", rows * K)
    monkeypatch.setattr(losses, "whole", lambda rows: rows)
    output = layer(bias)
    total, count = linear_cross_entropy(states, output, targets, PAD, smoothing)
    expected = dense(states, output, targets, smoothing)
    assert count == (targets != PAD).sum() == 12
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=0)
    inputs = (states, *output.parameters())
    gradients, others = (torch.autograd.grad(loss / 7, inputs) for loss in (total, expected))
    torch.testing.assert_close(gradients, others, rtol=1e-10, atol=1e-12)
    assert len(gradients) == (3 if bias else 2)


def test_a_weight_that_the_model_uses_elsewhere_gets_both_gradients(targets: Tensor) -> None:
    embedding, output = nn.Embedding(K, D).double(), layer()
    output.weight = embedding.weight
    linear_cross_entropy(embedding(targets), output, targets, PAD)[0].backward()
    made, embedding.weight.grad = embedding.weight.grad, None
    dense(embedding(targets), output, targets, 0.0).backward()
    torch.testing.assert_close(made, embedding.weight.grad, rtol=1e-10, atol=1e-12)


def test_what_is_frozen_gets_no_gradient(states: Tensor, targets: Tensor) -> None:
    output = layer().requires_grad_(False)
    linear_cross_entropy(states, output, targets, PAD)[0].backward()
    assert states.grad is not None and output.weight.grad is None
    with torch.no_grad():
        total, _ = linear_cross_entropy(states, output, targets, PAD)
    torch.testing.assert_close(total, dense(states, output, targets, 0.0))


def test_logits_of_any_size_are_finite(targets: Tensor) -> None:
    states = 1e4 * torch.randn(B, T, D, requires_grad=True)
    output = layer(dtype=torch.float32)
    total, _ = linear_cross_entropy(states, output, targets, PAD, 0.1)
    torch.testing.assert_close(total, dense(states, output, targets, 0.1))
    (gradient,) = torch.autograd.grad(total, states)
    assert gradient.isfinite().all() and gradient.any()


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(targets: Tensor, half: torch.dtype) -> None:
    states = torch.randn(B, T, D, generator=torch.Generator().manual_seed(4)).requires_grad_()
    output = layer(dtype=torch.float32)
    expected = dense(states, output, targets, 0.1)
    (wanted,) = torch.autograd.grad(expected, output.weight, retain_graph=True)
    with torch.autocast("cpu", half):
        total, _ = linear_cross_entropy(states, output, targets, PAD, 0.1)
    total.backward()
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, expected, rtol=1e-2, atol=0)
    torch.testing.assert_close(output.weight.grad, wanted, rtol=0.1, atol=0.05)


def test_smoothing_by_its_definition(states: Tensor, targets: Tensor) -> None:
    output = layer()
    logs = output(states).log_softmax(-1)
    expected = sum(
        -0.8 * logs[b, t, targets[b, t]] - 0.2 * logs[b, t].mean()
        for b in range(B)
        for t in range(T)
        if targets[b, t]
    )
    torch.testing.assert_close(linear_cross_entropy(states, output, targets, PAD, 0.2)[0], expected)


def test_more_padding_changes_nothing(states: Tensor, targets: Tensor) -> None:
    wider = F.pad(states, (0, 0, 0, 5), value=1e6), F.pad(targets, (0, 5), value=PAD)
    one = linear_cross_entropy(states, layer(), targets, PAD)
    other = linear_cross_entropy(wider[0], layer(), wider[1], PAD)
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_nothing_real_is_zero_and_has_a_gradient(states: Tensor) -> None:
    total, count = linear_cross_entropy(states, layer(), torch.full((B, T), PAD), PAD)
    total.backward()
    assert total == 0 and count == 0 and states.grad is not None and not states.grad.any()


def test_without_gradients_none_is_made(states: Tensor, targets: Tensor, monkeypatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(losses, "_add_gradients", lambda *given: made.append(given))
    output = nn.Linear(D, K).double()
    with torch.no_grad():
        linear_cross_entropy(states, output, targets, PAD)
    assert not made
    linear_cross_entropy(states, output, targets, PAD)
    assert made
