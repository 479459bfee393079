"""Words that the model does not know, and their copies."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnrun.data.tokenisers import Word
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.training.metrics import bleu
from tests.experiments.small import TINY, aligned_corpus, planned, rows_of

Train = Callable[..., Any]


def test_an_unknown_word_becomes_the_source_word_looked_at() -> None:
    source = Word().fit(["who sees the friend of ?"] * 2)
    target = Word().fit(["qui voit l'ami d'un, ?"] * 2)
    number = {token: target.encode(token)[0] for token in ("qui", "voit", "ami", "d'")}
    unk, comma = target.unk, target.encode("a,")[1]
    end = (target.eos, 0)
    plan = [
        (unk, 4),
        (number["voit"], 1),
        (number["d'"], 2),
        (unk, 0),
        (comma, 1),
        (unk, 1),
        (unk, None),
        end,
    ]
    translator = planned(source, target, plan, replace_unknown=True)
    text = "Zoe sees the friend Mia"
    assert translator.predict([text]) == ["mia voit d'zoe, sees <unk>"]
    assert replace(translator, replace_unknown=False).predict([text]) == ["<unk> voit d' <unk>, <unk> <unk>"]
    (found,) = translator.weights([text])
    assert found.queries == ["<unk>", "voit", "d'", "<unk>", ",", "<unk>", "<unk>"]


def test_in_tokenised_text_a_copy_stands_between_spaces() -> None:
    target = Word(split="spaces").fit(["l' ami <unk>"] * 2)
    spelled = target.encode("<unk>")[0]  # an ordinary token of this corpus
    plan = [(target.encode("l'")[0], 0), (target.unk, 1), (spelled, 0), (target.eos, 0)]
    translator = planned(Word(split="spaces").fit(["x x"]), target, plan, replace_unknown=True)
    assert translator.predict(["a Zoe ."]) == ["l' zoe <unk>"]


def test_a_run_samples_and_scores_its_copies(tmp_path: Path) -> None:
    fast = ["trainer.max_steps=12", "trainer.epochs=2", "batch_size=8", "schedule.warmup=0", "optim.lr=0.03"]
    keys = ["tokeniser.maximum_size=7", "replace_unknown=true", *fast]
    plain = compose("translation", [*TINY, *aligned_corpus(tmp_path), *keys])
    report = execute(plain, tmp_path / "run")
    assert report.status == "done", report.message
    rows, translator = rows_of(tmp_path / "run"), open_model(tmp_path / "run")
    sources = [row["source"] for row in rows]
    assert [row["prediction"] for row in rows] == translator.predict(sources)
    marked = replace(translator, replace_unknown=False).predict(sources)
    for row, before in zip(rows, marked, strict=True):
        pairs = list(zip(row["prediction"].split(), before.split(), strict=True))
        assert all(word in row["source"].split() if mark == "<unk>" else word == mark for word, mark in pairs)
    assert sum("<unk>" in before for before in marked) > 5
    predictions, targets = ([row[side] for row in rows] for side in ("prediction", "target"))
    assert report.primary == bleu(predictions, targets, lowercase=True)["score"]


@pytest.mark.figures
@pytest.mark.timeout(900)
def test_names_that_are_not_in_the_vocabulary_are_copied(train: Train, tmp_path: Path) -> None:
    keys = ["tokeniser.maximum_size=110", "corpus.limit=12000", "trainer.epochs=3", "runtime.threads=1"]
    document = train("translation", "attention=luong", "replace_unknown=true", *keys)
    translator, rows = open_model(tmp_path / document["run"]), rows_of(tmp_path / document["run"])
    marked = replace(translator, replace_unknown=False).predict([row["source"] for row in rows])
    names, copied, known = 0, 0, 0
    for row, before in zip(rows, marked, strict=True):
        same = {word for word in row["source"].split() if word.istitle() and word in row["target"].split()}
        for name in translator.unknown(sorted(same)):
            names += 1
            copied += name in row["prediction"].split()
            known += name in before.split()
    assert names > 100
    assert copied > names / 2 > 5 * known


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["attention=none"],
            "only attention tells what to copy; set replace_unknown=false, or choose model=",
        ),
        (["tokeniser=bpe"], "this tokeniser leaves no word of the training texts unknown; choose tokeniser="),
        (
            ["tokeniser.minimum_frequency=1"],
            "this tokeniser leaves no word of the training texts unknown; choose tokeniser=",
        ),
        (["tokeniser.minimum_frequency=1", "tokeniser.maximum_size=900"], None),
        (["tokeniser.split=stops"], None),
    ],
)
def test_replacing_unknown_words_is_refused_where_it_does_nothing(
    words: list[str], message: str | None
) -> None:
    plan = check(compose("translation", [*words, "replace_unknown=true"]))
    if message is None:
        plan.module.check(plan.config)
        return
    with pytest.raises(UserError, match=f"^replace_unknown: {message}"):
        plan.module.check(plan.config)


def test_what_is_told_to_choose_for_replacing_unknown_words_runs() -> None:
    words = ["replace_unknown=true"]
    with pytest.raises(UserError) as caught:
        check(compose("word-by-word", words)).require_fit()
    _, off, choices = re.split("; set |, or choose ", str(caught.value))
    for better in ([off], choices.split()):
        check(compose("word-by-word", [*words, *better])).require_fit()
