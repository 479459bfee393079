"""A language model under the searches: against a loop that reads the whole window at every step."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from attnrun.attention import Heads, Mechanism, ScaledDot, Sinusoidal
from attnrun.models.beam import beam
from attnrun.models.continuation import Continuation
from attnrun.models.decoding import greedy
from attnrun.models.language_model import LanguageModel, TransformerLanguageModel
from attnrun.models.rnn_language_model import RnnLanguageModel
from attnrun.models.sampling import sample

BOS, EOS, SPECIALS = 2, 3, 4
LIMITS: dict[str, Any] = {"length_factor": 0.0, "length_offset": 13}


def transformer() -> LanguageModel:
    mechanism = Mechanism(attention=ScaledDot, position=Sinusoidal, heads=Heads(3, projections=True))
    return TransformerLanguageModel(11, mechanism, size=12, layers=2, feedforward=13, dropout=0.0)


def recurrent(**parts: Any) -> LanguageModel:
    return RnnLanguageModel(11, Mechanism(**parts), embedding=5, hidden=7, layers=2)


MODELS = {"transformer": transformer, "rnn": recurrent, "looking": partial(recurrent, attention=ScaledDot)}
models = pytest.mark.parametrize("name", MODELS)


def loud(name: str) -> LanguageModel:
    torch.manual_seed(1)
    model = MODELS[name]().eval().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def prompts(length: int) -> Tensor:
    drawn = torch.randint(SPECIALS, 11, (3, length), generator=torch.Generator().manual_seed(length))
    drawn[:, 0] = BOS
    return drawn


@torch.no_grad()
def by_windows(model: LanguageModel, prompt: list[int], context: int, count: int) -> list[int]:
    """The likeliest token each time; a full window is cut to its later half, and grows again."""
    window = prompt if len(prompt) <= context else [BOS, *prompt[len(prompt) + 1 - context + context // 2 :]]
    for made in range(count):
        if len(window) > context:
            window = [BOS, *window[context // 2 + 1 :]]
        logits = model(torch.tensor([window]))[0, -1]
        window = [*window, int(logits[SPECIALS:].argmax()) + SPECIALS]
        prompt = [*prompt, window[-1]]
        assert made < count
    return prompt[-count:]


@models
@pytest.mark.parametrize("context", [2, 5, 8, 50])
@pytest.mark.parametrize("length", [1, 4, 9])
def test_greedy_reads_what_a_window_holds(name: str, context: int, length: int) -> None:
    model, source = loud(name), prompts(length)
    lengths = torch.full((3,), length)
    found = greedy(Continuation(model, context, SPECIALS), source, lengths, BOS, EOS, **LIMITS)  # type: ignore[arg-type]
    assert found.tokens == [by_windows(model, row, context, 13) for row in source.tolist()]
    assert length == 1 or context < 5 or len({tuple(row) for row in found.tokens}) > 1


@models
def test_searches_of_several_rows_agree_with_scores_of_single_ones(name: str) -> None:
    model, source = loud(name), prompts(4)
    text = Continuation(model, 7, SPECIALS)
    lengths = torch.full((3,), 4)
    searches = [partial(beam, size=3), partial(sample, top_p=1.0, seed=3)]
    for search in searches:
        found = search(text, source, lengths, BOS, EOS, count=3, **LIMITS)  # type: ignore[arg-type]
        for row, candidates in zip(source.tolist(), found.candidates, strict=True):
            assert len(candidates) == 3
            for candidate in candidates:
                assert len(candidate.tokens) == 13 and min(candidate.tokens) >= SPECIALS
                expected = forced(text, row, candidate.tokens)
                assert candidate.log_probability == pytest.approx(expected, abs=1e-9)


@torch.no_grad()
def forced(text: Continuation, prompt: list[int], tokens: list[int]) -> float:
    memory = text.encode(torch.tensor([prompt]), torch.tensor([len(prompt)]))
    state, total, last = text.start(memory), 0.0, BOS
    for token in tokens:
        state, output, _ = text.step(memory, state, torch.tensor([last]))
        total += float(text.project(output).log_softmax(-1)[0, token])
        last = token
    return total
