"""Labels judged: against loops in float64, with places that have no answer."""

import math

import pytest
import torch
from torch import nn

from attnrun.data.batching import Sequences
from attnrun.data.examples import ExampleBatches, Examples
from attnrun.training.labels import judge, label_loss, looks

GENERATOR = torch.Generator().manual_seed(4)


def cross_entropy(logits: list[float], right: int, smoothing: float) -> float:
    total = math.log(sum(map(math.exp, logits)))
    costs = [total - value for value in logits]
    return (1 - smoothing) * costs[right] + smoothing * sum(costs) / len(costs)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_summed_over_what_has_an_answer(smoothing: float) -> None:
    logits = torch.randn(5, 7, 3, generator=GENERATOR)
    targets = torch.randint(-1, 3, (5, 7), generator=GENERATOR)
    total, count = label_loss(logits, targets, smoothing)
    there = [(i, j) for i in range(5) for j in range(7) if targets[i, j] >= 0]
    expected = sum(cross_entropy(logits[i, j].tolist(), int(targets[i, j]), smoothing) for i, j in there)
    assert float(total) == pytest.approx(expected, rel=1e-5) and int(count) == len(there) < 35


class Parity(nn.Module):
    """Says 1 of odd numbers and 0 of even ones, and is sure of it; looks at the places before."""

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(tokens % 2, 2) * 4.0

    def look(self, tokens: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        size = tokens.shape[1]
        return self(tokens, lengths), torch.ones(size, size).tril() * tokens[:, :1, None, None, None]


def batches() -> ExampleBatches:
    rows = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [2, 2]]
    tags = [[1, 0, 0], [0], [1, 0, 1, 0, 1], [1, 0]]  # two of eleven are not the parity
    return ExampleBatches(Examples(Sequences(rows), Sequences(tags)), batch_size=3, seed=0)


def test_answers_are_in_the_order_of_the_examples_and_without_padding() -> None:
    judged = judge(Parity(), batches(), torch.device("cpu"))
    assert judged.answers == [[1, 0, 1], [0], [1, 0, 1, 0, 1], [0, 0]]
    assert judged.right == [[1, 0, 0], [0], [1, 0, 1, 0, 1], [1, 0]]
    assert judged.accuracy == pytest.approx(9 / 11)
    wrong, right = cross_entropy([4.0, 0.0], 1, 0), cross_entropy([4.0, 0.0], 0, 0)
    assert judged.loss == pytest.approx((2 * wrong + 9 * right) / 11)


def test_looks_are_cut_to_each_example() -> None:
    found = looks(Parity(), batches(), torch.device("cpu"))
    assert [one.shape for one in found if one is not None] == [(1, 1, size, size) for size in (3, 1, 5, 2)]
    assert [float(one[0, 0, 0, 0]) for one in found if one is not None] == [1, 4, 5, 2]
    assert found[0] is not None and not found[0][0, 0, 0, 1:].any()


def test_nothing_is_judged_as_nothing() -> None:
    nothing = ExampleBatches(Examples(Sequences([]), Sequences([])), 3, 0)
    assert judge(Parity(), nothing, torch.device("cpu")).answers == []
