"""Where the decoder looks, against gold links."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from attnrun.experiments.translation import Translator

from attnrun.data.corpus import Pair
from attnrun.data.tokenisers import Word
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.models.decoding import forced
from attnrun.runs.find import RunRecord
from tests.experiments.small import TINY, aligned_corpus, planned


def test_the_alignment_of_given_targets_leaves_the_end_out() -> None:
    source, target = Word().fit(["a b c d e"] * 2), Word().fit(["u v w x"] * 2)
    pairs = [
        Pair(
            "a b c", "u v", ((0, 0), (2, 1)), possible=((1, 1),)
        ),  # looks at 1 and 1: one wrong, one possible
        Pair("a b c d e", "x w v", ((1, 0), (0, 1), (4, 2))),  # looks at 1, 1, 4: two sure of three
        Pair("b", "u"),
    ]
    translator = planned(source, target, [(4, 1), (4, 1), (4, 4), (4, 0)], batch_size=1)
    judged = [translator.judge(some, how="words") for some in (pairs[:1], pairs[1:2], pairs[:2])]
    assert judged[0]["aer"] == pytest.approx(1 - (0 + 1) / (2 + 2))
    assert judged[1]["aer"] == pytest.approx(1 - (2 + 2) / (3 + 3))
    assert judged[2]["aer"] == pytest.approx(1 - (2 + 3) / (5 + 5))
    assert judged[2]["alignment_accuracy"] == pytest.approx(3 / 5)
    assert set(translator.judge(pairs[:2])) == {"loss"}
    padded = planned(source, target, [(4, 1), (4, 1), (4, 2), (4, 0)], batch_size=2).judge(
        pairs[:2], how="words"
    )
    assert padded["alignment_accuracy"] == pytest.approx(2 / 5)


Trained = Callable[..., tuple[Path, list[Pair]]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train with these words, once, and return the run and the test pairs."""

    @cache
    def run(*words: str) -> tuple[Path, list[Pair]]:
        place = tmp_path_factory.mktemp("aligned")
        plan = check(compose("translation", [*TINY, *aligned_corpus(place), *words]))
        report = execute(plan.plain, place / "run")
        assert report.status == "done", report.message
        return place / "run", plan.config.corpus().test

    return run


@pytest.mark.parametrize(
    ("words", "aligned"),
    [(["attention=dot"], True), (["attention=none"], False), (["tokeniser=bpe", "tokeniser.size=50"], True)],
)
def test_a_run_reports_the_alignment_where_there_is_one(
    trained: Trained, words: list[str], aligned: bool
) -> None:
    run, pairs = trained(*words)
    metrics = RunRecord(run).result["metrics"]
    assert ("aer" in metrics) is ("alignment_accuracy" in metrics) is aligned
    if aligned:
        found = _alignment_by_sentence(open_model(run), pairs)
        assert (metrics["aer"], metrics["alignment_accuracy"]) == pytest.approx(found)


def _alignment_by_sentence(translator: Translator, pairs: list[Pair]) -> tuple[float, float]:
    hits = asked = sure = 0
    for pair in pairs:
        source, target = translator.source.encode(pair.source), translator.target.encode(pair.target)
        ids = torch.tensor([[translator.target.bos, *target, translator.target.eos]])
        weights = forced(translator.model, torch.tensor([source]), torch.tensor([len(source)]), ids).weights
        columns, rows = (
            _words(translator.source.tokens(pair.source)),
            _words(translator.target.tokens(pair.target)),
        )
        for word, tokens in enumerate(rows):
            row = [
                sum(float(weights[0, 0, 0, token, column]) for token in tokens for column in group)
                for group in columns
            ]
            hits += (row.index(max(row)), word) in pair.links
        asked, sure = asked + len(rows), sure + len(pair.links)
    return 1 - 2 * hits / (asked + sure), hits / asked


def _words(tokens: list[str]) -> list[list[int]]:
    """The places of the tokens of each word: a piece that begins none belongs to the one before."""
    groups: list[list[int]] = []
    pieces = any(token.startswith("▁") for token in tokens)
    for place, token in enumerate(tokens):
        if pieces and not token.startswith("▁"):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


@pytest.mark.parametrize("words", [["attention=dot"], ["tokeniser=bpe", "tokeniser.size=50"]])
def test_the_rows_of_a_shift_are_those_of_the_step_after(trained: Trained, words: list[str]) -> None:
    run, pairs = trained(*words)
    translator, pairs = open_model(run), pairs[:5]
    for pair, looks in zip(pairs, translator.word_weights(pairs, "words"), strict=True):
        source, target = translator.source.encode(pair.source), translator.target.encode(pair.target)
        ids = torch.tensor([[translator.target.bos, *target, translator.target.eos]])
        weights = forced(translator.model, torch.tensor([source]), torch.tensor([len(source)]), ids).weights[
            0
        ]
        columns, rows = (
            _words(translator.source.tokens(pair.source)),
            _words(translator.target.tokens(pair.target)),
        )
        for shift in (0, 1):
            assert looks[shift].shape == (1, 1, len(rows), len(columns))
            for row, tokens in enumerate(rows):
                for column, group in enumerate(columns):
                    each = [float(weights[0, 0, token + shift, place]) for token in tokens for place in group]
                    assert looks[shift][0, 0, row, column] == pytest.approx(sum(each) / len(tokens), abs=1e-6)
