"""The recurrent language model: against loops of single cells, step by step, and what it refuses.

Sizes: B 3, N 11, embedding 5, hidden 7, vocabulary 19.
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from attnrun.attention import Additive, Heads, Mechanism, ScaledDot, Sinusoidal, Window
from attnrun.errors import UserError
from attnrun.models.rnn_language_model import RnnLanguageModel

TOKENS = torch.randint(1, 19, (3, 11), generator=torch.Generator().manual_seed(1))
SHAPES: list[dict[str, Any]] = [
    {},
    {"attention": ScaledDot},
    {"attention": partial(Additive, hidden=4), "cell": "lstm", "layers": 2},
    {"attention": ScaledDot, "heads": Heads(7, projections=True), "mask": partial(Window, width=3)},
]
shapes = pytest.mark.parametrize("keys", SHAPES, ids=["none", "scaled-dot", "additive-lstm", "window"])


def make(**keys: Any) -> RnnLanguageModel:
    torch.manual_seed(3)
    parts = {name: keys.pop(name) for name in ("attention", "heads", "mask", "position") if name in keys}
    return RnnLanguageModel(19, Mechanism(**parts), embedding=5, hidden=7, **keys).eval().double()


def test_equals_a_loop_over_places() -> None:
    """Daniluk et al. 2017, section 2, with a dot product: a state looks at those before it, not itself."""
    model = make(attention=ScaledDot)
    cell = nn.GRUCell(5, 7).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(model.rnn, f"{name}_l0"))
    states, weights = model.states(TOKENS, need_weights=True)
    assert weights is not None and weights.shape == (3, 1, 1, 11, 11)
    for row in range(3):
        hidden, past = torch.zeros(1, 7).double(), []
        for place in range(11):
            hidden = cell(model.embedding(TOKENS[row, place])[None], hidden)
            context = torch.zeros(7).double()
            if past:
                look = (torch.stack(past) @ hidden[0] / 7**0.5).softmax(0)
                context = look @ torch.stack(past)
                torch.testing.assert_close(weights[row, 0, 0, place, :place], look)
            assert not weights[row, 0, 0, place, place:].any()
            read = torch.tanh(model.readout(torch.cat([hidden[0], context])))
            torch.testing.assert_close(states[row, place], read)
            past.append(hidden[0])


@shapes
def test_steps_of_any_length_give_the_states_and_weights_of_the_whole(keys: dict[str, Any]) -> None:
    model = make(**keys)
    states, weights = model.states(TOKENS, need_weights=True)
    torch.testing.assert_close(model(TOKENS), model.project(states), atol=0, rtol=0)
    state, start = model.start(3), 0
    for count in (4, 1, 1, 5):
        end = start + count
        state, found, looks = model.step(state, TOKENS[:, start:end], need_weights=True)
        torch.testing.assert_close(found, states[:, start:end])
        if looks is not None and weights is not None:
            torch.testing.assert_close(looks, weights[:, :, :, start:end, :end])
        start = end
    assert (weights is None) is (looks is None) is ("attention" not in keys)
    rows = torch.tensor([2, 0])
    _, found, _ = model.step(model.step(model.start(3), TOKENS[:, :6])[0].select(rows), TOKENS[rows, 6:])
    torch.testing.assert_close(found, states[rows, 6:])


@shapes
def test_what_comes_later_has_no_influence_and_every_parameter_some(keys: dict[str, Any]) -> None:
    model = make(**keys)
    before, changed = model(TOKENS), TOKENS.clone()
    changed[:, 6] = (changed[:, 6] + 7) % 18 + 1
    after = model(changed)
    torch.testing.assert_close(after[:, :6], before[:, :6])
    assert ((after - before)[:, 6:].abs().amax(-1) > 1e-9).all()
    model(TOKENS).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"attention": ScaledDot, "position": Sinusoidal}, "set position=none"),
        ({"position": Sinusoidal}, "set position=none"),
        ({"heads": Heads(7, projections=True)}, "heads: without attention there is nothing"),
        ({"attention": ScaledDot, "heads": Heads(2)}, "2 heads do not divide"),
    ],
)
def test_what_finds_nothing_to_act_on_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**parts)
