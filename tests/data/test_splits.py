"""Splits: no sentence of a side in two of them, whatever the seed, and every pair in one."""

import random
import re

import pytest

from attnrun.data.corpus import Pair
from attnrun.data.splits import in_order, normalised, split
from attnrun.errors import UserError


def overlapping(count: int) -> list[Pair]:
    """Make pairs of which many share a side, some in another case, spacing or Unicode form."""
    chance = random.Random(3)
    forms = [
        str,
        str.upper,
        lambda side: side.replace(" ", "\xa0 "),
        lambda side: side.replace("é", "e\u0301"),
    ]
    return [
        Pair(
            chance.choice(forms)(f"été {chance.randrange(count)}"),
            chance.choice(forms)(f"é {chance.randrange(count)}"),
        )
        for _ in range(count)
    ]


def test_splits_share_no_sentence_on_either_side_and_keep_every_pair():
    pairs = overlapping(997)
    made = split(pairs, valid=53, test=101)
    assert (len(made.valid), len(made.test)) == (53, 101)
    assert sorted(map(repr, made.train + made.valid + made.test)) == sorted(map(repr, pairs))
    for side in ("source", "target"):
        seen = [
            {re.sub(r"\D", "", getattr(pair, side)) for pair in part}
            for part in (made.train, made.valid, made.test)
        ]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_splits_depend_on_the_text_alone():
    pairs = [Pair(f"a {n}", f"b {n}") for n in range(211)]
    turned = [pair.reversed() for pair in reversed(pairs)]
    made, other = split(pairs), split(turned)
    assert len(made.test) == len(made.valid) == 10
    for name in ("train", "valid", "test"):
        assert {pair.reversed() for pair in getattr(other, name)} == set(getattr(made, name))


def test_splits_keep_the_order_of_the_file():
    made = split([Pair(f"{n:04}", f"x{n}") for n in range(307)])
    for part in (made.train, made.valid, made.test):
        assert [pair.source for pair in part] == sorted(pair.source for pair in part)


def test_a_group_is_not_favoured_for_being_large():
    groups = [[Pair(f"g{n}", f"t{n}.{m}") for m in range(1 + 9 * (n % 2))] for n in range(400)]
    held_out = split([pair for group in groups for pair in group], test=440, valid=0).test
    large = sum(int(pair.source[1:]) % 2 for pair in held_out) / len(held_out)
    assert 0.84 < large < 0.97  # 10 of 11 pairs are in large groups


@pytest.mark.parametrize(
    ("pairs", "sizes", "expected"),
    [
        (
            [Pair("a", "b")],
            {},
            "^1 pair is too few to .* lower corpus.valid or corpus.test; 0 holds out none",
        ),
        ([Pair("a", f"b{n}") for n in range(50)], {}, "share a sentence"),
        (
            [Pair(f"a{n // 2}", f"b{n}") for n in range(50)],
            {"test": 3},
            "2 of 50 pairs for test, not 3; lower corpus.valid or corpus.test; 0",
        ),
        ([Pair(f"a{n}", f"b{n}") for n in range(50)], {"test": 49, "valid": 1}, "too few"),
    ],
)
def test_a_corpus_too_small_to_split_is_refused(pairs, sizes, expected):
    with pytest.raises(UserError, match=expected):
        split(pairs, **sizes)


def test_splits_in_order_train_on_the_first_pairs():
    pairs = [Pair(f"a {n}", f"b {n}") for n in range(31)]
    made = in_order(pairs, train=17, valid=3, test=5)
    assert [made.train, made.valid, made.test] == [pairs[:17], pairs[17:20], pairs[20:25]]
    assert in_order(pairs, train=31, valid=0, test=0).train == pairs


def test_splits_in_order_hold_out_no_sentence_seen_before():
    pairs = overlapping(499)
    made = in_order(pairs, train=101, valid=23, test=29)
    assert [len(made.train), len(made.valid), len(made.test)] == [101, 23, 29]
    held_out = [pairs.index(pair, 101) for pair in made.valid + made.test]
    assert made.train == pairs[:101]
    assert held_out == sorted(held_out)
    for side in ("source", "target"):
        train, valid, test = (
            {normalised(getattr(pair, side)) for pair in part} for part in (made.train, made.valid, made.test)
        )
        assert not (train & valid or train & test or valid & test)


def test_splits_in_order_remember_the_last_pair_of_a_part_too():
    pairs = [Pair(f"a {n}", f"b {n}") for n in (0, 1, 1, 2, 2, 3)]
    made = in_order(pairs, train=2, valid=1, test=1)
    assert [made.train, made.valid, made.test] == [pairs[:2], [pairs[3]], [pairs[5]]]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train": 12, "valid": 0, "test": 0}, "11 of 11 pairs for train, not 12; lower corpus.limit"),
        (
            {"train": 4, "valid": 2, "test": 6},
            "5 of 11 pairs for test, not 6; lower corpus.valid or corpus.test",
        ),
    ],
)
def test_too_few_pairs_for_splits_in_order_are_refused(sizes, expected):
    with pytest.raises(UserError, match=expected):
        in_order([Pair(f"a{n}", f"b{n}") for n in range(11)], **sizes)
