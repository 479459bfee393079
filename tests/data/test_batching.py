"""Batches: nothing lost, nothing twice, padding at the end, and an order that resumes by slicing."""

import multiprocessing
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from attnrun.data.batching import TextBatches, bucketed_order, encode_pairs, sequential_order
from attnrun.data.corpus import Pair
from attnrun.data.tokenisers import Word
from attnrun.data.vocabulary import BOS, EOS, PAD
from attnrun.errors import UserError
from attnrun.launch.config import check, compose

COUNT, SIZE = 211, 7


def pairs() -> list[Pair]:
    chance = random.Random(5)
    words = [f"w{n}" for n in range(13)]
    return [
        Pair(
            " ".join(chance.choices(words, k=chance.randint(1, 17))),
            " ".join(chance.choices(words, k=k % 11 + 1)),
        )
        for k in range(COUNT)
    ]


TOKENISER = Word(minimum_frequency=1).fit(pair.source for pair in pairs())


def batches(seed: int = 3, **keys) -> TextBatches:
    return TextBatches(encode_pairs(pairs(), TOKENISER, TOKENISER), batch_size=SIZE, seed=seed, **keys)


def flat(order: list[list[int]]) -> list[int]:
    return [index for batch in order for index in batch]


@pytest.mark.parametrize("bucket", [1, 2, 100])
@pytest.mark.parametrize("count", [0, 1, SIZE, SIZE + 1, COUNT])
def test_every_index_occurs_once_and_one_batch_at_most_is_short(count, bucket):
    lengths = np.random.default_rng(1).integers(1, 30, count)
    order = bucketed_order(lengths, SIZE, seed=2, epoch=0, bucket=bucket)
    assert sorted(flat(order)) == list(range(count))
    assert sum(len(batch) != SIZE for batch in order) <= 1
    assert all(0 < len(batch) <= SIZE for batch in order)


def test_the_order_is_a_pure_function_of_seed_and_epoch():
    lengths = [n % 17 for n in range(COUNT)]
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    made = {
        (seed, epoch): bucketed_order(lengths, SIZE, seed, epoch) for seed in range(3) for epoch in range(3)
    }
    assert before == (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    assert all(bucketed_order(lengths, SIZE, *key) == order for key, order in made.items())
    assert len({str(order) for order in made.values()}) == len(made)


def test_a_resumed_epoch_is_a_slice_of_the_whole():
    whole, again = batches(), batches()
    assert again.order(4)[19:] == whole.order(4)[19:]
    first = [again.collate(indices) for indices in again.order(4)[19:]]
    second = [whole.collate(indices) for indices in whole.order(4)[19:]]
    assert all(
        torch.equal(a.source, b.source) and torch.equal(a.target, b.target)
        for a, b in zip(first, second, strict=True)
    )


def padding_share(lengths: np.ndarray, order: list[list[int]]) -> float:
    padded = sum(len(batch) * lengths[batch].max() for batch in order)
    return 1 - lengths.sum() / padded


def test_bucketing_pads_far_less_than_chance():
    lengths = np.random.default_rng(0).geometric(0.1, 2000)
    at_random = padding_share(lengths, bucketed_order(lengths, SIZE, 1, 0, bucket=1))
    assert at_random > 0.5
    assert padding_share(lengths, bucketed_order(lengths, SIZE, 1, 0)) < 0.1


def by_tokens(limit: int, seed: int = 3) -> TextBatches:
    return TextBatches(encode_pairs(pairs(), TOKENISER, TOKENISER), batch_tokens=limit, seed=seed)


@pytest.mark.parametrize("limit", [1, 41, 97, 10**6])
def test_batches_by_tokens_hold_every_pair_once_and_no_more_than_they_may(limit):
    made = by_tokens(limit)
    order = made.order(2)
    assert sorted(flat(order)) == list(range(COUNT))
    assert order == by_tokens(limit).order(2) != made.order(3)
    for indices in order:
        batch = made.collate(indices)
        assert batch.source.numel() + batch.target.numel() <= limit or len(indices) == 1


def test_batches_by_tokens_are_well_filled():
    made = by_tokens(97)
    numbers = [made.collate(indices) for indices in made.order(0)]
    padded = [batch.source.numel() + batch.target.numel() for batch in numbers]
    assert np.mean(padded) > 0.8 * 97
    real = sum(int((batch.source_lengths + batch.target_lengths).sum()) for batch in numbers)
    assert real / sum(padded) > 0.85


def test_exactly_one_size_is_given():
    encoded = encode_pairs(pairs(), TOKENISER, TOKENISER)
    with pytest.raises(UserError, match="batch_size and batch_tokens are both null"):
        TextBatches(encoded, seed=0)
    with pytest.raises(UserError, match="batch_size and batch_tokens are both given"):
        TextBatches(encoded, batch_size=2, batch_tokens=50, seed=0)
    with pytest.raises(UserError, match="both given"):
        check(compose("sequence", ["batch_tokens=100"])).require_fit()


def test_batches_come_in_no_order_of_length():
    lengths = np.arange(2000)
    means = [lengths[batch].mean() for batch in bucketed_order(lengths, SIZE, 1, 0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_a_batch_holds_its_pairs_and_padding_only_at_the_end():
    made = batches()
    for indices in made.order(0)[:5]:
        batch = made.collate(indices)
        assert len(batch) == len(indices)
        assert batch.source.shape == (len(indices), batch.source_lengths.max())
        assert batch.target.shape == (len(indices), batch.target_lengths.max())
        for row, index in enumerate(indices):
            source = batch.source[row].tolist()
            target = batch.target[row].tolist()
            source_length, target_length = int(batch.source_lengths[row]), int(batch.target_lengths[row])
            assert source[:source_length] == TOKENISER.encode(pairs()[index].source)
            assert target[:target_length] == [BOS, *TOKENISER.encode(pairs()[index].target), EOS]
            assert set(source[source_length:] + target[target_length:]) <= {PAD}
        assert {batch.source.dtype, batch.source_lengths.dtype, batch.target.dtype} == {torch.int64}
        assert torch.equal(batch.target_in[:, 1:], batch.target_out[:, :-1])
        assert (batch.target_in[:, 0] == BOS).all()


def test_a_batch_moves_to_a_device():
    moved = batches().collate([0, 1, 2]).to("meta")
    assert {tensor.device.type for tensor in vars(moved).values()} == {"meta"}


def test_long_pairs_are_dropped_and_counted_and_places_remain_known():
    given = [Pair("a b c", "a"), Pair("a", "a b c d"), Pair("a b", "a b c"), Pair("a", "a")]
    tokeniser = Word(minimum_frequency=1).fit(["a b c d"])
    encoded = encode_pairs(given, tokeniser, tokeniser, max_length=3)
    assert (len(encoded), encoded.dropped) == (3, 1)
    assert encode_pairs(given, tokeniser, tokeniser).dropped == 0
    assert encoded.target[0].tolist() == [BOS, *tokeniser.encode("a"), EOS]


def test_a_pair_without_tokens_is_misuse():
    with pytest.raises(ValueError, match="pair 1 has an empty side"):
        encode_pairs([Pair("a", "a"), Pair("a", " \xa0")], TOKENISER, TOKENISER)


def test_evaluation_runs_by_length():
    lengths = [5, 2, 9, 2, 7, 1, 9]
    order = sequential_order(lengths, 3)
    assert [lengths[index] for index in flat(order)] == [9, 9, 7, 5, 2, 2, 1]
    made = batches()
    widths = [int(made.collate(indices).target_lengths.max()) for indices in made.sequential()]
    assert widths == sorted(widths, reverse=True)
    assert sorted(flat(made.sequential())) == list(range(COUNT))


def test_batches_survive_pickling():
    made = batches()
    back = pickle.loads(pickle.dumps(made))
    assert back.order(3) == made.order(3)
    assert torch.equal(back.collate([5, 6]).target, made.collate([5, 6]).target)


class Drawn(torch.utils.data.Dataset):
    """Batches by their place in the order, as a training loop draws them."""

    def __init__(self, made: TextBatches, order: list[list[int]]) -> None:
        self.made, self.order = made, order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int):
        return self.made.collate(self.order[place])


def test_workers_give_the_same_batches_as_none():
    made = batches()
    order = made.order(0)[:5]
    context = multiprocessing.get_context("fork")
    loader = DataLoader(Drawn(made, order), batch_size=None, num_workers=2, multiprocessing_context=context)
    for batch, indices in zip(loader, order, strict=True):
        assert torch.equal(batch.source, made.collate(indices).source)
        assert torch.equal(batch.target_lengths, made.collate(indices).target_lengths)


def test_the_fingerprint_changes_with_any_number_and_any_border():
    def of(*lines: tuple[str, str]) -> str:
        return encode_pairs([Pair(*line) for line in lines], TOKENISER, TOKENISER).fingerprint()

    base = of(("w1 w2", "w3"), ("w4", "w5"))
    assert base == of(("w1 w2", "w3"), ("w4", "w5"))
    changed = [
        of(("w1 w2", "w3"), ("w4", "w6")),
        of(("w1", "w3"), ("w2 w4", "w5")),
        of(("w4", "w5"), ("w1 w2", "w3")),
        of(("w1 w2", "w5"), ("w4", "w3")),
    ]
    assert len({base, *changed}) == 5
