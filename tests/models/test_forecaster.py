"""The recurrent forecaster: against a loop, and what holds at any level of a series.

Sizes: B 3, S 11, T 5, hidden 7.
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from attnrun.attention import Additive, Dot, Heads, Location, Mechanism, Monotonic, Sinusoidal, Window
from attnrun.errors import UserError
from attnrun.models.forecaster import RnnForecaster

PAST = torch.randn(3, 11, generator=torch.Generator().manual_seed(1)).double()
SHAPES: list[dict[str, Any]] = [
    {},
    {"attention": Dot},
    {"attention": partial(Additive, hidden=4), "cell": "lstm"},
    {"attention": Location},
    {"attention": Dot, "heads": Heads(7, projections=True)},
    {"attention": Dot, "mask": partial(Monotonic, width=2)},
]
shapes = pytest.mark.parametrize(
    "keys", SHAPES, ids=["none", "dot", "additive", "location", "heads", "local-m"]
)


def make(**keys: Any) -> RnnForecaster:
    torch.manual_seed(3)
    parts = {name: keys.pop(name) for name in ("attention", "heads", "mask", "position") if name in keys}
    return RnnForecaster(Mechanism(**parts), hidden=7, **keys).eval().double()


@pytest.mark.parametrize("attention", [None, Dot])
def test_equals_a_loop_over_steps(attention: Any) -> None:
    model = make(attention=attention)
    cell = nn.GRUCell(1, 7).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(model.rnn, f"{name}_l0"))
    found, weights = model(PAST, 5, need_weights=True)
    assert found.shape == (3, 5, 3) and (weights is None) is (attention is None)
    for row in range(3):
        level = sum(PAST[row].tolist()) / 11
        hidden, keys, values = torch.zeros(1, 7).double(), [], []
        for value in PAST[row]:
            keys.append(hidden[0])
            hidden = cell((value - level).view(1, 1), hidden)
            if model.value is not None:
                values.append(model.value((value - level).view(1)))
        for step in range(5):
            read, context = hidden[0], torch.zeros(0).double()
            if attention is not None:
                look = (torch.stack(keys) @ read).softmax(0)
                torch.testing.assert_close(weights[row, 0, 0, step], look)
                context = look @ torch.stack(values)
            made = torch.tanh(model.readout(torch.cat([read, context])))
            below, last, above = model.output(torch.cat([made, context]))
            expected = torch.stack([last - (1 + below.exp()).log(), last, last + (1 + above.exp()).log()])
            torch.testing.assert_close(found[row, step], expected + level)
            hidden = cell(last.view(1, 1), hidden)


@shapes
def test_a_series_on_another_level_is_forecast_there(keys: dict[str, Any]) -> None:
    model = make(**keys)
    found, weights = model(PAST, 5, need_weights=True)
    raised, _ = model(PAST + 17, 5)
    torch.testing.assert_close(raised, found + 17)
    assert (found.diff(dim=-1) > 0).all()
    alone, _ = model(PAST[1:2], 5)
    torch.testing.assert_close(alone[0], found[1])
    longer, _ = model(PAST, 7)
    torch.testing.assert_close(longer[:, :5], found)
    if weights is not None:
        assert weights.shape == (3, 1, keys.get("heads", Heads()).count, 5, 11)
        if "mask" not in keys:
            torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))


@shapes
def test_gradient_reaches_every_parameter(keys: dict[str, Any]) -> None:
    model = make(**keys).train()
    model(PAST, 5)[0].square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"attention": Dot, "position": Sinusoidal}, "set position=none"),
        ({"attention": Dot, "mask": partial(Window, width=2)}, "choose mask=full"),
        ({"heads": Heads(7, projections=True)}, "heads: without attention there is nothing"),
    ],
)
def test_what_finds_nothing_to_act_on_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**parts)
