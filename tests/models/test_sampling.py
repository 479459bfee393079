"""Sampling: what is drawn, how often, and that it depends on seed and sentence alone."""

import pytest
import torch
from scipy.stats import chisquare

from attnrun.models.decoding import forced, greedy
from attnrun.models.sampling import draw, sample
from tests.models.searches import BOS, EOS, LENGTHS, MODELS, rnn, sources

ENDS = {"bos": BOS, "eos": EOS}
LOGITS = torch.tensor([0.3, -torch.inf, 1.9, -2.0, 1.1, 0.9, -torch.inf, 2.4, 0.0, -0.7, 1.5])


def truncated(temperature: float, top_k: int | None, top_p: float) -> dict[int, float]:
    """The distribution of one token, by sorting and counting."""
    weights = {token: float((logit / temperature).exp()) for token, logit in enumerate(LOGITS.double())}
    ranked = sorted((token for token in weights if weights[token]), key=lambda token: -weights[token])[:top_k]
    whole, reached, kept = sum(weights[token] for token in ranked), 0.0, []
    for token in ranked:
        kept.append(token)
        reached += weights[token] / whole
        if reached >= top_p:
            break
    total = sum(weights[token] for token in kept)
    return {token: weights[token] / total for token in kept}


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, None, 1.0), (0.5, None, 1.0), (2.0, 4, 1.0), (1.0, None, 0.7), (1.3, 5, 0.8), (1.0, 50, 0.0)],
)
def test_tokens_are_drawn_as_often_as_they_should(
    temperature: float, top_k: int | None, top_p: float
) -> None:
    expected = truncated(temperature, top_k, top_p)
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = draw(LOGITS.expand(len(uniform), -1), uniform, top_k, top_p, temperature)
    counts = torch.bincount(found, minlength=len(LOGITS)).tolist()
    assert {token for token, count in enumerate(counts) if count} == set(expected)
    if len(expected) > 1:
        wanted = [share * len(uniform) for share in expected.values()]
        assert chisquare([counts[token] for token in expected], wanted).pvalue > 1e-3


def test_the_ends_of_the_range_draw_tokens_that_there_are() -> None:
    ends = torch.tensor([0.0, 1.0 - 2**-53, 1.0], dtype=torch.float64)
    assert draw(LOGITS.expand(3, -1), ends).tolist() == [7, 3, 3]
    assert draw(LOGITS.expand(3, -1), ends, top_k=2).tolist() == [7, 2, 2]


def test_what_a_model_says_is_drawn_from_its_distribution() -> None:
    """Of many first tokens of one sentence, each as often as the model has it likely."""
    model, source, length = rnn(), sources()[:1, :3], LENGTHS[:1]
    keys = {"top_p": 1.0, "length_factor": 0, "length_offset": 1}
    (found,) = sample(model, source, length, **ENDS, count=4000, **keys).candidates
    counts = [0] * 11
    for one in found:
        counts[one.tokens[0] if one.tokens else EOS] += 1
    firsts = torch.tensor([[BOS, token] for token in range(11)])
    logs = forced(model, source.expand(11, -1), length.expand(11), firsts).log_probabilities[:, 0]
    allowed = [token for token in range(11) if token not in (0, BOS)]
    shares = logs[allowed].exp() / logs[allowed].exp().sum()  # padding and bos are never put out
    assert chisquare([counts[token] for token in allowed], (shares * 4000).tolist()).pvalue > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_near_a_temperature_of_zero_it_is_greedy_search(name: str) -> None:
    model = MODELS[name]()
    expected = greedy(model, sources(), LENGTHS, **ENDS)
    for keys in ({"temperature": 1e-6}, {"temperature": 1e-300}, {"top_k": 1}, {"top_p": 0.0}):
        found = sample(model, sources(), LENGTHS, **ENDS, **keys)
        assert found.tokens == expected.tokens
        assert found.scores == pytest.approx(expected.scores, abs=1e-9)


def test_the_seed_and_the_sentence_decide() -> None:
    model = rnn()
    first = sample(model, sources(), LENGTHS, **ENDS, count=3, seed=5)
    assert sample(model, sources(), LENGTHS, **ENDS, count=3, seed=5) == first
    assert sample(model, sources(), LENGTHS, **ENDS, count=3, seed=6) != first
    assert len({tuple(one.tokens) for found in first.candidates for one in found}) > 10
    for row, length in enumerate(LENGTHS.tolist()):
        alone = sample(model, sources()[row : row + 1, :length], LENGTHS[row : row + 1], **ENDS, seed=5)
        assert alone.tokens == [first.candidates[row][0].tokens]
        assert alone.scores == pytest.approx([first.candidates[row][0].log_probability], abs=1e-9)
