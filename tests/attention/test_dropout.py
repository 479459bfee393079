"""Dropout by its definition: what is dropped, how often, and what is left."""

import pytest
import torch

from attnrun.attention import Dropout
from attnrun.attention.dropout import dropout


@pytest.mark.parametrize("p", [0.003, 0.1, 0.5, 0.97])
def test_drops_as_often_as_it_says_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    made = dropout(torch.ones(1_000_003), p)
    kept = made[made != 0]
    assert abs(float((made == 0).double().mean()) - p) < 5 * (p * (1 - p) / 1e6) ** 0.5 + 2**-17
    assert torch.equal(kept, kept[:1].expand_as(kept))  # all by the same factor
    assert abs(float(kept[0]) * (1 - p) - 1) < 2**-17 / (1 - p)


def test_numbers_that_share_a_draw_are_independent() -> None:
    torch.manual_seed(1)
    dropped = (dropout(torch.ones(400_000), 0.3) == 0).double().view(-1, 4)
    together = torch.corrcoef(dropped.t()) - torch.eye(4)
    assert together.abs().max() < 5 / 100_000**0.5
    assert torch.corrcoef(torch.stack([dropped[:-1, 0], dropped[1:, 0]]))[0, 1].abs() < 5 / 100_000**0.5


def test_the_gradient_is_dropped_with_the_number() -> None:
    x = torch.randn(3, 5, 7, dtype=torch.float64).transpose(0, 2).requires_grad_()
    made = dropout(x, 0.4)
    made.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(made, x * x.grad)
    assert {round(float(one), 3) for one in x.grad.unique()} == {0.0, 1.667}


def test_nothing_in_evaluation_and_the_same_again_from_the_same_seed() -> None:
    layer, x = Dropout(0.5), torch.randn(11)
    first, second = (layer(x) for _ in range(2) if torch.manual_seed(3))
    assert torch.equal(first, second) and not torch.equal(first, x)
    assert layer.eval()(x) is x and Dropout(0.0)(x) is x
    assert layer(torch.empty(0)).shape == (0,)


@pytest.mark.parametrize("p", [1e-9, 1 - 1e-9])
def test_at_the_ends(p: float) -> None:
    made = dropout(torch.ones(100), p)
    assert made.isfinite().all() and float((made == 0).double().mean()) in (0.0, 1.0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_keeps_its_type(dtype: torch.dtype) -> None:
    assert dropout(torch.ones(9, dtype=dtype), 0.5).dtype == dtype
