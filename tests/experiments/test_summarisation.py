"""Summarisation as a user runs it: what is copied, what it scores, what it shows, and what is refused."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from attnrun.data.summaries import first_sentence
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord
from attnrun.training.rouge import Rouge

SMALL = [
    "data.events=1", "data.train=1200", "data.valid=10", "data.test=101", "model.embedding=24",
    "model.hidden=32", "trainer.epochs=6", "batch_size=32", "optim.lr=0.01", "runtime.threads=1",
]  # fmt: skip
TINY = [
    "model.embedding=6",
    "model.hidden=8",
    "trainer.max_steps=2",
    "runtime.threads=1",
    "search.length_offset=5",
]


def run(place: Path, *words: str) -> Report:
    return execute(compose("summarisation", words), place)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run") / "summarisation"
    report = run(place, *SMALL)
    assert report.status == "done", report.message
    return place


def rows_of(place: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (place / "samples/test.jsonl").read_text("utf-8").splitlines()]


def test_names_that_training_lacks_are_copied_and_figures_are_those_of_the_samples(trained: Path) -> None:
    metrics, rows = RunRecord(trained).metrics, rows_of(trained)
    assert len(rows) == 101 == metrics["test_texts"] and next(iter(metrics)) == "rouge_1"
    assert metrics["rouge_l"] > 0.85 and metrics["recall_unknown"] > 0.85 and 0.3 < metrics["copied"] < 0.9
    scores = Rouge()((row["target"], row["prediction"]) for row in rows)
    lead = Rouge()((row["target"], first_sentence(row["source"])) for row in rows)
    assert {name: metrics[name] for name in scores} == pytest.approx(scores)
    assert metrics["rouge_l_lead"] == pytest.approx(lead["rouge_l"])
    figures = {path.name for path in (trained / "figures").iterdir()}
    assert figures == {"attention.png", "copied.png", "loss.png"}


def test_a_text_of_ones_own_with_where_it_was_copied_from(trained: Path) -> None:
    model = open_model(trained)
    text = "Quillobar sold a mill to Wimmoldi in Ghent on Monday."
    (summary,) = model.predict([text])
    assert summary == "New mill for Wimmoldi in Ghent"
    (look,) = model.weights([text])
    assert look.queries == summary.split() and look.keys == [*text.removesuffix(".").split(), "."]
    assert look.keys[int(look.weights[0, 0, 3].argmax())] == "Wimmoldi"
    np.testing.assert_allclose(look.weights.sum(-1), 1, atol=1e-6)
    ((words, shares),) = model.copied([text])
    assert words == look.queries and shares[words.index("Wimmoldi")] > 0.99 > 0.3 > shares[0]
    many = [row["source"] for row in rows_of(trained)[:7]]
    assert model.predict(many) == [row["prediction"] for row in rows_of(trained)[:7]]
    with pytest.raises(UserError, match="a text to summarise is blank"):
        model.predict([text, "  "])


@pytest.mark.parametrize(
    "words, figures",
    [
        (["model.copy=false", "attention=none", "tokeniser=bpe", "tokeniser.size=300"], {"loss"}),
        (
            ["search=beam", "heads=multi", "heads.count=2", "normaliser=sparsemax", "attention=scaled-dot"],
            {"loss", "attention", "copied"},
        ),
        pytest.param(
            ["model.copy=false", "batch_size=null", "batch_tokens=900"],
            {"loss", "attention"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_other_choices_train_and_show_what_there_is(
    words: list[str], figures: set[str], tmp_path: Path
) -> None:
    report = run(tmp_path / "run", "data.train=60", "data.valid=5", "data.test=7", *TINY, *words)
    assert report.status == "done", report.message
    metrics = RunRecord(tmp_path / "run").metrics
    assert {path.stem for path in (tmp_path / "run/figures").iterdir()} == figures
    assert ("copied" in metrics) == ("copied" in figures)
    model = open_model(tmp_path / "run")
    assert len(model.predict(["Anna met Ben.", "x"])) == 2
    if "attention" not in figures:
        with pytest.raises(UserError, match="no attention to show"):
            model.weights(["Anna met Ben."])


def test_texts_of_a_users_own_in_any_script_are_scored_and_cut_with_a_word(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv.gz"
    lines = [f"这是第{n}篇文章。它很长。\t文章 {n}\n" for n in range(80)]
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.writelines(lines)
    words = ["data=summaries", f"data.path={file}", "tokeniser=characters", "longest_text=9"]
    report = run(tmp_path / "run", *words, *TINY)
    assert report.status == "done", report.message
    assert 0 < RunRecord(tmp_path / "run").metrics["rouge_l_lead"] < 1
    warnings = RunRecord(tmp_path / "run").result["warnings"]  # type: ignore[index]
    assert any("training texts are longer than 9 tokens and were cut" in one for one in warnings)


@pytest.mark.parametrize(
    "words, message",
    [
        (["data=sine"], "data: this experiment takes texts with summaries, such as data=headlines"),
        (["position=sinusoidal"], "takes no positions"),
        (["attention=none"], "nothing says what to copy; set model.copy=false, or choose attention=additive"),
        (["tokeniser.joint=false"], "tokeniser.joint=false: text and summary share one vocabulary"),
        (["batch_tokens=100"], "batch_size and batch_tokens are both given"),
        (["data=summaries", "data.path=nowhere.tsv"], "no file nowhere.tsv"),
        (
            ["tokeniser.minimum_frequency=100000", "data.train=20", "data.valid=2", "data.test=2"],
            "minimum_frequency=100000 leaves no tokens",
        ),
        (["data.events=11"], "data.events=11"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        check(config := compose("summarisation", words))
        report = execute(config, tmp_path / "run")
        assert (report.status, report.exit_code) == ("refused", 2)
        raise UserError(report.message)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_model_for_another_experiment_is_refused() -> None:
    with pytest.raises(UserError, match="is for another experiment than this one"):
        check(compose("summarisation", ["model=gru"]))
    with pytest.raises(UserError, match="attnrun list model says which"):
        check(compose("translation", ["model=pointer-generator"]))


def test_a_missing_package_is_named_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    report = run(tmp_path / "run", *TINY)
    assert report.exit_code == 2 and 'rouge-score: pip install "attnrun[tasks]"' in report.message
    assert not (tmp_path / "run").exists()


@pytest.mark.figures
@pytest.mark.timeout(1800)
def test_copying_pays_and_so_does_attention(tmp_path: Path) -> None:
    figures = []
    for place, words in enumerate([[], ["model.copy=false"], ["model.copy=false", "attention=none"]]):
        report = run(tmp_path / str(place), *words)
        assert report.status == "done", report.message
        figures.append(RunRecord(tmp_path / str(place)).metrics)
    whole, attending, alone = (one["rouge_l"] for one in figures)
    assert whole > 0.97 and whole > attending + 0.2 and attending > alone + 0.2
    assert figures[0]["recall_unknown"] > 0.97 and figures[1]["recall_unknown"] == 0
    assert figures[0]["rouge_l_lead"] < 0.2
