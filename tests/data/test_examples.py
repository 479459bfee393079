"""Examples in batches: each once, inputs of about equal length together, answers on padding of none."""

import torch

from attnrun.data.batching import Sequences
from attnrun.data.examples import NO_ANSWER, ExampleBatches, Examples

ROWS = [[5, 3, 9], [7], [2, 2, 4, 8, 1], [6, 6]]
TAGS = [[0, 1, 2], [1], [2, 0, 0, 1, 1], [0, 2]]


def test_sequences_with_an_answer_for_each_number() -> None:
    batches = ExampleBatches(Examples(Sequences(ROWS), Sequences(TAGS)), batch_size=2, seed=3)
    batch = batches.collate([2, 1])
    assert batch.inputs.tolist() == [[2, 2, 4, 8, 1], [7, 0, 0, 0, 0]] and batch.lengths.tolist() == [5, 1]
    assert batch.targets.tolist() == [[2, 0, 0, 1, 1], [1, *[NO_ANSWER] * 4]]
    assert batches.sequential() == [[2, 0], [3, 1]]


def test_every_epoch_has_each_example_once_in_an_order_of_its_own() -> None:
    examples = Examples(torch.arange(34.0).reshape(17, 2), torch.arange(17))
    orders = [ExampleBatches(examples, 3, seed).order(epoch) for seed in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert sorted(index for indices in order for index in indices) == list(range(17))
    assert len({str(order) for order in orders}) == 4
    assert orders[1] == ExampleBatches(examples, 3, 0).order(1)


def test_tensors_come_as_they_are() -> None:
    examples = Examples(torch.arange(30.0).reshape(5, 3, 2), torch.tensor([4, 3, 2, 1, 0]))
    batch = ExampleBatches(examples, 2, 0).collate([3, 0])
    assert torch.equal(batch.inputs, examples.inputs[[3, 0]]) and batch.targets.tolist() == [1, 4]


def test_the_fingerprint_sees_every_number_and_shape() -> None:
    made = [
        Examples(Sequences(ROWS), Sequences(TAGS)),
        Examples(Sequences(ROWS), Sequences([[0, 1, 2], [1], [2, 0, 0, 1, 1], [0, 1]])),
        Examples(Sequences([*ROWS[:3], [6, 5]]), Sequences(TAGS)),
        Examples(Sequences(ROWS), torch.tensor([0, 1, 2, 3])),
        Examples(torch.zeros(4, 6), torch.tensor([0, 1, 2, 3])),
        Examples(torch.zeros(4, 3, 2), torch.tensor([0, 1, 2, 3])),
    ]
    assert len({one.fingerprint() for one in made}) == len(made)
    assert made[0].fingerprint() == Examples(Sequences(ROWS), Sequences(TAGS)).fingerprint()
