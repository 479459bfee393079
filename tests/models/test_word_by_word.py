"""The network that translates word by word: place for place, what it has read so far and nothing more.

Sizes are distinct primes: B 5, S 7, T 11, embedding 13, hidden 17, vocabularies 19 and 23.
"""

import pytest
import torch
from torch import nn

from attnrun.attention import Dot, Mechanism, Sinusoidal
from attnrun.errors import UserError
from attnrun.models.decoding import greedy
from attnrun.models.word_by_word import WordByWord

LENGTHS = torch.tensor([3, 7, 1, 5, 6])


def make(parts=None, **keys):
    torch.manual_seed(3)
    keys = {"embedding": 13, "hidden": 17, "dropout": 0.0, **keys}
    return WordByWord(19, 23, Mechanism(**(parts or {})), **keys).eval()


def batch():
    source = torch.randint(1, 19, (5, 7), generator=torch.Generator().manual_seed(1))
    source[torch.arange(7) >= LENGTHS[:, None]] = 0
    return source, LENGTHS, torch.randint(1, 23, (5, 11), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_each_word_is_answered_by_the_library_s_state_at_its_place(cell, layers):
    model, (source, lengths, target) = make(cell=cell, layers=layers), batch()
    library = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](13, 17, layers, batch_first=True)
    library.load_state_dict(model.encoder.rnn.state_dict())
    states, weights = model.states(model.encode(source, lengths), target, need_weights=True)
    assert weights is None and states.shape == (5, 11, 17)
    for row, length in enumerate(lengths.tolist()):
        expected, _ = library(model.embedding(source[row : row + 1, :length]))
        torch.testing.assert_close(states[row, :length], expected[0])
        assert not states[row, length:].any()


def test_steps_give_the_same_states_whatever_the_target():
    model, (source, lengths, target) = make(), batch()
    memory = model.encode(source, lengths)
    states, state = model.states(memory, target)[0], model.start(memory)
    assert torch.equal(states, model.states(memory, target.flip(1))[0])
    for t in range(11):
        state, output, weights = model.step(memory, state, target[:, t])
        assert torch.equal(output, states[:, t]) and weights is None


def test_words_to_come_have_no_influence():
    model, (source, lengths, target) = make(), batch()
    before = model.states(model.encode(source, lengths), target)[0]
    changed = source.clone()
    changed[1, 4] = 18 - changed[1, 4]
    after = model.states(model.encode(changed, lengths), target)[0]
    assert torch.equal(after[1, :4], before[1, :4]) and not torch.equal(after[1, 4], before[1, 4])


def test_it_learns_a_dictionary_and_no_reversal():
    generator = torch.Generator().manual_seed(2)
    source = torch.randint(4, 19, (200, 5), generator=generator)
    lengths, bos, eos = torch.full((200,), 5), torch.full((200, 1), 2), torch.full((200, 1), 3)
    right = {}
    for name, answer in (("dictionary", 22 - source), ("reversal", source.flip(1))):
        model, target = make(), torch.cat([bos, answer, eos], 1)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(60):
            logits = model.project(model.states(model.encode(source, lengths), target[:, :-1])[0])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found = greedy(model, source, lengths, bos=2, eos=3).tokens
        right[name] = sum(row == wanted for row, wanted in zip(found, answer.tolist(), strict=True)) / 200
    assert right["dictionary"] == 1 and right["reversal"] < 0.2


@pytest.mark.parametrize(
    ("parts", "told"), [({"attention": Dot}, "attention=none"), ({"position": Sinusoidal}, "position=none")]
)
def test_what_it_has_no_use_for_is_refused(parts, told):
    with pytest.raises(UserError, match=told):
        make(parts)
