"""Synthetic sequences: the answers and links of each task, splits without overlap, a function of the seed."""

import random
from collections import Counter
from typing import get_args

import numpy as np
import pytest
import torch

from attnrun.data.batching import TextBatches
from attnrun.data.synthetic import Example, SequenceData, Task, encode_examples, sequences
from attnrun.data.vocabulary import BOS, EOS, PAD
from attnrun.errors import UserError

TASKS = get_args(Task)
PLURALS = {
    "cats": "cat", "dogs": "dog", "cows": "cow", "hens": "hen", "pigs": "pig", "goats": "goat",
    "ducks": "duck", "frogs": "frog", "mice": "mouse", "foxes": "fox", "horses": "horse", "owls": "owl",
}  # fmt: skip


def draw(task: Task, seed: int = 3, **keys: int) -> SequenceData:
    small = {"symbols": 5, "minimum_length": 2, "maximum_length": 7, "train": 211, "valid": 31, "test": 53}
    return sequences(seed, task=task, **{**small, "longer": 17, **keys})


def every(data: SequenceData) -> list[Example]:
    return [*data.train, *data.valid, *data.test, *data.longer]


def texts(data: SequenceData) -> list[tuple[list[str], list[str], list[tuple[int, int]]]]:
    return [
        (data.source.decode(example.source), data.target.decode(example.target), list(example.links))
        for example in every(data)
    ]


def origins(links: list[tuple[int, int]]) -> list[int]:
    """The one source token of each target token, in order; fails where there are more or fewer."""
    assert [target for _, target in links] == list(range(len(links)))
    return [source for source, _ in links]


def test_a_copy_is_the_sequence_itself():
    for source, target, links in texts(draw("copy")):
        assert target == source
        assert origins(links) == list(range(len(source)))


def test_reverse_is_read_from_the_end():
    for source, target, links in texts(draw("reverse")):
        assert target == [source[len(source) - 1 - place] for place in range(len(source))]
        assert [s + t for s, t in links] == [len(source) - 1] * len(source)


def test_sort_ascends_by_value_and_equal_numbers_keep_their_order():
    ties = 0
    for source, target, links in texts(draw("sort", symbols=13)):
        places = origins(links)
        assert [int(word) for word in target] == sorted(int(word) for word in source)
        assert [source[place] for place in places] == target
        assert sorted(places) == list(range(len(source)))
        for (one, left), (other, right) in zip(
            zip(target, places, strict=True), list(zip(target, places, strict=True))[1:], strict=False
        ):
            ties += one == other
            assert one != other or left < right
    assert ties > 50


def test_a_dictionary_has_one_translation_of_a_word_and_exchanges_pairs():
    data = draw("dictionary")
    for source, target, links in texts(data):
        expected = []
        for start in range(0, len(source) - 1, 2):
            expected += [source[start + 1], source[start]]
        expected += [source[-1]] * (len(source) % 2)
        assert target == [word.upper() for word in expected]
        assert [source[place].upper() for place in origins(links)] == target
    assert {len(source) % 2 for source, _, _ in texts(data)} == {0, 1}
    assert not set(data.source.tokens) & set(data.target.tokens)


def test_counting_answers_the_question_and_links_to_what_is_counted():
    counts = Counter()
    for source, target, links in texts(draw("counting", symbols=12, train=2000)):
        assert source[:2] == ["how", "many"] and source[3:6] == ["are", "there", "?"]
        places = [place for place, word in enumerate(source) if word == PLURALS[source[2]]]
        assert links == [(place, 0) for place in places]
        assert target == [["zero", "one", "two", "three", "four", "five", "six"][len(places)]]
        counts[target[0]] += 1
    assert counts["zero"] > counts["one"] > counts["two"] > 0


def test_number_words_reach_98():
    words = draw("counting", maximum_length=49).target.tokens
    assert len(words) == 99
    some = {0: "zero", 13: "thirteen", 20: "twenty", 21: "twenty-one", 40: "forty", 98: "ninety-eight"}
    assert {number: words[number] for number in some} == some


@pytest.mark.parametrize("task", TASKS)
def test_no_sequence_is_in_two_places(task: Task):
    data = draw(task)
    assert [len(part) for part in (data.train, data.valid, data.test, data.longer)] == [211, 31, 53, 17]
    assert len({example.source for example in every(data)}) == 312


@pytest.mark.parametrize("task", TASKS)
def test_a_space_can_be_used_up_to_the_last_sequence(task: Task):
    space = 3**2 + 3**3 if task != "counting" else 3**3 + 3**4
    sizes = {"valid": 7, "test": 11, "longer": 0}
    keys = {"symbols": 3, "minimum_length": 2, "maximum_length": 3, **sizes}
    data = draw(task, train=space - 18, **keys)
    assert len({example.source for example in every(data)}) == space
    with pytest.raises(
        UserError, match=r"^data\.train=\d+, data\.valid=7, data\.test=11: there are only"
    ) as e:
        draw(task, train=space - 17, **keys)
    assert f"only {space} different" in str(e.value) and "data.symbols=3" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"task": "copy", "minimum_length": 8}, r"data\.minimum_length=8 is above data\.maximum_length=7"),
        ({"task": "counting", "symbols": 13}, r"data\.symbols=13: counting knows 12 animals"),
        ({"task": "counting", "maximum_length": 50}, r"data\.maximum_length=50: .* 49"),
        ({"task": "sort", "symbols": 1, "train": 1, "valid": 1, "test": 1}, r"data\.longer=17: .* only 7 "),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_key(keys, message):
    with pytest.raises(UserError, match=message):
        draw(**keys)


def test_lengths_are_equally_frequent_as_far_as_there_are_sequences():
    data = draw("copy", symbols=4, maximum_length=6, train=700, valid=50, test=50, longer=60)
    lengths = Counter(len(example.source) for example in [*data.train, *data.valid, *data.test])
    assert lengths == {2: 16, 3: 64, 4: 240, 5: 240, 6: 240}
    assert Counter(len(example.source) for example in data.longer) == dict.fromkeys(range(7, 13), 10)
    assert {len(example.source) for example in data.test} == {2, 3, 4, 5, 6}


@pytest.mark.timeout(60)
def test_very_long_sequences_are_drawn_without_counting_them_all():
    made = draw("copy", maximum_length=40_000, train=3, valid=1, test=1, longer=1)
    assert max(len(one.source) for one in made.train + made.valid + made.test) <= 40_000
    assert len(made.longer[0].source) > 40_000


def test_symbols_are_equally_likely_at_every_place():
    data = draw("copy", symbols=5, minimum_length=7, train=4900, valid=50, test=50)
    for place in range(7):
        counts = Counter(example.source[place] for example in data.train)
        assert sorted(counts) == [4, 5, 6, 7, 8]  # 0 to 3 are the specials
        assert all(abs(count - 980) < 4.5 * 28 for count in counts.values())  # 28 is a standard deviation


@pytest.mark.parametrize("task", TASKS)
def test_the_data_depends_on_the_seed_alone(task: Task):
    states = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].copy()
    first = draw(task)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    assert (np.random.get_state()[1] == states[2]).all()
    random.seed(99)
    assert draw(task) == first
    assert draw(task, seed=4).test != first.test


def test_the_draw_is_the_same_on_every_machine():
    first = draw("copy", seed=1).train[0]
    assert "".join(draw("copy", seed=1).source.decode(first.source)) == "aecdd"


def test_letters_go_on_after_z():
    names = draw("copy", symbols=30).source.tokens
    assert names[:2] == ("a", "b") and names[25:28] == ("z", "aa", "ab")
    assert len(set(draw("copy", symbols=800).source.tokens)) == 800


@pytest.mark.parametrize("task", TASKS)
def test_answers_of_the_same_tokens_share_their_numbers(task: Task):
    data = draw(task)
    assert (data.source == data.target) is (task in ("copy", "reverse", "sort"))


def test_examples_become_batches():
    data = draw("dictionary")
    pairs = encode_examples(data.test)
    batch = TextBatches(pairs, batch_size=19, seed=0).collate([3, 1])
    for row, index in enumerate([3, 1]):
        source, target = data.test[index].source, (BOS, *data.test[index].target, EOS)
        assert tuple(batch.source[row, : len(source)].tolist()) == source
        assert tuple(batch.target[row, : len(target)].tolist()) == target
        assert (batch.source[row, len(source) :] == PAD).all()
        assert (batch.target[row, len(target) :] == PAD).all()
    assert len(pairs) == 53 and pairs.dropped == 0
