"""Where the decoder looks, against gold links."""

from pathlib import Path

import pytest
import torch

from attnrun.data.alignments import links_tokens
from attnrun.data.corpus import Pair
from attnrun.data.subwords import Bpe
from attnrun.data.tokenisers import Word
from attnrun.experiments.translation import Translator
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
    judged = [translator.judge(some, align=True) for some in (pairs[:1], pairs[1:2], pairs[:2])]
    assert judged[0]["aer"] == pytest.approx(1 - (0 + 1) / (2 + 2))
    assert judged[1]["aer"] == pytest.approx(1 - (2 + 2) / (3 + 3))
    assert judged[2]["aer"] == pytest.approx(1 - (2 + 3) / (5 + 5))
    assert judged[2]["alignment_accuracy"] == pytest.approx(3 / 5)
    assert set(translator.judge(pairs[:2])) == {"loss"}
    padded = planned(source, target, [(4, 1), (4, 1), (4, 2), (4, 0)], batch_size=2).judge(
        pairs[:2], align=True
    )
    assert padded["alignment_accuracy"] == pytest.approx(2 / 5)


def test_links_are_between_the_tokens_of_a_model_of_words_alone() -> None:
    pairs = [Pair("I'm home.", "J'ai fini, là.", ((0, 0), (3, 4))), Pair("no links", "x")]
    texts = [pairs[0].source] * 2, [pairs[0].target] * 2
    words, stops = ([Word(split=how).fit(side) for side in texts] for how in (None, "stops"))
    pieces = [Bpe(size=50).fit(side) for side in texts]
    assert links_tokens(pairs, *words, tokenised=False)
    for others in (stops, pieces, [words[0], pieces[1]], [stops[0], words[1]]):
        assert not links_tokens(pairs, *others, tokenised=False)
    assert not links_tokens(pairs[1:], *words, tokenised=False)
    spaced = [Pair("a. b", "c , d", None, possible=((0, 0),))]
    spaces = [Word(split="spaces").fit(["x x"])] * 2
    assert links_tokens(spaced, *spaces, tokenised=True)
    assert not links_tokens(spaced, *spaces, tokenised=False)


@pytest.mark.parametrize(
    ("words", "aligned"),
    [(["attention=dot"], True), (["attention=none"], False), (["tokeniser=bpe", "tokeniser.size=50"], False)],
)
def test_a_run_reports_the_alignment_where_there_is_one(
    tmp_path: Path, words: list[str], aligned: bool
) -> None:
    plan = check(compose("translation", [*TINY, *aligned_corpus(tmp_path), *words]))
    report = execute(plan.plain, tmp_path / "run")
    assert report.status == "done", report.message
    metrics = RunRecord(tmp_path / "run").result["metrics"]
    assert ("aer" in metrics) is ("alignment_accuracy" in metrics) is aligned
    if aligned:
        found = _alignment_by_sentence(open_model(tmp_path / "run"), plan.config.corpus().test)
        assert (metrics["aer"], metrics["alignment_accuracy"]) == pytest.approx(found)


def _alignment_by_sentence(translator: Translator, pairs: list[Pair]) -> tuple[float, float]:
    hits = asked = sure = 0
    for pair in pairs:
        source, target = translator.source.encode(pair.source), translator.target.encode(pair.target)
        ids = torch.tensor([[translator.target.bos, *target, translator.target.eos]])
        weights = forced(translator.model, torch.tensor([source]), torch.tensor([len(source)]), ids).weights
        for token in range(len(target)):
            row = weights[0, 0, 0, token].tolist()
            hits += (row.index(max(row)), token) in pair.links
        asked, sure = asked + len(target), sure + len(pair.links)
    return 1 - 2 * hits / (asked + sure), hits / asked
