"""Transformer layers against torch.nn with the same weights, biases and norms moved away from their start.

Sizes: B 5, S 7, T 11, model 21 of 3 heads, feed-forward 13, vocabularies 19 and 23.
"""

import math

import pytest
import torch
from torch import nn

from attnrun.attention import Additive, Heads, Mechanism, ScaledDot, causal_mask, lengths_mask
from attnrun.attention.positions import Position, Sinusoidal
from attnrun.models.layers import DecoderLayer, EncoderLayer, Parts
from attnrun.models.transformer import Transformer

SIZE, HEADS, WIDE = 21, 3, 13
LENGTHS = torch.tensor([3, 7, 1, 5, 6])
KINDS = [{"norm": norm, "activation": act} for norm in ("post", "pre") for act in ("relu", "gelu")]


def parts(**keys):
    given = {"size": SIZE, "feedforward": WIDE, "bias": True}
    given |= {"dropout": 0.0, "attention_dropout": 0.0, "norm": "post", "activation": "relu"}
    return Parts(**{"mechanism": mechanism(), **given, **keys})


def mechanism(attention=ScaledDot, groups=None):
    heads = Heads(HEADS, groups, projections=True)
    return Mechanism(attention=attention, position=Sinusoidal, heads=heads)


def shaken(module, seed=3):
    """Double precision, every parameter random: a zero bias or a norm of 1 would hide a mistake."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.3)
    return module


def library(kind, **keys):
    layer = {"encoder": nn.TransformerEncoderLayer, "decoder": nn.TransformerDecoderLayer}[kind]
    first = keys["norm"] == "pre"
    made = layer(SIZE, HEADS, WIDE, 0.0, keys["activation"], batch_first=True, norm_first=first)
    return made.double()


@torch.no_grad()
def give(other, layer):
    """Copy the weights of our layer into torch's."""
    attentions = [(other.self_attn, layer.self_attention)]
    if isinstance(layer, DecoderLayer):
        attentions.append((other.multihead_attn, layer.cross_attention))
    blocks = [*(block for _, block in attentions), layer.feedforward]
    for theirs, block in attentions:
        ours = block.attention
        three = (ours.W_q, ours.W_k, ours.W_v)
        theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in three]))
        theirs.in_proj_bias.copy_(torch.cat([linear.bias for linear in three]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())
    other.linear1.load_state_dict(layer.feedforward.widen.state_dict())
    other.linear2.load_state_dict(layer.feedforward.narrow.state_dict())
    for number, block in enumerate(blocks, 1):
        getattr(other, f"norm{number}").load_state_dict(block.residual.norm.state_dict())


def states(*shape, seed=5):
    return torch.randn(*shape, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("keys", KINDS, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_an_encoder_layer_agrees_with_torch(keys, causal):
    layer = shaken(EncoderLayer(parts(**keys), Position(SIZE, HEADS)))
    other = library("encoder", **keys)
    give(other, layer)
    x, real = states(5, 7), lengths_mask(LENGTHS, 7)
    future = ~causal_mask(7) if causal else None
    expected = other(x, src_mask=future, src_key_padding_mask=~real[:, 0])
    found, weights = layer(x, real & causal_mask(7) if causal else real)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    assert weights is None


@pytest.mark.parametrize("keys", KINDS, ids=str)
def test_a_decoder_layer_agrees_with_torch(keys):
    layer = shaken(DecoderLayer(parts(**keys), Position(SIZE, HEADS)))
    other = library("decoder", **keys)
    give(other, layer)
    x, memory, real = states(5, 11), states(5, 7, seed=6), lengths_mask(LENGTHS, 7)
    expected = other(x, memory, tgt_mask=~causal_mask(11), memory_key_padding_mask=~real[:, 0])
    projected = layer.cross_attention.attention.project(memory, memory)
    found, weights = layer(x, causal_mask(11), projected, real, need_weights=True)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    read = other.norm1(x + other.self_attn(x, x, x, attn_mask=~causal_mask(11))[0])
    if keys["norm"] == "pre":
        normed = other.norm1(x)
        read = other.norm2(x + other.self_attn(normed, normed, normed, attn_mask=~causal_mask(11))[0])
    _, looks = other.multihead_attn(read, memory, memory, ~real[:, 0], average_attn_weights=False)
    torch.testing.assert_close(weights, looks, atol=1e-10, rtol=0)


def placed(embedding, tokens):
    """√E times the embedding plus the waves, feature by feature (Vaswani et al. 2017, section 3.5)."""
    waves = torch.zeros(tokens.shape[1], SIZE, dtype=torch.float64)
    for place in range(tokens.shape[1]):
        for feature in range(SIZE):
            angle = place / 10000 ** ((feature - feature % 2) / SIZE)
            waves[place, feature] = math.cos(angle) if feature % 2 else math.sin(angle)
    return embedding(tokens) * math.sqrt(SIZE) + waves


@pytest.mark.parametrize("keys", KINDS, ids=str)
def test_the_whole_model_agrees_with_torch(keys):
    sizes = {"size": SIZE, "feedforward": WIDE, "layers": 3, "decoder_layers": 2}
    model = shaken(Transformer(19, 23, mechanism(), **sizes, **keys)).eval()
    source = torch.randint(1, 19, (5, 7), generator=torch.Generator().manual_seed(1))
    target = torch.randint(1, 23, (5, 11), generator=torch.Generator().manual_seed(2))
    hidden = torch.arange(7) >= LENGTHS[:, None]
    memory = placed(model.source_embedding, source)
    for layer in model.encoder.layers:
        other = library("encoder", **keys)
        give(other, layer)
        memory = other(memory, src_key_padding_mask=hidden)
    memory = model.encoder.norm(memory)
    x = placed(model.target_embedding, target)
    states, weights = model.states(model.encode(source, LENGTHS), target, need_weights=True)
    for number, layer in enumerate(model.decoder.layers):
        other = library("decoder", **keys)
        give(other, layer)
        projected = layer.cross_attention.attention.project(memory, memory)
        _, looks = layer(x, causal_mask(11), projected, ~hidden[:, None], need_weights=True)
        torch.testing.assert_close(weights[:, number], looks, atol=1e-10, rtol=0)
        x = other(x, memory, tgt_mask=~causal_mask(11), memory_key_padding_mask=hidden)
    expected = model.output(model.decoder.norm(x))
    assert (len(model.encoder.layers), len(model.decoder.layers)) == (3, 2)
    assert isinstance(model.decoder.norm, nn.LayerNorm) is (keys["norm"] == "pre")
    torch.testing.assert_close(model.project(states), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("score", [ScaledDot, Additive], ids=["scaled-dot", "additive"])
def test_a_layer_goes_on_where_it_stopped(score):
    layer = shaken(EncoderLayer(parts(mechanism=mechanism(score, groups=1)), Position(SIZE, HEADS)))
    x = states(5, 11)
    expected, looks = layer(x, causal_mask(11), need_weights=True)
    past = layer.self_attention.attention.project(x[:, :1], x[:, :1])
    past = past[0][..., :0, :], past[1][..., :0, :]
    start = 0
    for count in (4, 1, 1, 5):
        found, past, weights = layer.extend(x[:, start : start + count], past, need_weights=True)
        torch.testing.assert_close(found, expected[:, start : start + count], atol=1e-12, rtol=0)
        rows = looks[:, :, start : start + count]
        start += count
        torch.testing.assert_close(weights, rows[..., :start], atol=1e-12, rtol=0)
        assert not rows[..., start:].any()


def test_attention_dropout_and_dropout_act_where_they_say():
    x = states(5, 7)

    def differs(module, *inputs):
        first, second = (module(*inputs) for _ in range(2))
        first, second = (made[0] if isinstance(made, tuple) else made for made in (first, second))
        return not torch.equal(first, second)

    for keys, wanted in (({"dropout": 0.5}, True), ({"attention_dropout": 0.5}, False), ({}, False)):
        layer = EncoderLayer(parts(**keys), Position(SIZE, HEADS)).double()
        assert differs(layer.feedforward, x) is wanted
        assert differs(layer.self_attention.attention, x, x, x) is ("attention_dropout" in keys)
        assert differs(layer, x) is bool(keys)
        assert not differs(layer.eval(), x)
