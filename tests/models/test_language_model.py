"""Decoder-only and encoder-only Transformers: causality, cached steps, padding, learning.

Sizes: B 5, N 11, model 12 of 3 heads, feed-forward 13, vocabulary 19, classes 2 or 3.
"""

from functools import partial

import pytest
import torch
from torch import nn

from attnrun.attention import (
    Additive,
    Block,
    Heads,
    Mechanism,
    Monotonic,
    Position,
    RelativeBias,
    Rotary,
    ScaledDot,
    Sinusoidal,
    Window,
)
from attnrun.errors import UserError
from attnrun.models.classifier import TransformerClassifier
from attnrun.models.language_model import TransformerLanguageModel

SMALL = {"size": 12, "feedforward": 13, "layers": 2, "dropout": 0.0, "attention_dropout": 0.0}
LENGTHS = torch.tensor([3, 11, 1, 5, 8])
TOKENS = torch.randint(1, 19, (5, 11), generator=torch.Generator().manual_seed(1))
SHAPES = [
    {},
    {"norm": "post", "activation": "relu", "bias": False},
    {"attention": partial(Additive, hidden=5), "position": RelativeBias, "heads": Heads(3, 1, True)},
    {"position": Rotary},
    {"mask": partial(Window, width=2)},
    {"mask": partial(Block, size=3)},
]
shapes = pytest.mark.parametrize(
    "keys", SHAPES, ids=["plain", "post", "additive", "rotary", "window", "block"]
)


def make(target=TransformerLanguageModel, sizes=(19,), **keys):
    torch.manual_seed(3)
    parts = {"attention": ScaledDot, "position": Sinusoidal, "heads": Heads(3, projections=True)}
    parts |= {name: keys.pop(name) for name in ("attention", "position", "heads", "mask") if name in keys}
    return target(*sizes, Mechanism(**parts), **(SMALL | keys)).eval().double()


classifier = partial(make, TransformerClassifier, (19, 3))


@shapes
def test_steps_of_any_length_give_the_states_and_weights_of_the_whole(keys):
    model = make(**keys)
    states, weights = model.states(TOKENS, need_weights=True)
    assert weights.shape == (5, 2, 3, 11, 11) and not weights.triu(1).any()
    torch.testing.assert_close(model(TOKENS), model.project(states), atol=0, rtol=0)
    state, start = model.start(5), 0
    for count in (4, 1, 1, 5):
        end = start + count
        state, found, looks = model.step(state, TOKENS[:, start:end], need_weights=True)
        torch.testing.assert_close(found, states[:, start:end], atol=1e-13, rtol=0)
        torch.testing.assert_close(looks, weights[:, :, :, start:end, :end], atol=1e-13, rtol=0)
        start = end
    rows = torch.tensor([4, 1])
    _, found, looks = model.step(model.step(model.start(5), TOKENS[:, :6])[0].select(rows), TOKENS[rows, 6:])
    torch.testing.assert_close(found, states[rows, 6:], atol=1e-13, rtol=0)
    assert looks is None


@shapes
def test_what_comes_later_has_no_influence(keys):
    model = make(**keys)
    reach = 1 if "mask" in keys else len(TOKENS[0])  # two narrow layers do not reach all places
    before = model(TOKENS)
    for place in (0, 6, 10):
        changed = TOKENS.clone()
        changed[:, place] = (changed[:, place] + 7) % 18 + 1
        after = model(changed)
        torch.testing.assert_close(after[:, :place], before[:, :place], atol=1e-13, rtol=0)
        assert ((after - before)[:, place : place + reach].abs().amax(-1) > 1e-6).all()
    torch.testing.assert_close(model(TOKENS[2:3, :7])[0], before[2, :7], atol=1e-13, rtol=0)


def test_tied_output_is_the_embedding():
    sizes = {tied: sum(p.numel() for p in make(tied=tied).parameters()) for tied in (False, True)}
    assert make(tied=True).output.weight.shape == (19, 12) and sizes[False] - sizes[True] == 19 * 12


def test_learns_a_text_by_heart_and_says_it():
    text = torch.tensor([[4, 5, 4, 6, 4, 7, 5, 5, 8, 4, 9]])  # a 4 has four followers: the past decides
    model = make(size=24, layers=1).float().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(text[:, :-1])[0], text[0, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    state, tokens = model.eval().start(1), text[:, :1]
    for _ in range(10):
        state, states, _ = model.step(state, tokens[:, -1:])
        tokens = torch.cat([tokens, model.project(states).argmax(-1)], 1)
    assert torch.equal(tokens, text)


@shapes
def test_a_sequence_does_not_depend_on_its_batch(keys):
    model = classifier(**keys)
    padded = TOKENS.masked_fill(torch.arange(11) >= LENGTHS[:, None], 0)
    logits = model(padded, LENGTHS)
    assert logits.shape == (5, 3)
    torch.testing.assert_close(model(TOKENS, LENGTHS), logits, atol=1e-13, rtol=0)
    states, weights = model.reader(padded, LENGTHS, need_weights=True)
    assert weights.shape == (5, 2, 3, 11, 11)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = padded[row : row + 1, :length], LENGTHS[row : row + 1]
        torch.testing.assert_close(model(*alone)[0], logits[row], atol=1e-12, rtol=0)
        expected, looks = model.reader(*alone, need_weights=True)
        torch.testing.assert_close(states[row, :length], expected[0], atol=1e-12, rtol=0)
        torch.testing.assert_close(weights[row, ..., :length, :length], looks[0], atol=1e-12, rtol=0)
        torch.testing.assert_close(model.output(expected[0].mean(0)), logits[row], atol=1e-12, rtol=0)
        assert not states[row, length:].any() and not weights[row, ..., length:].any()


@pytest.mark.parametrize("kind", [make, classifier], ids=["language-model", "classifier"])
@shapes
def test_gradient_reaches_every_parameter(kind, keys):
    model = kind(**keys).train()
    (model(TOKENS) if kind is make else model(TOKENS, LENGTHS)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("kind", [make, classifier], ids=["language-model", "classifier"])
def test_dropout_acts_in_training_alone(kind):
    for keys in ({"dropout": 0.5}, {"attention_dropout": 0.5}):
        model = kind(**keys)
        inputs = (TOKENS,) if kind is make else (TOKENS, LENGTHS)
        assert torch.equal(model(*inputs), model(*inputs))
        model.train()
        assert not torch.equal(model(*inputs), model(*inputs))


@pytest.mark.parametrize("position, learns", [(Sinusoidal, True), (Position, False)])
def test_order_is_seen_through_positions_alone(position, learns):
    """Which of two words comes first."""
    generator = torch.Generator().manual_seed(2)
    pairs = torch.stack([torch.randperm(9, generator=generator)[:2] + 4 for _ in range(40)])
    tokens = torch.cat([pairs, pairs.flip(1)])
    labels = (tokens[:, 0] > tokens[:, 1]).long()
    model = make(TransformerClassifier, (19, 2), position=position, size=24, layers=1).float().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    full = torch.full((80,), 2)
    for _ in range(60):
        logits = model(tokens, full)
        loss = nn.functional.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (logits.argmax(-1) == labels).float().mean()
    assert (right == 1) if learns else (right <= 0.55)


@pytest.mark.parametrize("kind", [make, classifier], ids=["language-model", "classifier"])
def test_attention_is_required_and_a_locality_within_the_sequence(kind):
    with pytest.raises(UserError, match="cannot do without attention"):
        kind(attention=None)
    with pytest.raises(UserError, match=r"from a target to a source.*window or block"):
        kind(mask=Monotonic)
