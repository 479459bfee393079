"""Classification and tagging as a user runs them: figures, answers, pictures, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.data.tagged import Tagged
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord

Train = Callable[..., Any]
SMALL = [
    "model.embedding=11", "model.hidden=12", "runtime.threads=1", "batch_size=17", "eval_batch_size=23",
    "optim.lr=0.02", "schedule.warmup=5",
]  # fmt: skip


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words of which the first letters tell the label, however the others stand."""
    path = tmp_path_factory.mktemp("texts") / "texts.tsv"
    rows = [f"{'ab'[n % 2]}{n % 7}{n % 11}{n % 13}\t{'left' if n % 2 else 'right'}" for n in range(600)]
    path.write_text("\n".join(dict.fromkeys(rows)) + "\n")
    return path


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x is a noun after a, and a verb after b: its own form tells nothing."""
    path = tmp_path_factory.mktemp("tagged") / "tagged.tsv"
    rows = []
    for n in range(400):
        first = [(f"{'ab'[n // 2**k % 2]}", "D") for k in range(2 + n % 5)]
        pairs = [pair for one in first for pair in (one, ("x", "N" if one[0] == "a" else "V"))]
        rows.append(" ".join(f"{token}" for token, _ in pairs) + "\t" + " ".join(tag for _, tag in pairs))
    path.write_text("\n".join(rows) + "\n")
    return path


def run(name: str, place: Path, *words: str) -> Report:
    return execute(compose(name, [*SMALL, *words]), place)


@pytest.fixture(scope="module")
def classified(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run") / "classified"
    report = run("classification", place, "data=labelled", f"data.path={texts}", "trainer.epochs=3")
    assert report.status == "done", report.message
    return place


@pytest.fixture(scope="module")
def tagging(tagged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run") / "tagging"
    report = run("tagging", place, "data=tag-lines", f"data.path={tagged}", "trainer.epochs=3")
    assert report.status == "done", report.message
    return place


def test_a_classifier_tells_labels_and_shows_where_it_looked(classified: Path) -> None:
    metrics = RunRecord(classified).metrics
    assert metrics["accuracy"] > 0.95 and metrics["macro_f1"] > 0.95 and metrics["accuracy_bag"] > 0.9
    model = open_model(classified)
    assert model.predict(["a123", "b123"]) == ["right", "left"]
    first, second = model.weights(["a123", "b5"])
    assert first.weights.shape == (1, 1, 1, 5) and second.weights.shape == (1, 1, 1, 3)
    assert first.queries == ["label"] and [key.strip("▁_") for key in first.keys] == ["", *"a123"]
    np.testing.assert_allclose(first.weights.sum(-1), 1, atol=1e-6)
    figures = {path.name for path in (classified / "figures").iterdir()}
    assert figures == {"attention.png", "confusion.png", "loss.png"}
    rows = [json.loads(line) for line in (classified / "samples/test.jsonl").read_text().splitlines()]
    right = sum(row["target"] == row["prediction"] for row in rows)
    assert metrics["accuracy"] == pytest.approx(right / len(rows)) and metrics["test_texts"] == len(rows)


def test_a_tagger_uses_the_words_around(tagging: Path) -> None:
    metrics = RunRecord(tagging).metrics
    assert metrics["accuracy"] > 0.98 > 0.85 > metrics["accuracy_most_frequent"]
    assert metrics["accuracy_ambiguous"] > 0.95 and "accuracy_unknown" not in metrics
    model = open_model(tagging)
    assert model.predict(["a x b x", "b x"]) == [["D", "N", "D", "V"], ["D", "V"]]
    (look,) = model.weights(["a x b x"])
    assert look.weights.shape[2:] == (4, 4) and look.keys == ["a", "x", "b", "x"]
    assert {path.name for path in (tagging / "figures").iterdir()} == {
        "attention.png", "confusion.png", "loss.png", "tags.png",
    }  # fmt: skip


def test_pictures_show_the_tokens_of_a_treebank_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "some.conllu"
    rows = "".join(f"1\t1 {n:03}\t_\tNUM\n2\teuros\t_\tNOUN\n\n" for n in range(60))
    file.write_text(rows)
    report = run("tagging", tmp_path / "run", "data=conllu", f"data.path={file}", "trainer.max_steps=2")
    assert report.status == "done", report.message
    (found,) = open_model(tmp_path / "run").looks([Tagged(("1 003", "euros"), ("NUM", "NOUN"))])
    assert found.queries == found.keys == ["1 003", "euros"]


def test_labels_that_training_lacks_are_left_out_with_a_word(texts: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.tsv"
    few = texts.read_text().splitlines(keepends=True)[:80]
    more.write_text("".join(few) + "".join(f"q{n}\tonly{n}\n" for n in range(40)))
    words = ["data=labelled", f"data.path={more}", "trainer.max_steps=2"]
    report = run("classification", tmp_path / "run", *words)
    assert report.status == "done", report.message
    (warning,) = [w for w in RunRecord(tmp_path / "run").result["warnings"] if "label" in w]
    assert "have a label that no training text has, and were left out" in warning


def test_a_text_of_one_token_looks_at_itself_where_tokens_look_at_one_another(
    texts: Path, tmp_path: Path
) -> None:
    words = ["model=transformer-classifier", "tokeniser=word", "tokeniser.minimum_frequency=1",
             "trainer.max_steps=2", "runtime.threads=1", "data=labelled", f"data.path={texts}"]  # fmt: skip
    report = execute(compose("classification", words), tmp_path / "run")
    assert report.status == "done", report.message
    one, two = open_model(tmp_path / "run").weights(["a123", "a123 b123"])
    assert len(one.queries) == 1 and one.queries == one.keys != ["label"] and two.queries == two.keys


@pytest.mark.parametrize("name", ["classification", "tagging"])
def test_data_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    report = run(name, tmp_path / "run", "data=sine")
    assert report.status == "refused" and report.message.startswith("data: this experiment takes")


@pytest.mark.parametrize(
    "name, model", [("tagging", "rnn-classifier"), ("classification", "transformer-tagger")]
)
def test_a_model_of_another_kind_is_refused(name: str, model: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is for another experiment than this one"):
        check(compose(name, [f"model={model}"]))


def predict(*words: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "attnrun", "predict", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True)


@pytest.mark.slow
def test_answers_on_the_command_line(classified: Path, tagging: Path) -> None:
    found = predict(str(classified), "a123", "b123", "--json")
    answers = json.loads(found.stdout)["answers"]
    assert answers == [{"input": "a123", "answer": "right"}, {"input": "b123", "answer": "left"}]
    assert predict(str(tagging), "-", text="a x\nb x\n").stdout == "D N\nD V\n"
    for words, message in (([" "], "has no words"), ([], "give INPUT")):
        refused = predict(str(tagging), *words, text="")
        assert refused.returncode == 2 and message in refused.stderr
