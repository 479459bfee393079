"""Greedy search and forced scoring, against a loop over one sentence."""

from functools import partial

import pytest
import torch

from attnrun.attention import Additive, Heads, LearnedPositions, Location, Mechanism, ScaledDot
from attnrun.errors import UserError
from attnrun.models.beam import beam
from attnrun.models.decoding import forced, greedy
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.sampling import sample
from attnrun.models.transformer import Transformer

BOS, EOS = 2, 3
LENGTHS = torch.tensor([3, 7, 1, 5, 6, 2, 4])


@pytest.fixture
def model():
    torch.manual_seed(11)
    made = RnnSeq2Seq(
        19,
        13,
        Mechanism(attention=partial(Additive, hidden=5)),
        embedding=17,
        hidden=23,
        encoder_size=46,
        layers=2,
        dropout=0.3,
    )
    with torch.no_grad():
        for parameter in made.parameters():  # large values: outputs that differ and end at different steps
            parameter.mul_(3)
        made.output.bias[[0, BOS]] += 30  # the likeliest of all, were they permitted
        made.output.bias[EOS] += 1
    return made.double()


@pytest.fixture
def sources():
    source = torch.randint(4, 19, (7, 7), generator=torch.Generator().manual_seed(5))
    source[torch.arange(7) >= LENGTHS[:, None]] = 0
    return source


def one_by_one(model, sentence, limit):
    """Greedy search for one sentence (1, S), with nothing shared with the code under test but `step`."""
    memory = model.encode(sentence, torch.tensor([sentence.shape[1]]))
    state, token, tokens, score, rows = model.start(memory), BOS, [], 0.0, []
    while len(tokens) < limit:
        state, output, weights = model.step(memory, state, torch.tensor([token]))
        logp = model.project(output)[0].log_softmax(-1)
        token = max((i for i in range(len(logp)) if i not in (0, BOS)), key=lambda i: float(logp[i]))
        score += float(logp[token])
        if token == EOS:
            break
        tokens.append(token)
        rows.append(weights[0])
    return tokens, score, rows


def test_greedy_equals_a_loop_over_single_sentences(model, sources):
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, need_weights=True)
    model.eval()
    with torch.no_grad():
        for row, length in enumerate(LENGTHS.tolist()):
            tokens, score, looks = one_by_one(model, sources[row : row + 1, :length], 2 * length + 10)
            assert found.tokens[row] == tokens
            assert found.scores[row] == pytest.approx(score, abs=1e-9)
            assert found.weights[row].shape == (1, 1, len(tokens), length)
            if looks:
                torch.testing.assert_close(found.weights[row], torch.stack(looks, 2))
    lengths = {len(tokens) for tokens in found.tokens}
    assert len(lengths) > 2  # sentences did leave the batch at different steps
    assert not {0, BOS, EOS} & {token for tokens in found.tokens for token in tokens}


def test_output_does_not_depend_on_the_batch(model, sources):
    whole = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS)
    order = torch.tensor([4, 2, 6, 0])
    some = greedy(model, sources[order], LENGTHS[order], bos=BOS, eos=EOS)
    assert some.tokens == [whole.tokens[i] for i in order.tolist()]
    assert some.scores == pytest.approx([whole.scores[i] for i in order.tolist()], abs=1e-9)
    assert whole.weights is None


def test_length_limits(model, sources):
    with torch.no_grad():
        model.output.bias[EOS] -= 1e4  # never ends by itself
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS)
    assert [len(tokens) for tokens in found.tokens] == [2 * n + 10 for n in LENGTHS.tolist()]
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=0, length_offset=5)
    assert {len(tokens) for tokens in found.tokens} == {5}
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=1, length_offset=1)
    assert [len(tokens) for tokens in found.tokens] == [n + 1 for n in LENGTHS.tolist()]
    with pytest.raises(ValueError, match="at least 1"):
        greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=0, length_offset=0)


def test_an_output_that_ends_at_once(model, sources):
    with torch.no_grad():
        model.output.bias[EOS] += 1e4
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, need_weights=True)
    assert found.tokens == [[]] * 7
    assert [tuple(w.shape) for w in found.weights] == [(1, 1, 0, n) for n in LENGTHS.tolist()]


def test_an_empty_batch(model):
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert greedy(model, none, torch.zeros(0, dtype=torch.int64), bos=BOS, eos=EOS).tokens == []


def test_forced_scores_what_greedy_found(model, sources):
    found = greedy(
        model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=0, length_offset=40, need_weights=True
    )
    rows = [[BOS, *tokens, EOS] for tokens in found.tokens]
    target = torch.zeros(7, max(map(len, rows)), dtype=torch.int64)
    for i, row in enumerate(rows):
        target[i, : len(row)] = torch.tensor(row)
    given = forced(model, sources, LENGTHS, target)
    ended = [i for i, tokens in enumerate(found.tokens) if len(tokens) < 40]
    assert ended
    for i in ended:
        n = len(found.tokens[i])
        assert float(given.log_probabilities[i].sum()) == pytest.approx(found.scores[i], abs=1e-9)
        assert not given.log_probabilities[i, n + 1 :].any()
        torch.testing.assert_close(given.weights[i, :, :, :n, : LENGTHS[i]], found.weights[i])


def test_the_mode_comes_back(model, sources):
    model.train()
    model.encoder.eval()
    greedy(model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=0, length_offset=3)
    assert model.training and model.dropout.training and not model.encoder.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_without_attention_there_are_no_weights(sources):
    model = RnnSeq2Seq(19, 13, Mechanism(), embedding=5, hidden=11, encoder_size=14)
    found = greedy(
        model, sources, LENGTHS, bos=BOS, eos=EOS, length_factor=0, length_offset=3, need_weights=True
    )
    assert found.weights is None


@pytest.mark.parametrize(
    "parts",
    [
        {"position": partial(LearnedPositions, maximum_length=8)},
        {"attention": partial(Location, maximum_length=8), "heads": Heads(2, projections=True)},
    ],
    ids=["positions", "score"],
)
def test_no_output_is_longer_than_the_model_can_read(sources, parts):
    torch.manual_seed(2)
    mechanism = Mechanism(**{"attention": ScaledDot, **parts})
    model = Transformer(19, 13, mechanism, size=12, feedforward=5)
    with torch.no_grad():
        model.output.bias[EOS] -= 100  # only limits end a sentence
    found = greedy(model, sources, LENGTHS, bos=BOS, eos=EOS)
    assert model.longest == 8 and {len(tokens) for tokens in found.tokens} == {8}


@pytest.mark.parametrize("search", [greedy, beam, sample])
def test_a_model_that_has_learned_nothing_finite_is_refused(model, sources, search):
    with torch.no_grad():
        model.output.bias.fill_(torch.nan)
    with pytest.raises(UserError, match="no finite probabilities"):
        search(model, sources, LENGTHS, BOS, EOS)


@pytest.mark.parametrize("search", [greedy, beam, sample])
@pytest.mark.parametrize("given", [torch.nn.Parameter, lambda logits: logits[:]])  # a weight, or a view
def test_a_search_writes_over_logits_of_its_own_alone(model, sources, search, given):
    row, kept = torch.linspace(0, 1, 13), {}
    model.float().project = lambda states: given(kept.setdefault(len(states), row.repeat(len(states), 1)))
    search(model, sources, LENGTHS, BOS, EOS)
    assert kept and all(torch.equal(logits, row.expand_as(logits)) for logits in kept.values())
