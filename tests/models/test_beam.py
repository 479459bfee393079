"""Beam search, against all sentences there are, against greedy search, and alone or in a batch."""

from itertools import product
from typing import Any

import pytest
import torch

from attnrun.errors import UserError
from attnrun.models.beam import beam
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.models.ensemble import Ensemble
from tests.models.searches import BOS, EOS, LENGTHS, MODELS, rnn, sources, transformer

ENDS = {"bos": BOS, "eos": EOS}


def every_target(tokens: list[int], limit: int) -> list[list[int]]:
    """All outputs, eos included where one has it: those of fewer tokens than `limit` end by themselves."""
    ended = [[*text, EOS] for n in range(limit) for text in product(tokens, repeat=n)]
    return ended + [list(text) for text in product(tokens, repeat=limit)]


def scored(model: Any, source: torch.Tensor, length: int, texts: list[list[int]]) -> list[float]:
    """The log-probability of each text for one source (S,), without padding and bos as outputs."""
    rows = torch.zeros(len(texts), 1 + max(map(len, texts)), dtype=torch.int64)
    rows[:, 0] = BOS
    for row, text in zip(rows, texts, strict=True):
        row[1 : 1 + len(text)] = torch.tensor(text)
    many, lengths = source[:length].expand(len(texts), -1), torch.full((len(texts),), length)
    return forced(model, many, lengths, rows, need_weights=False).log_probabilities.sum(1).tolist()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("name", ["rnn", "transformer"])
def test_a_beam_that_holds_everything_finds_the_best_of_all(name: str, alpha: float) -> None:
    model = MODELS[name](targets=7)
    keys = {"length_penalty": alpha, "length_factor": 0, "length_offset": 3, "size": 90}
    found = beam(model, sources(), LENGTHS, **ENDS, count=4, **keys)
    texts = every_target([1, 4, 5, 6], 3)
    seen: set[int] = set()
    for row, length in enumerate(LENGTHS.tolist()):
        logs = scored(model, sources()[row], length, texts)
        ranks = [log / ((5 + len(text)) / 6) ** alpha for log, text in zip(logs, texts, strict=True)]
        best = sorted(range(len(texts)), key=lambda place: -ranks[place])[:4]
        got = found.candidates[row]
        assert [one.tokens for one in got] == [[t for t in texts[place] if t != EOS] for place in best]
        assert [one.score for one in got] == pytest.approx([ranks[place] for place in best], abs=1e-9)
        assert [one.log_probability for one in got] == pytest.approx(
            [logs[place] for place in best], abs=1e-9
        )
        seen |= {len(one.tokens) for one in got}
    assert len(seen) > 1 or alpha == 2.0  # the longest of all


@torch.no_grad()
def narrowing(model: Any, source: torch.Tensor, size: int, alpha: float, limit: int) -> list[Any]:
    """Bahdanau et al. 2014, appendix B.2.2, of one source (1, S), hypothesis by hypothesis."""
    memory = model.encode(source, torch.tensor([source.shape[1]]))
    running: list[tuple[float, list[int]]] = [(0.0, [BOS])]
    ended = []
    for place in range(1, limit + 1):
        longer = []
        for total, text in running:
            states, _ = model.states(memory, torch.tensor([text]))
            steps = model.project(states[0, -1]).log_softmax(-1).tolist()
            longer += [(total + s, [*text, t]) for t, s in enumerate(steps) if t not in (0, BOS)]
        longer = sorted(longer, key=lambda one: -one[0])[: size - len(ended)]
        over = [one for one in longer if one[1][-1] == EOS or place == limit]
        ended += [(total / ((5 + place) / 6) ** alpha, total, text[1:]) for total, text in over]
        running = [one for one in longer if one not in over]
    return sorted(ended, key=lambda one: -one[0])


@pytest.mark.parametrize("alpha", [0.0, 0.6, 3.0])
@pytest.mark.parametrize(("name", "size", "count"), [("rnn", 3, 1), ("rnn", 4, 2), ("transformer", 2, 1)])
def test_a_beam_is_that_of_the_paper_and_stops_no_sooner_than_it_may(
    name: str, size: int, count: int, alpha: float
) -> None:
    model, limit = MODELS[name](), 13
    keys = {"size": size, "length_penalty": alpha, "length_factor": 0, "length_offset": limit}
    found = beam(model, sources(), LENGTHS, **ENDS, count=count, **keys)
    for row, length in enumerate(LENGTHS.tolist()):
        expected = narrowing(model, sources()[row : row + 1, :length], size, alpha, limit)[:count]
        got = found.candidates[row]
        assert [one.tokens for one in got] == [[t for t in text if t != EOS] for *_, text in expected]
        assert [one.score for one in got] == pytest.approx([score for score, *_ in expected], abs=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("name", MODELS)
def test_a_beam_of_one_is_greedy_search(name: str, alpha: float) -> None:
    model = MODELS[name]()
    expected = greedy(model, sources(), LENGTHS, **ENDS)
    found = beam(model, sources(), LENGTHS, **ENDS, size=1, length_penalty=alpha)
    assert found.tokens == expected.tokens
    assert found.scores == pytest.approx(expected.scores, abs=1e-9)
    assert len(set(map(len, found.tokens))) > 1


def ranks(found: Decoded, limits: list[int], alpha: float) -> list[float]:
    best = [candidates[0] for candidates in found.candidates]
    lengths = [min(len(one.tokens) + 1, limit) for one, limit in zip(best, limits, strict=True)]
    return [one.log_probability / ((5 + n) / 6) ** alpha for one, n in zip(best, lengths, strict=True)]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_no_output_ranks_below_the_greedy_one(size: int) -> None:
    limits, better, worse = [2 * n + 10 for n in LENGTHS.tolist()], 0, 0
    for seed in range(5):
        model = rnn(seed=seed)
        first = ranks(greedy(model, sources(), LENGTHS, **ENDS), limits, 0.6)
        found = beam(model, sources(), LENGTHS, **ENDS, size=size, length_penalty=0.6, with_greedy=True)
        then = ranks(found, limits, 0.6)
        assert then == pytest.approx([one[0].score for one in found.candidates], abs=1e-9)
        better += sum(b > a + 1e-9 for a, b in zip(first, then, strict=True))
        worse += sum(b < a - 1e-9 for a, b in zip(first, then, strict=True))
    assert worse == 0 and better > 5


@pytest.mark.parametrize("seed", [23, 31])
def test_a_greedy_output_that_fell_out_of_the_beam_is_ranked_too(seed: int) -> None:
    model, limits = rnn(seed=seed, targets=7), [2 * n + 10 for n in LENGTHS.tolist()]
    first = greedy(model, sources(), LENGTHS, **ENDS)
    found = beam(model, sources(), LENGTHS, **ENDS, size=2, with_greedy=True)
    kept = [row for row in range(7) if found.tokens[row] == first.tokens[row]]
    bare = beam(model, sources(), LENGTHS, **ENDS, size=2)
    pairs = zip(ranks(first, limits, 0.6), ranks(bare, limits, 0.6), strict=True)
    below = [row for row, (one, other) in enumerate(pairs) if other < one - 1e-9]
    assert below and set(below) <= set(kept)
    assert found.scores == pytest.approx(
        [(first if r in below else bare).scores[r] for r in range(7)], abs=1e-9
    )


def test_the_greedy_output_is_ranked_once() -> None:
    found = beam(rnn(), sources(), LENGTHS, **ENDS, size=3, count=3, with_greedy=True)
    for candidates in found.candidates:
        assert len({tuple(one.tokens) for one in candidates}) == 3
        assert [one.score for one in candidates] == sorted((one.score for one in candidates), reverse=True)


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_teacher_forcing(name: str) -> None:
    model = MODELS[name]()
    found = beam(model, sources(), LENGTHS, **ENDS, size=3, count=3, length_factor=0, length_offset=9)
    for row, length in enumerate(LENGTHS.tolist()):
        texts = [[*one.tokens, EOS][:9] for one in found.candidates[row]]
        expected = scored(model, sources()[row], length, texts)
        assert [one.log_probability for one in found.candidates[row]] == pytest.approx(expected, abs=1e-9)
        assert not {0, BOS, EOS} & {token for one in found.candidates[row] for token in one.tokens}
        assert len({tuple(one.tokens) for one in found.candidates[row]}) == 3
        assert [one.score for one in found.candidates[row]] == sorted(
            (one.score for one in found.candidates[row]), reverse=True
        )


@pytest.mark.parametrize("name", MODELS)
def test_an_output_does_not_depend_on_its_batch(name: str) -> None:
    model = MODELS[name]()
    whole = beam(model, sources(), LENGTHS, **ENDS, count=2, size=4)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = beam(
            model, sources()[row : row + 1, :length], LENGTHS[row : row + 1], **ENDS, count=2, size=4
        )
        (one,), many = alone.candidates, whole.candidates[row]
        assert [found.tokens for found in one] == [found.tokens for found in many]
        assert [f.score for f in one] == pytest.approx([f.score for f in many], abs=1e-9)
    single = model.float()
    apart = beam(single, sources()[3:4, :5], LENGTHS[3:4], **ENDS, size=4)
    again = beam(single, sources(), LENGTHS, **ENDS, size=4)
    assert again.scores[3] == pytest.approx(apart.scores[0], abs=1e-5)


def test_weights_are_those_of_the_best_output() -> None:
    for model in (rnn(), transformer()):
        found = beam(model, sources(), LENGTHS, **ENDS, need_weights=True)
        assert found.weights is not None
        for row, length in enumerate(LENGTHS.tolist()):
            tokens = found.tokens[row]
            text = torch.tensor([[BOS, *tokens, EOS]])
            given = forced(model, sources()[row : row + 1, :length], LENGTHS[row : row + 1], text)
            assert given.weights is not None
            torch.testing.assert_close(found.weights[row], given.weights[0, :, :, : len(tokens)])
    assert beam(MODELS["no attention"](), sources(), LENGTHS, **ENDS, need_weights=True).weights is None


def test_limits_and_empty_batches() -> None:
    model = rnn()
    with torch.no_grad():
        model.output.bias[EOS] -= 1e4
    found = beam(model, sources(), LENGTHS, **ENDS, size=3, length_factor=1, length_offset=1)
    assert [len(tokens) for tokens in found.tokens] == [n + 1 for n in LENGTHS.tolist()]
    with torch.no_grad():
        model.output.bias[EOS] += 2e4
    assert beam(model, sources(), LENGTHS, **ENDS, size=3).tokens == [[]] * 7
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert beam(model, none, torch.zeros(0, dtype=torch.int64), **ENDS).candidates == []
    with pytest.raises(UserError, match=r"search\.size=6"):
        beam(model, sources(), LENGTHS, **ENDS, count=6)
    with pytest.raises(UserError, match="search=beam"):
        greedy(model, sources(), LENGTHS, **ENDS, count=2)


@pytest.mark.parametrize("make", [rnn, transformer])
def test_an_ensemble_of_one_model_twice_is_the_model(make: Any) -> None:
    model = make()
    for search in (greedy, beam):
        one = search(model, sources(), LENGTHS, **ENDS, need_weights=True)
        two = search(Ensemble([model, model]), sources(), LENGTHS, **ENDS, need_weights=True)
        assert two.tokens == one.tokens
        assert two.scores == pytest.approx(one.scores, abs=1e-9)
        for mean, own in zip(two.weights or [], one.weights or [], strict=True):
            torch.testing.assert_close(mean, own.mean((0, 1), keepdim=True))


def test_an_ensemble_has_the_mean_of_the_probabilities() -> None:
    models = [rnn(), transformer(), MODELS["no attention"](), MODELS["word by word"]()]
    found = beam(Ensemble(models), sources(), LENGTHS, **ENDS, need_weights=True)
    for row, (tokens, length) in enumerate(zip(found.tokens, LENGTHS.tolist(), strict=True)):
        source, text = sources()[row : row + 1, :length], torch.tensor([[BOS, *tokens, EOS]])
        each = [forced(model, source, LENGTHS[row : row + 1], text) for model in models]
        mean = torch.stack([one.log_probabilities[0].exp() for one in each]).mean(0)
        assert found.scores[row] == pytest.approx(float(mean.log()[: 2 * length + 10].sum()), abs=1e-9)
        looks = [one.weights[0].mean((0, 1)) for one in each if one.weights is not None]
        assert found.weights is not None and len(looks) == 2
        torch.testing.assert_close(found.weights[row][0, 0], torch.stack(looks).mean(0)[: len(tokens)])
