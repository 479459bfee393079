"""Transformer encoder-decoder: padding, teacher forcing against steps, causality, gradients, learning.

Sizes: B 5, S 7, T 11, model 12 of 3 heads, feed-forward 13, vocabularies 19 and 23.
"""

from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from attnrun.attention import (
    Additive,
    Alibi,
    Block,
    Gaussian,
    Heads,
    LearnedPositions,
    Mechanism,
    Monotonic,
    MultiHead,
    Position,
    Predictive,
    RelativeBias,
    Rotary,
    ScaledDot,
    Sinusoidal,
    Window,
    lengths_mask,
    masked_softmax,
)
from attnrun.errors import UserError
from attnrun.models.decoding import forced, greedy
from attnrun.models.transformer import Transformer

BOS, EOS = 2, 3
CONFIGS = Path(__file__).parents[2] / "configs" / "model"
LENGTHS = torch.tensor([3, 7, 1, 5, 6])
additive = partial(Additive, hidden=5)
SHAPES = [
    {},
    {"norm": "pre", "activation": "gelu", "tied": True},
    {"heads": Heads(3, 1, True), "layers": 3, "decoder_layers": 1, "bias": False},
    {"heads": Heads(3, 1, True), "attention": additive},
    {"heads": Heads(3)},
    {"attention": Gaussian},
    {"mask": partial(Window, width=1)},
    {"mask": partial(Block, size=3)},
    {"mask": partial(Monotonic, width=2)},
    {"mask": partial(Predictive, width=2)},
    *({"position": scheme} for scheme in (Position, LearnedPositions, Rotary, Alibi, RelativeBias)),
]


def named(keys):
    short = {key: getattr(getattr(value, "func", value), "__name__", value) for key, value in keys.items()}
    return " ".join(f"{key}={value}" for key, value in short.items()) or "plain"


shapes = pytest.mark.parametrize("keys", SHAPES, ids=named)


def make(seed=3, sizes=(19, 23), joint=False, attention=ScaledDot, normaliser=masked_softmax, **keys):
    torch.manual_seed(seed)
    parts = {"position": Sinusoidal, "heads": Heads(3, projections=True)}
    parts |= {name: keys.pop(name) for name in ("position", "heads", "mask") if name in keys}
    keys = {"size": 12, "feedforward": 13, "dropout": 0.0, "attention_dropout": 0.0, **keys}
    mechanism = Mechanism(attention=attention, normaliser=normaliser, **parts)
    return Transformer(*sizes, mechanism, joint, **keys).eval()


def batch(seed=1):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(1, 19, (5, 7), generator=generator)
    source[torch.arange(7) >= LENGTHS[:, None]] = 0
    return source, LENGTHS, torch.randint(1, 23, (5, 11), generator=generator)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@shapes
@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-13)], ids=str)
def test_steps_give_the_teacher_forced_states_and_weights(keys, dtype, close):
    model, (source, lengths, target) = make(**keys).to(dtype), batch()
    memory = model.encode(source, lengths)
    states, weights = model.states(memory, target, need_weights=True)
    layers = keys.get("decoder_layers", 2)
    assert states.shape == (5, 11, 12) and weights.shape == (5, layers, 3, 11, 7)
    state = model.start(memory)
    for t in range(11):
        state, output, row = model.step(memory, state, target[:, t])
        torch.testing.assert_close(output, states[:, t], atol=close, rtol=0)
        torch.testing.assert_close(row, weights[:, :, :, t], atol=close, rtol=0)
    assert model.step(memory, model.start(memory), target[:, 0], need_weights=False)[2] is None
    assert torch.equal(model.states(memory, target)[0], states)


@shapes
def test_a_sentence_does_not_depend_on_its_batch(keys):
    model, (source, lengths, target) = make(**keys).double(), batch()
    plain = model.project(model.states(model.encode(source, lengths), target)[0])
    wider = model.encode(nn.functional.pad(source, (0, 4)), lengths)
    assert not wider.states[:, 7:].any() and not wider.mask[..., 7:].any()
    torch.testing.assert_close(model.project(model.states(wider, target)[0]), plain, atol=1e-12, rtol=0)
    for row, length in enumerate(lengths.tolist()):
        memory = model.encode(source[row : row + 1, :length], torch.tensor([length]))
        alone = model.project(model.states(memory, target[row : row + 1])[0])
        torch.testing.assert_close(alone[0], plain[row], atol=1e-12, rtol=0)


def test_what_stands_in_the_padding_changes_nothing():
    model, (source, lengths, target) = make(), batch()
    other = source.masked_fill(source == 0, 11)
    memory = model.encode(source, lengths)
    assert not memory.states[torch.arange(7) >= lengths[:, None]].any()
    expected = model.states(memory, target)[0]
    torch.testing.assert_close(
        model.states(model.encode(other, lengths), target)[0], expected, atol=0, rtol=0
    )


@shapes
def test_what_comes_later_has_no_influence(keys):
    model, (source, lengths, target) = make(**keys).double(), batch()
    narrow = getattr(keys.get("mask"), "func", None) in (Window, Block)  # two layers do not reach all places
    memory = model.encode(source, lengths)
    before = model.states(memory, target)[0]
    for place in (1, 5, 10):
        changed = target.clone()
        changed[:, place] = (changed[:, place] + 7) % 22 + 1
        after = model.states(memory, changed)[0]
        torch.testing.assert_close(after[:, :place], before[:, :place], atol=1e-13, rtol=0)
        moved = (after - before)[:, place:].abs().amax(-1)  # (B, T - place)
        assert ((moved[:, :1] if narrow else moved) > 1e-6).all()


def test_all_of_the_source_has_influence():
    model, (source, lengths, target) = make().double(), batch()
    embedded = model.source_embedding(source).detach().requires_grad_()
    model.source_embedding.forward = lambda _: embedded
    model.states(model.encode(source, lengths), target)[0][:, 0].square().sum().backward()
    seen = embedded.grad.abs().amax(-1) > 0
    assert torch.equal(seen, torch.arange(7) < lengths[:, None])


def test_weights_are_a_distribution_over_real_words():
    model, (source, lengths, target) = make(), batch()
    _, weights = model.states(model.encode(source, lengths), target, need_weights=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(5, 2, 3, 11))
    real = (torch.arange(7) < lengths[:, None])[:, None, None, None].expand_as(weights)
    assert (weights[real] > 0).all() and (weights[~real] == 0).all()


def test_without_positions_the_source_is_a_set():
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])
    source, target = batch()[0].masked_fill(batch()[0] == 0, 5), batch()[2]
    full = torch.full((5,), 7)
    for position, same in ((Position, True), (Sinusoidal, False), (Rotary, False), (Alibi, False)):
        model = make(position=position).double()
        states, weights = model.states(model.encode(source, full), target, need_weights=True)
        other, moved = model.states(model.encode(source[:, order], full), target, need_weights=True)
        assert torch.allclose(other, states, atol=1e-12, rtol=0) is same
        assert torch.allclose(moved, weights[..., order], atol=1e-12, rtol=0) is same


def test_score_normaliser_and_position_serve_every_attention():
    def first(scores, mask=None):
        allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
        return ((allowed.cumsum(-1) == 1) & allowed).to(scores.dtype)

    model = make(normaliser=first, attention=additive, position=Rotary)
    source, lengths, target = batch()
    _, weights = model.states(model.encode(source, lengths), target, need_weights=True)
    assert (weights[..., 0] == 1).all() and not weights[..., 1:].any()
    heads = [module for module in model.modules() if isinstance(module, MultiHead)]
    assert len(heads) == 2 + 2 * 2
    assert all(head.normaliser is first for head in heads)
    assert sum(isinstance(head.position, Rotary) for head in heads) == 4  # none between target and source
    assert sum(isinstance(module, Additive) for module in model.modules()) == 6 * 3


@shapes
def test_gradient_reaches_every_parameter(keys):
    model, (source, lengths, target) = make(**keys).train(), batch()
    logits = model.project(model.states(model.encode(source, lengths), target)[0])
    logits.square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_dropout_acts_in_training_alone():
    source, lengths, target = batch()
    for keys in ({"dropout": 0.5}, {"attention_dropout": 0.5}):
        model = make(**keys)
        runs = [model.states(model.encode(source, lengths), target)[0] for _ in range(2)]
        assert torch.equal(*runs)
        model.train()
        runs = [model.states(model.encode(source, lengths), target)[0] for _ in range(2)]
        assert not torch.equal(*runs)
    embedded = make(dropout=0.5).train().encoder.embed(nn.Embedding(19, 12), source)
    assert 0.3 < (embedded == 0).float().mean() < 0.7


@shapes
def test_selected_rows_are_as_if_encoded_alone(keys):
    model, (source, lengths, target) = make(**keys).double(), batch()
    rows = torch.tensor([3, 0, 3])
    memory = model.encode(source, lengths)
    chosen = model.states(memory.select(rows), target[rows])[0]
    torch.testing.assert_close(
        chosen, model.states(model.encode(source[rows], lengths[rows]), target[rows])[0]
    )
    state = model.start(memory)
    for t in range(4):
        state, _, _ = model.step(memory, state, target[:, t])
    _, expected, _ = model.step(memory, state, target[:, 4])
    _, found, _ = model.step(memory.select(rows), state.select(rows), target[rows, 4])
    torch.testing.assert_close(found, expected[rows])


@torch.no_grad()
def one_by_one(model, sentence, limit):
    """Greedy search for one sentence (1, S) by teacher forcing all over again at every step."""
    memory = model.encode(sentence, torch.tensor([sentence.shape[1]]))
    tokens, score, weights = [BOS], 0.0, None
    while len(tokens) <= limit:
        states, looks = model.states(memory, torch.tensor([tokens]), need_weights=True)
        logp = model.project(states)[0, -1].log_softmax(-1)
        token = max((i for i in range(len(logp)) if i not in (0, BOS)), key=lambda i: float(logp[i]))
        score += float(logp[token])
        if token == EOS:
            break
        tokens.append(token)
        weights = looks[0]
    return tokens[1:], score, weights


@shapes
def test_greedy_equals_a_loop_over_single_sentences(keys):
    model, (source, lengths, _) = make(**keys).double(), batch()
    with torch.no_grad():
        for parameter in model.parameters():  # large values: outputs that differ and end at different steps
            parameter.mul_(1.5)
        model.output.bias[EOS] += 2
    found = greedy(
        model, source, lengths, bos=BOS, eos=EOS, length_factor=0, length_offset=9, need_weights=True
    )
    for row, length in enumerate(lengths.tolist()):
        tokens, score, weights = one_by_one(model, source[row : row + 1, :length], 9)
        assert found.tokens[row] == tokens
        assert found.scores[row] == pytest.approx(score, abs=1e-9)
        if tokens:
            torch.testing.assert_close(found.weights[row], weights)
    order = torch.tensor([4, 2, 0])
    some = greedy(model, source[order], lengths[order], bos=BOS, eos=EOS, length_factor=0, length_offset=9)
    assert some.tokens == [found.tokens[i] for i in order.tolist()]


def test_sentences_leave_the_batch_at_different_steps():
    model, (source, lengths, _) = make(position=Rotary).double(), batch()
    with torch.no_grad():
        model.output.bias[EOS] -= 100  # only the limits end a sentence
    found = greedy(model, source, lengths, bos=BOS, eos=EOS, length_factor=1, length_offset=0)
    target = nn.utils.rnn.pad_sequence([torch.tensor([BOS, *row]) for row in found.tokens], batch_first=True)
    scored = forced(model, source, lengths, target)
    expected = scored.log_probabilities.sum(-1).tolist()
    assert {len(row) for row in found.tokens} == set(lengths.tolist())
    assert found.scores == pytest.approx(expected, abs=1e-9)


def test_starting_values():
    model = make(size=96, attention=additive, position=RelativeBias, sizes=(301, 307))
    for embedding in (model.source_embedding, model.target_embedding):
        assert not embedding.weight[0].any()
        assert float(embedding.weight[1:].detach().std()) == pytest.approx(96**-0.5, rel=0.05)
    inside = model.encoder.embed(model.source_embedding, torch.arange(1, 301)[:, None])
    assert float(inside.detach().std()) == pytest.approx(1, rel=0.05)
    attention = model.decoder.layers[0].cross_attention.attention
    assert float(attention.W_q.weight.detach().abs().max()) == pytest.approx((6 / 192) ** 0.5, rel=0.01)
    assert not any(parameter.any() for name, parameter in model.named_parameters() if name.endswith("bias"))
    drawn = attention.score.scores[0].W_q.weight.detach()
    assert float(drawn.abs().max()) < 32**-0.5  # as nn.Linear drew it: Xavier's reach to .4
    assert float(model.encoder.position.table.detach().std()) < 0.2


@pytest.mark.parametrize("joint", [False, True])
def test_tied_and_joint_matrices(joint):
    models = {tied: make(sizes=(19, 19), joint=joint, tied=tied) for tied in (False, True)}
    for tied, model in models.items():
        assert (model.source_embedding.weight is model.target_embedding.weight) is joint
        assert (model.output.weight is model.target_embedding.weight) is tied
        assert float(model.output.weight.detach().std()) < 0.4
    assert parameters(models[False]) - parameters(models[True]) == 19 * 12
    assert parameters(make(sizes=(19, 19))) - parameters(models[False]) == joint * 19 * 12


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("keys", [{}, {"bias": False}, {"norm": "pre"}], ids=named)
def test_number_of_parameters(groups, keys):
    size, wide, layers, kept = 12, 13, 2, 4 * groups  # kept: the size of all keys of a token
    projections = [(size, size), (size, kept), (size, kept), (size, size)]
    bias = keys.get("bias", True)
    attention = sum(a * b + bias * b for a, b in projections)
    feedforward = 2 * size * wide + wide + size
    encoder, decoder = attention + feedforward + 2 * 2 * size, 2 * attention + feedforward + 3 * 2 * size
    last = 2 * 2 * size if keys.get("norm") == "pre" else 0
    expected = layers * (encoder + decoder) + last + (19 + 23) * size + 23 * (size + 1)
    assert parameters(make(heads=Heads(3, groups, True), **keys)) == expected


def test_sizes_of_the_configs():
    def build(name, size, joint):
        keys = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
        del keys["_target_"]
        mechanism = Mechanism(attention=ScaledDot, heads=Heads(4, projections=True))
        return Transformer(size, size, mechanism, joint, **keys)

    assert 2.05e6 < parameters(build("transformer-tiny", 6000, True)) < 2.6e6
    assert (
        parameters(build("transformer-textbook", 200, False)) == 61_384
    )  # as the sizes of the textbook give it


def test_what_cannot_be_built_says_what_would():
    with pytest.raises(UserError, match=r"cannot do without attention.*scaled-dot.*an RNN"):
        make(attention=None)
    with pytest.raises(UserError, match=r"5 heads do not divide the size 12.*1, 2, 3, 4, 6, 12"):
        make(heads=Heads(5, projections=True))
    with pytest.raises(UserError, match=r"2 groups do not divide 3 heads.*1, 3"):
        make(heads=Heads(3, 2, True))
    with pytest.raises(UserError, match="rotary"):
        make(heads=Heads(4, projections=True), position=Rotary)


def test_it_works_in_bfloat16():
    model, (source, lengths, target) = make(norm="pre"), batch()
    expected = model.states(model.encode(source, lengths), target)[0]
    model = model.to(torch.bfloat16)
    memory = model.encode(source, lengths)
    states = model.states(memory, target)[0]
    assert states.dtype == torch.bfloat16
    assert (states.float() - expected).abs().mean() < 0.05
    _, first, _ = model.step(memory, model.start(memory), target[:, 0])
    torch.testing.assert_close(first, states[:, 0], atol=0.1, rtol=0)


@pytest.mark.parametrize(
    "keys",
    [
        {"norm": "pre", "tied": True},
        {"attention": additive},
        {"position": Rotary, "heads": Heads(3, 1, True)},
    ],
    ids=named,
)
def test_learns_to_reverse(keys):
    generator = torch.Generator().manual_seed(2)
    lengths = torch.randint(2, 6, (20,), generator=generator)
    source = torch.randint(4, 19, (20, 5), generator=generator)
    source[torch.arange(5) >= lengths[:, None]] = 0
    target = torch.zeros(20, 7, dtype=torch.int64)
    target[:, 0] = BOS
    for row, length in enumerate(lengths.tolist()):
        target[row, 1 : length + 1] = source[row, :length].flip(0)
        target[row, length + 1] = EOS
    model = make(size=24, feedforward=48, layers=1, **keys).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    wanted = target[:, 1:]
    for _ in range(120):
        logits = model.project(model.states(model.encode(source, lengths), target[:, :-1])[0])
        loss = nn.functional.cross_entropy(logits[wanted > 0], wanted[wanted > 0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (logits.argmax(-1) == wanted)[wanted > 0].float().mean()
    assert right == 1 and loss < 0.1
    found = greedy(model, source, lengths, bos=BOS, eos=EOS)
    assert found.tokens == [row[:n].flip(0).tolist() for row, n in zip(source, lengths.tolist(), strict=True)]
    assert torch.equal(model.encode(source, lengths).mask, lengths_mask(lengths, 5))
