"""The convolutional encoder-decoder: against its equations, padding, steps, causality, learning.

Sizes: B 5, S 7, T 11, embeddings 12, layers 8, width 4, 2 + 3 layers, vocabularies 19 and 23.
"""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnrun.attention import (
    Additive,
    Alibi,
    Dot,
    General,
    Heads,
    LearnedPositions,
    Mechanism,
    Monotonic,
    Position,
    Predictive,
    Rotary,
    Sinusoidal,
    Window,
)
from attnrun.errors import UserError
from attnrun.models.convolutional import ConvolutionalSeq2Seq

LENGTHS = torch.tensor([3, 7, 1, 5, 6])
SHAPES: list[dict[str, Any]] = [
    {},
    {"tied": True, "width": 1},
    {"attention": partial(Additive, hidden=5), "heads": Heads(3, 1, True), "width": 2},
    {"attention": General, "position": Sinusoidal, "heads": Heads(2)},
    {"mask": partial(Monotonic, width=2), "position": Position},
    {"mask": partial(Predictive, width=2)},
]
PARTS = ("attention", "position", "heads", "mask")


def made(keys: dict[str, Any]) -> ConvolutionalSeq2Seq:
    torch.manual_seed(13)
    parts = {"attention": Dot, "position": LearnedPositions} | {k: keys[k] for k in PARTS if k in keys}
    rest = {"width": 4} | {key: value for key, value in keys.items() if key not in PARTS}
    model = ConvolutionalSeq2Seq(
        19, 23, Mechanism(**parts), embedding=12, hidden=8, layers=2, decoder_layers=3, dropout=0.3, **rest
    )
    return model.double().eval()


def inputs() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(17)
    source = torch.randint(4, 19, (5, 7), generator=draw).masked_fill(torch.arange(7) >= LENGTHS[:, None], 0)
    return source, torch.randint(2, 23, (5, 11), generator=draw)


def gated(layer: nn.Module, rows: list[Tensor], place: int, left: int) -> Tensor:
    """Section 3.2 at one place, with zeros beyond both ends."""
    weight, bias = layer.convolution.weight, layer.convolution.bias  # (2 D, D, W)
    total = bias.clone()
    for at in range(weight.shape[2]):
        if 0 <= place + at - left < len(rows):
            total = total + weight[:, :, at] @ rows[place + at - left]
    half = len(total) // 2
    return total[:half] / (1 + torch.exp(-total[half:]))


def reference(model: ConvolutionalSeq2Seq, source: list[int], target: list[int]) -> tuple[Tensor, Tensor]:
    """Outputs (T, E) and weights (L, T, S) for one head of plain dots, by sections 3.1 to 3.4."""
    half = math.sqrt(0.5)
    words = [model.source_embedding.weight[w] + model.source_position.table[i] for i, w in enumerate(source)]
    rows, width = [model.into_encoder(word) for word in words], model.width
    for layer in model.encoder:
        rows = [(row + gated(layer, rows, i, (width - 1) // 2)) * half for i, row in enumerate(rows)]
    keys = [model.out_of_encoder(row) for row in rows]
    values = [(key + word) * half for key, word in zip(keys, words, strict=True)]
    marked = [model.target_embedding.weight[w] + model.target_position.table[i] for i, w in enumerate(target)]
    rows, looks = [model.into_decoder(word) for word in marked], []
    for layer in model.decoder:
        made, look = [], []
        for i, word in enumerate(marked):
            inner = gated(layer.convolution, rows, i, width - 1)
            query = (layer.to_query(inner) + word) * half
            energies = [math.exp(float(query @ key)) for key in keys]
            alphas = [energy / sum(energies) for energy in energies]
            context = sum(a * value for a, value in zip(alphas, values, strict=True))
            made.append((inner + layer.from_context(context * math.sqrt(len(keys)))) * half)
            look.append(torch.tensor(alphas))
        rows = [(row + new) * half for row, new in zip(rows, made, strict=True)]
        looks.append(torch.stack(look))
    return torch.stack([model.out_of_decoder(row) for row in rows]), torch.stack(looks)


@torch.no_grad()
def test_equals_the_equations() -> None:
    model, (source, target) = made({}), inputs()
    states, weights = model.states(model.encode(source, LENGTHS), target, need_weights=True)
    assert weights is not None and weights.shape == (5, 3, 1, 11, 7)
    for row, length in enumerate(LENGTHS.tolist()):
        wanted, looks = reference(model, source[row, :length].tolist(), target[row].tolist())
        torch.testing.assert_close(states[row], wanted, atol=1e-10, rtol=0)
        torch.testing.assert_close(weights[row, :, 0, :, :length].float(), looks, atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("keys", SHAPES)
def test_steps_give_the_states_of_teacher_forcing(keys: dict[str, Any]) -> None:
    model, (source, target) = made(keys), inputs()
    memory = model.encode(source, LENGTHS)
    states, weights = model.states(memory, target, need_weights=True)
    state = model.start(memory)
    for place in range(11):
        state, output, look = model.step(memory, state, target[:, place])
        torch.testing.assert_close(output, states[:, place], atol=1e-10, rtol=0)
        torch.testing.assert_close(look, weights[..., place, :], atol=1e-10, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("keys", SHAPES)
def test_rows_of_a_sentence_share_its_memory(keys: dict[str, Any]) -> None:
    model, (source, _) = made(keys), inputs()
    memory = model.encode(source, LENGTHS)
    rows = torch.arange(5).repeat_interleave(3)
    tokens = torch.randint(4, 23, (2, 15), generator=torch.Generator().manual_seed(1))
    shared, apart = model.start(memory).select(rows), model.start(memory).select(rows)
    for token in tokens:
        shared, output, look = model.step(memory, shared, token)
        apart, wanted, alone = model.step(memory.select(rows), apart, token)
        torch.testing.assert_close(output, wanted, atol=1e-10, rtol=0)
        torch.testing.assert_close(look, alone, atol=1e-10, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("keys", SHAPES)
def test_more_padding_changes_nothing(keys: dict[str, Any]) -> None:
    model, (source, target) = made(keys), inputs()
    states, weights = model.states(model.encode(source, LENGTHS), target, True)
    wider = torch.cat([source, torch.zeros(5, 3, dtype=torch.int64)], 1)
    more, wide = model.states(model.encode(wider, LENGTHS), target, True)
    torch.testing.assert_close(more, states, atol=1e-10, rtol=0)
    assert wide is not None and (wide[..., 7:] == 0).all()
    torch.testing.assert_close(wide[..., :7], weights, atol=1e-10, rtol=0)


@torch.no_grad()
def test_no_place_sees_a_later_token() -> None:
    model, (source, target) = made({}), inputs()
    memory = model.encode(source, LENGTHS)
    before, _ = model.states(memory, target)
    target[:, 6] = (target[:, 6] + 1) % 23
    after, _ = model.states(memory, target)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6], after[:, 6])


@pytest.mark.parametrize("keys", SHAPES)
def test_every_weight_gets_a_gradient(keys: dict[str, Any]) -> None:
    model, (source, target) = made(keys), inputs()
    states, _ = model.states(model.encode(source, LENGTHS), target)
    model.project(states).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"attention": None}, "attention=dot"),
        ({"position": Rotary}, "position=learned, sinusoidal or none"),
        ({"position": Alibi}, "position=learned, sinusoidal or none"),
        ({"mask": partial(Window, width=1)}, "mask=full"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        made(keys)


def test_a_joint_vocabulary_has_one_embedding_and_tied_output() -> None:
    model = ConvolutionalSeq2Seq(19, 19, Mechanism(attention=Dot), True, embedding=12, hidden=8, tied=True)
    assert model.source_embedding is model.target_embedding
    assert model.output.weight is model.target_embedding.weight
    assert math.isinf(model.longest)
    assert made({}).longest == 512
