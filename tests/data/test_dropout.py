"""BPE dropout: the library's segmentation at probability 0, else another at each reading."""

import gzip
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from attnrun.data.batching import TextBatches, encode_pairs
from attnrun.data.corpus import Pair
from attnrun.data.dropout import MergeDropout, redraws
from attnrun.data.subwords import Bpe, BpeTokeniser
from attnrun.data.tokenisers import Word
from attnrun.data.vocabulary import BOS, EOS, UNK, Vocabulary
from attnrun.training.batches import iterate

TEXTS = ["the lowest newest tower, the widest.", "l'homme dort: <unk> <pad>!", "newer, lower low-lying"] * 9


@pytest.fixture(scope="module")
def tokeniser() -> BpeTokeniser:
    return Bpe(size=90).fit(TEXTS)


def characters(tokeniser: BpeTokeniser, ids: list[int]) -> str:
    return "".join(tokeniser.labels(ids))


@pytest.mark.parametrize("split", ["words", "spaces"])
def test_without_dropout_it_is_the_library(split: str) -> None:
    tokeniser = Bpe(size=120, split=split).fit(TEXTS)
    same = MergeDropout(tokeniser, 0.0)
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choices("lowestnr ,.'☃", k=37))
        ids = tokeniser.encode(text)
        assert same(ids) == ids
        assert same([BOS, *ids, EOS]) == [BOS, *ids, EOS]


def test_without_dropout_it_is_the_library_on_real_text(real_data: Path) -> None:
    with gzip.open(real_data / "multi30k/raw/train.de.gz", "rt", encoding="utf-8") as stream:
        texts = [line.strip() for line in stream][:3000]
    tokeniser = Bpe(size=1500, lowercase=False).fit(texts)
    same = MergeDropout(tokeniser, 0.0)
    for text in texts[::3]:
        ids = tokeniser.encode(text)
        assert same(ids) == ids
        assert tokeniser.decode(ids) == " ".join(text.split())


def test_it_reads_the_same_text_in_many_ways(tokeniser: BpeTokeniser) -> None:
    random.seed(3)
    drop = MergeDropout(tokeniser, 0.3)
    ids = [BOS, *tokeniser.encode(TEXTS[0] + " ☃"), EOS]
    drawn = [drop(ids) for _ in range(50)]
    assert len(set(map(tuple, drawn))) > 40
    assert {characters(tokeniser, one) for one in drawn} == {characters(tokeniser, ids)}
    assert all(one[0] == BOS and one[-1] == EOS and one[-2] == UNK for one in drawn)


def test_each_merge_is_left_out_with_its_probability() -> None:
    """Of `ab` with the one merge a b: apart with probability p; of `aab` with b after: worked out by hand."""
    tokens = ["▁", "a", "b", "aa", "ab"]
    drop = MergeDropout(
        BpeTokeniser(Vocabulary(tokens), [("a", "a"), ("a", "b")], lowercase=False, split="spaces"), 0.25
    )
    random.seed(11)
    number = {token: place for place, token in enumerate(tokens, 4)}
    word = [number[letter] for letter in "aab"]
    counts = Counter(tuple(drop(word)) for _ in range(20_000))
    expected = {
        (number["aa"], number["b"]): 0.75,  # the first merge, at once: then nothing is left to merge
        (number["a"], number["ab"]): 0.25 * 0.75,
        tuple(word): 0.25 * 0.25,
    }
    assert counts.keys() == expected.keys()
    for key, share in expected.items():
        assert counts[key] / 20_000 == pytest.approx(share, abs=0.015)


def test_what_would_be_too_long_stays_as_it_was(tokeniser: BpeTokeniser) -> None:
    random.seed(1)
    ids = tokeniser.encode(TEXTS[0])
    drop = MergeDropout(tokeniser, 0.9, longest=len(ids))
    assert all(len(drop([BOS, *ids, EOS])) <= len(ids) + 2 for _ in range(50))


def test_only_bpe_with_dropout_is_drawn_anew(tokeniser: BpeTokeniser) -> None:
    assert redraws(Bpe(), (tokeniser, tokeniser), 50) is None
    assert redraws(Word(), (tokeniser, tokeniser), 50) is None
    assert redraws(Bpe(dropout=0.1), (tokeniser, tokeniser), 50) is not None


def batches(tokeniser: BpeTokeniser) -> TextBatches:
    pairs = [Pair(text, other) for text, other in zip(TEXTS, TEXTS[::-1], strict=True)]
    both = redraws(Bpe(dropout=0.3), (tokeniser, tokeniser), 50)
    return TextBatches(encode_pairs(pairs, tokeniser, tokeniser), batch_size=4, seed=3, redraw=both)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than there are cores
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_workers_and_from_any_position(
    tokeniser: BpeTokeniser, workers: int
) -> None:
    whole = list(iterate(batches(tokeniser), seed=3, epoch=1))
    assert len(whole) == 7
    again = list(iterate(batches(tokeniser), seed=3, epoch=1, start=2, workers=workers))
    for batch, expected in zip(again, whole[2:], strict=True):
        assert torch.equal(batch.source, expected.source) and torch.equal(batch.target, expected.target)
        assert (batch.target[:, 0] == BOS).all()
        ends = batch.target.gather(1, batch.target_lengths[:, None] - 1)
        assert (ends == EOS).all()


def test_epochs_differ(tokeniser: BpeTokeniser) -> None:
    made = batches(tokeniser)
    random.seed(1)
    first = made.collate([0, 1, 2])
    assert not np.array_equal(first.source.numpy(), made.collate([0, 1, 2]).source.numpy())
