"""The span pointer against loops over single passages, in float64.

Sizes: B 5, N 11, M 7, embedding 6, states 14, vocabulary 19.
"""

import math

import numpy as np
import pytest
import torch

from attnrun.attention import Heads, Mechanism, ScaledDot, Sinusoidal, Window
from attnrun.errors import UserError
from attnrun.models.span_pointer import SpanPointer, best_spans

GENERATOR = torch.Generator().manual_seed(1)
LENGTHS, ASKED = torch.tensor([3, 11, 1, 5, 8]), torch.tensor([7, 2, 4, 1, 6])
PASSAGES = torch.randint(1, 19, (5, 11), generator=GENERATOR) * (torch.arange(11) < LENGTHS[:, None])
QUESTIONS = torch.randint(1, 19, (5, 7), generator=GENERATOR) * (torch.arange(7) < ASKED[:, None])
BATCH = (PASSAGES, LENGTHS, QUESTIONS, ASKED)


def make(**parts):
    torch.manual_seed(3)
    return SpanPointer(19, Mechanism(**parts), embedding=6, hidden=14, dropout=0.3).eval().double()


def alone(row):
    length, asked = int(LENGTHS[row]), int(ASKED[row])
    return (
        PASSAGES[row : row + 1, :length], LENGTHS[row : row + 1],
        QUESTIONS[row : row + 1, :asked], ASKED[row : row + 1],
    )  # fmt: skip


@pytest.mark.parametrize("attention", [ScaledDot, None])
def test_a_passage_does_not_depend_on_its_batch(attention):
    model = make(attention=attention)
    logits, weights = model.look(*BATCH)
    assert logits.shape == (5, 2, 11) and torch.isinf(logits[0, :, 3:]).all()
    for row, length in enumerate(LENGTHS.tolist()):
        own, looks = model.look(*alone(row))
        torch.testing.assert_close(logits[row, :, :length], own[0], atol=1e-12, rtol=0)
        if weights is not None:
            part = weights[row, ..., :length, : ASKED[row]]
            torch.testing.assert_close(part, looks[0], atol=1e-12, rtol=0)
    assert (weights is None) == (attention is None)


@pytest.mark.parametrize("attention", [ScaledDot, None])
def test_each_token_reads_what_it_found_in_the_question(attention):
    model = make(attention=attention)
    for row in range(5):
        passage, length, question, asked = alone(row)
        states = model.reader(passage, length)[0][0].detach().numpy()
        words, last = (part[0].detach().numpy() for part in model.reader(question, asked))
        both = []
        for state in states:
            scores = [math.exp(sum(state * word) / math.sqrt(14)) for word in words]
            found = sum(score / sum(scores) * word for score, word in zip(scores, words, strict=True))
            found = last if attention is None else found
            both.append(np.concatenate([state, found, state * found]))
        read, _ = model.second(torch.tensor(np.stack(both))[None], length)
        torch.testing.assert_close(model(*alone(row)), model.output(read).mT, atol=1e-12, rtol=0)


def test_gradient_reaches_every_parameter():
    model = make(attention=ScaledDot, heads=Heads(2, projections=True)).train()
    logits = model(*BATCH)
    logits.masked_fill(torch.isinf(logits), 0).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_best_span_ends_where_it_begins_or_later_and_is_not_too_long():
    logits = torch.randn(40, 2, 9, generator=GENERATOR).double()
    logits[7, :, 4:] = -torch.inf
    for longest in (1, 3, 9):
        for row, found in zip(logits, best_spans(logits, longest).tolist(), strict=True):
            first, last = row.log_softmax(-1)
            spans = [(i, j) for i in range(9) for j in range(i, min(9, i + longest))]
            scores = {(i, j): float(first[i] + last[j]) for i, j in spans}
            assert tuple(found) == max(scores, key=lambda span: scores[span])


def test_choices_that_find_nothing_to_act_on_are_refused():
    with pytest.raises(UserError, match="takes no positions"):
        make(attention=ScaledDot, position=Sinusoidal)
    with pytest.raises(UserError, match="narrows attention within one sequence"):
        make(attention=ScaledDot, mask=lambda size: Window(size, width=2))
