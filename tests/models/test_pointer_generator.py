"""The pointer-generator network against loops over single words, in float64.

Sizes: B 5, S 11, T 7, vocabulary 13 and up to 5 unknown words of a source, embedding 6, encoder states and
decoder states 14.
"""

import math

import pytest
import torch

from attnrun.attention import (
    Additive,
    Boxcar,
    Heads,
    Mechanism,
    ScaledDot,
    Sinusoidal,
    masked_sigmoid,
    sparsemax,
)
from attnrun.errors import UserError
from attnrun.models.beam import beam
from attnrun.models.decoding import forced, greedy
from attnrun.models.pointer_generator import PointerGenerator

V, BOS, EOS, UNK = 13, 2, 3, 1
GENERATOR = torch.Generator().manual_seed(1)
LENGTHS = torch.tensor([3, 11, 1, 5, 8])
# Unknown words are numbered in the order in which they come in their source.
SOURCE = torch.tensor([
    [4, 13, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    [13, 5, 14, 13, 6, 7, 15, 16, 17, 8, 14],
    [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [13, 13, 13, 13, 13, 0, 0, 0, 0, 0, 0],
    [4, 5, 6, 7, 8, 4, 4, 10, 0, 0, 0],
])  # fmt: skip
TARGET = torch.tensor([
    [BOS, 13, 4, 11, EOS, 0, 0, 0],
    [BOS, 16, 5, 17, 13, 12, 8, EOS],
    [BOS, UNK, EOS, 0, 0, 0, 0, 0],
    [BOS, 13, 13, 6, EOS, 0, 0, 0],
    [BOS, 4, 10, 9, 12, 11, EOS, 0],
])  # fmt: skip


def make(attention=Additive, copy=True, **keys):
    torch.manual_seed(3)
    parts = {name: keys.pop(name) for name in ("normaliser", "heads") if name in keys}
    mechanism = Mechanism(attention=attention, **parts)
    sizes = {"embedding": 6, "hidden": 14, "dropout": 0.3}
    model = PointerGenerator(V, mechanism, copy=copy, **sizes, **keys).eval().double()
    torch.manual_seed(4)
    for parameter in model.parameters():  # so that nothing is 0 by its start
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def alone(row):
    length = int(LENGTHS[row])
    end = int((TARGET[row] != 0).sum())
    return SOURCE[row : row + 1, :length], LENGTHS[row : row + 1], TARGET[row : row + 1, :end]


def words_of(model, row):
    """The states of the decoder, word by word, and of the encoder, by the network's own recurrent parts."""
    source, length, target = alone(row)
    known = source.where(source < V, UNK)
    states, final = model.encoder(model.source_embedding(known), length)
    parts = [part[0] for part in final]
    bridges = zip(model.bridges, parts, strict=True)
    state = tuple(bridge(part).tanh() if n == 0 else bridge(part) for n, (bridge, part) in enumerate(bridges))
    for word in target[0, :-1].tolist():
        embedded = model.target_embedding(torch.tensor([word if word < V else UNK]))
        state = model.cells[0](model.from_token(embedded), state)
        yield embedded[0], state[0][0], states[0]


@torch.no_grad()
def expected(model, row):
    """Equations 1 to 4, 8 and 9, one word after the other: a distribution over 13 + 5 words for each.

    And the part of it that is generated.
    """
    source, found, made = alone(row)[0][0].tolist(), [], []
    score = model.attention.score
    for embedded, state, encoded in words_of(model, row):
        scores = [float(score.v(torch.tanh(score.W_q(state) + score.W_k(one)))) for one in encoded]
        weights = [math.exp(one) / sum(map(math.exp, scores)) for one in scores]
        context = sum(weight * one for weight, one in zip(weights, encoded, strict=True))
        read = torch.tanh(model.readout(torch.cat([state, context])))
        logits = model.output(read).tolist()
        generated = [math.exp(one) / sum(map(math.exp, logits)) for one in logits]
        gate = float(model.generates.weight[0] @ torch.cat([context, state, embedded]) + model.generates.bias)
        p_gen = 1 / (1 + math.exp(-gate))
        made.append([p_gen * one for one in generated] + [0.0] * 5)
        found.append(list(made[-1]))
        for token, weight in zip(source, weights, strict=True):
            found[-1][token] += (1 - p_gen) * weight
    return torch.tensor(found, dtype=torch.float64), torch.tensor(made, dtype=torch.float64)


def distribution(model, row=None):
    source, lengths, target = (SOURCE, LENGTHS, TARGET) if row is None else alone(row)
    return model.project(model.states(model.encode(source, lengths), target[:, :-1])[0]).exp()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_next_word_is_generated_or_copied_from_where_the_decoder_looks(cell):
    model = make(cell=cell)
    found = distribution(model)
    assert found.shape == (5, 7, V + 5)
    for row in range(5):
        wanted, _ = expected(model, row)
        torch.testing.assert_close(found[row, : len(wanted)], wanted, atol=1e-12, rtol=0)
        unknown = int((SOURCE[row].unique() >= V).sum())
        assert not found[row, :, V + unknown :].any()  # what this source does not have
        assert (found[row, :, V : V + unknown] > 0).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(5, 7).double(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("copy", [False, True])
def test_steps_and_scores_and_texts_alone_agree_with_the_whole(cell, feeding, copy):
    model = make(copy=copy, cell=cell, input_feeding=feeding, layers=2)
    target = TARGET if copy else TARGET.where(TARGET < V, UNK)
    memory = model.encode(SOURCE, LENGTHS)
    whole, weights = model.states(memory, target[:, :-1], need_weights=True)
    assert weights.shape == (5, 1, 1, 7, 11)
    state = model.start(memory)
    for place in range(7):
        state, output, look = model.step(memory, state, target[:, place])
        torch.testing.assert_close(output.exp(), whole[:, place].exp(), atol=1e-12, rtol=0)
        torch.testing.assert_close(look, weights[:, :, :, place], atol=1e-12, rtol=0)
    scored, copied = model.score(memory, target)
    picked = whole.gather(-1, target[:, 1:, None])[..., 0]
    real = target[:, 1:] != 0
    torch.testing.assert_close(scored[real], picked[real], atol=1e-12, rtol=0)
    by_force = forced(model, SOURCE, LENGTHS, target).log_probabilities
    torch.testing.assert_close(by_force[real], picked[real], atol=1e-12, rtol=0)
    assert (copied is None) == (not copy)
    for row in range(5):
        source, length, own = alone(row)
        own = own if copy else own.where(own < V, UNK)
        single, _ = model.score(model.encode(source, length), own)
        torch.testing.assert_close(scored[row, : single.shape[1]], single[0], atol=1e-12, rtol=0)


def test_how_likely_a_word_was_copied_is_its_share_of_what_makes_it():
    model = make()
    _, copied = model.score(model.encode(SOURCE, LENGTHS), TARGET)
    for row in range(5):
        following = alone(row)[2][0, 1:, None]
        whole, generated = (part.gather(1, following)[:, 0] for part in expected(model, row))
        torch.testing.assert_close(copied[row, : len(whole)], 1 - generated / whole, atol=1e-12, rtol=0)
    assert (copied[1, :1] == 1).all()  # a word that only the source has


def test_the_gradient_is_that_of_small_changes():
    model = make(attention=ScaledDot)
    inputs = [parameter for parameter in model.parameters() if parameter.numel() < 200]

    def loss(*_):
        found, _ = model.score(model.encode(SOURCE, LENGTHS), TARGET)
        return found[TARGET[:, 1:] != 0].sum()

    assert len(inputs) > 5 and torch.autograd.gradcheck(loss, inputs, fast_mode=True)
    through_all = model.states(model.encode(SOURCE, LENGTHS), TARGET[:, :-1])[0]
    picked = through_all.gather(-1, TARGET[:, 1:, None])[..., 0][TARGET[:, 1:] != 0].sum()
    names = [name for name, _ in model.named_parameters()]
    both = (torch.autograd.grad(one, list(model.parameters())) for one in (loss(), picked))
    for name, first, second in zip(names, *both, strict=True):
        assert first.any(), name
        torch.testing.assert_close(first, second, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        {"normaliser": masked_sigmoid},  # whose weights sum to anything
        {"normaliser": sparsemax, "attention": ScaledDot},
        {"heads": Heads(2, projections=True)},
        {"attention": lambda query, key: Boxcar(query, key, width=2)},  # whose kernel often reaches nothing
    ],
)
def test_any_weights_make_a_distribution_and_a_finite_loss(parts):
    model = make(**parts)
    found = distribution(model)
    _, weights = model.states(model.encode(SOURCE, LENGTHS), TARGET[:, :-1], need_weights=True)
    sums, kernel = weights.sum(-1), "attention" in parts and "normaliser" not in parts
    assert bool((sums == 0).any()) == kernel and bool((sums - 1).abs().max() > 0.1) == (
        kernel or parts.get("normaliser") is masked_sigmoid
    )
    torch.testing.assert_close(found.sum(-1), torch.ones(5, 7).double(), atol=1e-12, rtol=0)
    scored, _ = model.score(model.encode(SOURCE, LENGTHS), TARGET)
    scored[TARGET[:, 1:] != 0].sum().backward()
    assert scored[TARGET[:, 1:] != 0].isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_searches_put_out_words_that_only_the_source_has_and_each_its_own():
    model = make()
    model.generates.bias.data -= 20.0  # copies whatever it looks at
    for search in (greedy, lambda *given, **keys: beam(*given, size=3, **keys)):
        found = search(model, SOURCE, LENGTHS, BOS, EOS, length_factor=0.0, length_offset=6)
        for row, tokens in enumerate(found.tokens):
            assert len(tokens) == 6 and set(tokens) <= set(SOURCE[row, : LENGTHS[row]].tolist())
            single = search(model, *alone(row)[:2], BOS, EOS, length_factor=0.0, length_offset=6)
            assert single.tokens == [tokens] and single.scores == pytest.approx([found.scores[row]])
        assert found.tokens[3] == [13] * 6
    looks = greedy(model, SOURCE, LENGTHS, BOS, EOS, True, length_factor=0.0, length_offset=6).weights
    assert [tuple(look.shape) for look in looks] == [(1, 1, 6, length) for length in LENGTHS.tolist()]


def test_without_attention_every_word_is_generated():
    model = make(attention=None, copy=False)
    found = distribution(model)
    assert found.shape == (5, 7, V)
    torch.testing.assert_close(found.sum(-1), torch.ones(5, 7).double(), atol=1e-12, rtol=0)
    scored, copied = model.score(model.encode(SOURCE, LENGTHS), TARGET)
    known, _ = model.score(model.encode(SOURCE, LENGTHS), TARGET.where(TARGET < V, UNK))
    assert copied is None and torch.equal(scored, known) and scored.isfinite().all()


def test_choices_that_find_nothing_to_act_on_are_refused():
    with pytest.raises(UserError, match=r"nothing says what to copy; set model\.copy=false, or choose"):
        make(attention=None)
    with pytest.raises(UserError, match="takes no positions"):
        PointerGenerator(V, Mechanism(attention=ScaledDot, position=Sinusoidal))
