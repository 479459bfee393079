"""Classifiers and taggers against loops over single texts, in float64.

Sizes: B 5, N 11, embedding 7, states 14 (two directions), vocabulary 19, classes 3.
"""

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from attnrun.attention import (
    Additive,
    Heads,
    Mechanism,
    Position,
    RelativeBias,
    ScaledDot,
    Sinusoidal,
    Uniform,
    Window,
)
from attnrun.errors import UserError
from attnrun.models.classifier import RnnClassifier, TransformerClassifier
from attnrun.models.linear import best_linear, fit_linear, share_right, token_counts
from attnrun.models.tagger import RnnTagger, TransformerTagger

LENGTHS = torch.tensor([3, 11, 1, 5, 8])
TOKENS = torch.randint(1, 19, (5, 11), generator=torch.Generator().manual_seed(1))
PADDED = TOKENS.masked_fill(torch.arange(11) >= LENGTHS[:, None], 0)


def make(kind, mechanism, **keys):
    torch.manual_seed(3)
    if kind in (RnnClassifier, RnnTagger):
        keys = {"embedding": 7, "hidden": 14, "dropout": 0.3} | keys
    else:
        keys = {"size": 12, "feedforward": 13, "layers": 2, "dropout": 0.3} | keys
    return kind(19, 3, mechanism, **keys).eval().double()


def softmax(scores):
    exponents = [math.exp(score - max(scores)) for score in scores]
    return [value / sum(exponents) for value in exponents]


def states_of(model, row):
    length = int(LENGTHS[row])
    alone, final = model.reader(PADDED[row : row + 1, :length], LENGTHS[row : row + 1])
    return alone[0].detach().numpy(), final[0].detach().numpy()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_context_of_a_text_is_what_the_query_finds(cell):
    model = make(RnnClassifier, Mechanism(attention=ScaledDot), cell=cell)
    logits, weights = model.look(PADDED, LENGTHS)
    assert weights.shape == (5, 1, 1, 1, 11)
    query = model.query.detach().numpy()
    for row in range(5):
        states, _ = states_of(model, row)
        expected = softmax([sum(query * state) / math.sqrt(14) for state in states])
        np.testing.assert_allclose(weights[row, 0, 0, 0, : len(states)].detach(), expected, atol=1e-12)
        assert not weights[row, ..., len(states) :].any()
        context = sum(weight * state for weight, state in zip(expected, states, strict=True))
        found = model.output(torch.tensor(context)).detach()
        np.testing.assert_allclose(logits[row].detach(), found, atol=1e-12)
    torch.testing.assert_close(model(PADDED, LENGTHS), logits, atol=0, rtol=0)


def test_average_pooling_is_the_mean_and_no_attention_the_last_state():
    mean = make(RnnClassifier, Mechanism(attention=Uniform))
    last = make(RnnClassifier, Mechanism(attention=None))
    assert last.look(PADDED, LENGTHS)[1] is None
    for row in range(5):
        states, _ = states_of(mean, row)
        expected = mean.output(torch.tensor(states.mean(0)))
        torch.testing.assert_close(mean(PADDED, LENGTHS)[row], expected, atol=1e-12, rtol=0)
        _, final = states_of(last, row)
        torch.testing.assert_close(
            last(PADDED, LENGTHS)[row], last.output(torch.tensor(final)), atol=1e-12, rtol=0
        )


MECHANISMS = {
    "additive": Mechanism(attention=partial(Additive, hidden=5), heads=Heads(2, projections=True)),
    "relative": Mechanism(attention=ScaledDot, position=RelativeBias),
    "window": Mechanism(attention=ScaledDot, position=Sinusoidal, mask=partial(Window, width=2)),
    "none": Mechanism(attention=None),
}


@pytest.mark.parametrize(
    "kind, mechanism",
    [(RnnTagger, name) for name in MECHANISMS]
    + [(TransformerTagger, name) for name in MECHANISMS if name != "none"],
)
def test_the_tags_of_a_sentence_do_not_depend_on_its_batch(kind, mechanism):
    model = make(kind, MECHANISMS[mechanism])
    logits, weights = model.look(PADDED, LENGTHS)
    assert logits.shape == (5, 11, 3)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, own = model.look(PADDED[row : row + 1, :length], LENGTHS[row : row + 1])
        torch.testing.assert_close(logits[row, :length], alone[0], atol=1e-12, rtol=0)
        if weights is not None:
            torch.testing.assert_close(weights[row, ..., :length, :length], own[0], atol=1e-12, rtol=0)
            assert not weights[row, ..., length:].any()


def place_marks(places):
    """Vaswani et al. 2017, section 3.5, by its formula."""
    angles = [[place / 10_000 ** (2 * (i // 2) / 14) for i in range(14)] for place in range(places)]
    return np.array([[math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(row)] for row in angles])


@pytest.mark.parametrize("position", [Position, Sinusoidal])
def test_a_tagger_reads_the_state_and_what_it_found(position):
    model = make(RnnTagger, Mechanism(attention=ScaledDot, position=position))
    logits, weights = model.look(PADDED, LENGTHS)
    for row in range(5):
        states, _ = states_of(model, row)
        marked = states + place_marks(len(states)) * (position is Sinusoidal)
        for place, state in enumerate(states):
            expected = softmax([sum(marked[place] * other) / math.sqrt(14) for other in marked])
            np.testing.assert_allclose(
                weights[row, 0, 0, place, : len(states)].detach(), expected, atol=1e-12
            )
            found = sum(weight * other for weight, other in zip(expected, marked, strict=True))
            own = model.output(torch.tensor(np.concatenate([state, found])))
            torch.testing.assert_close(logits[row, place], own, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", [RnnClassifier, RnnTagger, TransformerClassifier, TransformerTagger])
def test_gradient_reaches_every_parameter(kind):
    heads = Heads(2, projections=True)
    model = make(kind, Mechanism(attention=partial(Additive, hidden=5), heads=heads)).train()
    model(PADDED, LENGTHS).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_choices_that_find_nothing_to_act_on_are_refused():
    with pytest.raises(UserError, match="takes no positions; set position=none"):
        make(RnnClassifier, Mechanism(attention=ScaledDot, position=Sinusoidal))
    with pytest.raises(UserError, match="without attention there is nothing"):
        make(RnnTagger, Mechanism(attention=None, mask=partial(Window, width=2)))
    with pytest.raises(UserError, match="size of 13; make it even"):
        make(RnnTagger, Mechanism(attention=ScaledDot), hidden=13)


def test_a_bag_of_tokens_is_the_logistic_regression_of_scikit_learn():
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, 7, (60, 9), generator=generator)
    targets = torch.randint(0, 3, (60,), generator=generator)
    counts = np.stack([np.bincount(row[row > 0], minlength=7) for row in tokens.numpy()])
    np.testing.assert_array_equal(token_counts(tokens, 7).to_dense(), counts)
    model = fit_linear(token_counts(tokens, 7), targets, 3, 0.01)
    expected = LogisticRegression(C=1 / (0.01 * 60), max_iter=2000, tol=1e-9).fit(counts, targets)
    found = (torch.tensor(counts).float() @ model.weight.mT + model.bias).softmax(1)
    np.testing.assert_allclose(found, expected.predict_proba(counts), atol=5e-4)


def test_words_tell_what_their_order_does_not_change():
    tokens = torch.tensor([[1, 2, 0], [1, 0, 0], [3, 2, 0], [3, 3, 2]])
    counts, targets = token_counts(tokens, 4), torch.tensor([0, 0, 1, 1])
    assert share_right(best_linear((counts, targets), (counts, targets), 2), counts, targets) == 1
