"""The listener against loops over single recordings, in float64.

Sizes: B 5, S 23, F 7, embedding 6, states 14 or 10, vocabulary 19, T 11.
"""

import numpy as np
import pytest
import torch

from attnrun.attention import Additive, Dot, Heads, Mechanism, Monotonic, Sinusoidal, Window
from attnrun.errors import UserError
from attnrun.models.decoding import greedy
from attnrun.models.listener import ListenAttendSpell, in_pairs

GENERATOR = torch.Generator().manual_seed(1)
LENGTHS = torch.tensor([9, 23, 1, 14, 2])
FRAMES = torch.randn(5, 23, 7, generator=GENERATOR).double()
TARGET = torch.randint(1, 19, (5, 11), generator=GENERATOR)
SHAPES = [
    {"cell": "gru"},
    {"cell": "lstm"},
    {"cell": "lstm", "bottom": True, "pyramid": 2},
    {"cell": "gru", "attend": "after", "input_feeding": True, "layers": 2, "pyramid": 1},
]


def make(attention=Additive, seed=3, parts=None, **keys):
    torch.manual_seed(seed)
    keys = {"embedding": 6, "hidden": 14, "dropout": 0.3, "pyramid": 3, **keys}
    return ListenAttendSpell(7, 19, Mechanism(attention=attention, **(parts or {})), **keys).eval().double()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recur(rnn, rows):
    """The states of a library cell over rows (N, F), by its definition."""
    w_i, w_h, b_i, b_h = (p.detach().numpy() for p in rnn.parameters())
    hidden = cell = np.zeros(rnn.hidden_size)
    found = []
    for row in rows:
        of_input, of_state = w_i @ row + b_i, w_h @ hidden + b_h
        if isinstance(rnn, torch.nn.LSTM):
            enter, forget, new, leave = np.split(of_input + of_state, 4)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
            hidden = sigmoid(leave) * np.tanh(cell)
        else:
            (r_i, z_i, n_i), (r_h, z_h, n_h) = np.split(of_input, 3), np.split(of_state, 3)
            update = sigmoid(z_i + z_h)
            hidden = (1 - update) * np.tanh(n_i + sigmoid(r_i + r_h) * n_h) + update * hidden
        found.append(hidden)
    return found


def both_ways(layer, rows):
    forth, back = recur(layer.onward, rows), recur(layer.inward, rows[::-1])[::-1]
    return [np.concatenate(pair) for pair in zip(forth, back, strict=True)]


def listened(listener, rows):
    """Chan et al. 2016, eq. 5, over one recording."""
    if listener.bottom is not None:
        rows = both_ways(listener.bottom, rows)
    for layer in listener.layers:
        rows = [*rows, np.zeros_like(rows[0])] if len(rows) % 2 else rows
        rows = both_ways(layer, [np.concatenate(rows[n : n + 2]) for n in range(0, len(rows), 2)])
    return rows


@pytest.mark.parametrize("keys", SHAPES, ids=str)
def test_each_layer_reads_pairs_of_the_one_below(keys):
    model = make(**keys)
    memory = model.encode(FRAMES, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        expected = np.stack(listened(model.listener, list(FRAMES[row, :length].numpy())))
        assert len(expected) == model.states_of(length) == int(memory.mask[row].sum())
        np.testing.assert_allclose(memory.states[row, : len(expected)].detach(), expected, atol=1e-12)
        assert not memory.states[row, len(expected) :].any()
        last = np.concatenate([expected[-1][:7], expected[0][7:]])
        np.testing.assert_allclose(memory.summary[row].detach(), last, atol=1e-12)
        for place, initial in enumerate(memory.initial):
            bridge = model.bridges[place]
            mapped = bridge.weight.detach().numpy() @ last + bridge.bias.detach().numpy()
            mapped = mapped if place % model.parts else np.tanh(mapped)
            np.testing.assert_allclose(initial[row].detach(), mapped, atol=1e-12)


@pytest.mark.parametrize("keys", SHAPES, ids=str)
@pytest.mark.parametrize("attention", [Additive, Dot, None])
def test_a_recording_does_not_depend_on_its_batch(attention, keys):
    model = make(attention, **keys)
    states, weights = model.states(model.encode(FRAMES, LENGTHS), TARGET, need_weights=True)
    assert (weights is None) == (attention is None)
    for row, length in enumerate(LENGTHS.tolist()):
        own = model.encode(FRAMES[row : row + 1, :length], LENGTHS[row : row + 1])
        alone, looks = model.states(own, TARGET[row : row + 1], need_weights=True)
        torch.testing.assert_close(states[row], alone[0], atol=1e-12, rtol=0)
        if weights is not None:
            known = model.states_of(length)
            torch.testing.assert_close(weights[row, ..., :known], looks[0], atol=1e-12, rtol=0)
            assert not weights[row, ..., known:].any()


@pytest.mark.parametrize("fill", [1e6, torch.nan, torch.inf])
def test_what_stands_in_the_padding_changes_nothing(fill):
    model = make(bottom=True)
    padding = torch.arange(23)[None, :, None] >= LENGTHS[:, None, None]
    expected = model.encode(FRAMES.masked_fill(padding, 0), LENGTHS).states
    assert torch.equal(model.encode(FRAMES.masked_fill(padding, fill), LENGTHS).states, expected)


@pytest.mark.parametrize("keys", SHAPES, ids=str)
def test_steps_give_the_teacher_forced_states_and_weights(keys):
    model = make(**keys)
    memory = model.encode(FRAMES, LENGTHS)
    states, weights = model.states(memory, TARGET, need_weights=True)
    state = model.start(memory)
    for t in range(11):
        state, output, row = model.step(memory, state, TARGET[:, t])
        torch.testing.assert_close(output, states[:, t], atol=1e-12, rtol=0)
        torch.testing.assert_close(row, weights[:, :, :, t], atol=1e-12, rtol=0)


@pytest.mark.parametrize("keys", SHAPES, ids=str)
def test_gradient_reaches_every_parameter(keys):
    model = make(parts={"heads": Heads(2, projections=True)}, **keys).train()
    states, _ = model.states(model.encode(FRAMES, LENGTHS), TARGET)
    model.project(states).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_in_pairs():
    x = torch.arange(30.0).view(2, 5, 3)
    pairs = in_pairs(x)
    assert pairs.shape == (2, 3, 6)
    assert pairs[1, 1].tolist() == x[1, 2].tolist() + x[1, 3].tolist()
    assert pairs[0, 2].tolist() == [*x[0, 4].tolist(), 0, 0, 0]


def test_float32_frames_serve_a_float64_model_and_searches_take_them():
    model = make()
    found = greedy(model, FRAMES.float(), LENGTHS, 2, 3, True, length_factor=0.1, length_offset=2)
    assert len(found.tokens) == 5 and all(len(tokens) <= 4 for tokens in found.tokens)
    assert found.weights[1].shape[-1] == 3  # of 23 frames


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="takes no positions"):
        make(parts={"position": Sinusoidal})
    with pytest.raises(UserError, match="narrows attention within one sequence"):
        make(parts={"mask": lambda size: Window(size, width=2)})
    with pytest.raises(UserError, match="a token lasts for several states; choose mask=local-p or full"):
        make(parts={"mask": Monotonic})
    with pytest.raises(UserError, match=r"cannot share model.hidden=7; make it even"):
        make(hidden=7)
