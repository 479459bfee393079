"""Question answering as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from attnrun.experiments.qa import Reader

from attnrun.attention import Additive, Heads, Mechanism
from attnrun.data.questions import Question
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.models.span_pointer import SpanPointer
from attnrun.runs.find import RunRecord

SMALL = [
    "data.facts=2", "data.train=2500", "data.valid=50", "data.test=101", "model.embedding=24",
    "model.hidden=32", "trainer.epochs=5", "batch_size=32", "optim.lr=0.01", "runtime.threads=1",
]  # fmt: skip


def untrained() -> Reader:
    vocabulary = Vocabulary("abcde")
    mechanism = Mechanism(attention=Additive, heads=Heads(2, projections=True))
    model = SpanPointer(len(vocabulary), mechanism, embedding=5, hidden=6).eval()
    return Reader(model, vocabulary, torch.device("cpu"), batch_size=2, longest_answer=3)


def test_maps_of_a_batch_are_those_of_each_question_alone() -> None:
    reader = untrained()
    rows = [
        Question("a b c.", "d?", ("a",), 0),
        Question("e ||| d c b a", "a b c ?", ("e",), 0),
        Question("c", "e d", ("c",), 0),
    ]
    for one, found in zip(rows, reader.looks(rows), strict=True):
        (alone,) = reader.looks([one])
        np.testing.assert_allclose(found.weights, alone.weights, atol=1e-6)
        (asked,) = reader.weights([f"{one.passage} ||| {one.text}"])  # the last separator parts the two
        assert (asked.queries, asked.keys) == (found.queries, found.keys)
        np.testing.assert_array_equal(asked.weights, alone.weights)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run") / "qa"
    report = execute(compose("qa", SMALL), place)
    assert report.status == "done", report.message
    return place


@pytest.mark.slow
def test_answers_stand_in_their_passages_and_are_counted_rightly(trained: Path) -> None:
    metrics = RunRecord(trained).metrics
    rows = [json.loads(line) for line in (trained / "samples/test.jsonl").read_text().splitlines()]
    assert len(rows) == 101 == metrics["test_questions"]
    assert all(row["prediction"] in row["source"] for row in rows)
    right = sum(row["prediction"].lower() == row["target"].lower() for row in rows)
    assert 0.9 < metrics["exact_match"] <= metrics["f1"] and right / 101 <= metrics["exact_match"]
    assert {path.name for path in (trained / "figures").iterdir()} == {"attention.png", "loss.png"}


@pytest.mark.slow
def test_a_question_of_ones_own(trained: Path) -> None:
    model = open_model(trained)
    text = "Anna bought the lamp at the market. Paul lost the key in the garden. ||| Who lost the key?"
    assert model.predict([text, text.replace("lost the key?", "bought the lamp?")]) == ["Paul", "Anna"]
    (look,) = model.weights([text])
    assert look.weights.shape[2:] == (16, 5) and look.keys == ["who", "lost", "the", "key", "?"]
    np.testing.assert_allclose(look.weights.sum(-1), 1, atol=1e-6)
    for wrong in ("Anna bought the lamp.", " ||| Who?", "Anna. ||| "):
        with pytest.raises(UserError, match="expected a passage"):
            model.predict([wrong])


@pytest.mark.slow
@pytest.mark.parametrize(
    "word, message",
    [("data=sine", "takes questions on passages"), ("position=sinusoidal", "takes no positions")],
)
def test_what_cannot_be_is_refused(word: str, message: str, tmp_path: Path) -> None:
    report = execute(compose("qa", [word]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2) and message in report.message
