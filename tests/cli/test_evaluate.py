"""`attnrun evaluate` as a user calls it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from attnrun.cli.complete import complete_change
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from tests.experiments.small import TINY, aligned_corpus, lines_of, rows_of

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with outputs/: a translation, copied sequences, and points."""
    place = tmp_path_factory.mktemp("runs")
    quick = ["trainer.epochs=2", "runtime.threads=1", "runtime.watch=false"]
    sizes = ["model.hidden=18", "model.embedding=13", "data.train=300", "data.valid=20", "data.test=30"]
    for name, experiment, words in (
        ("pairs", "translation", [*aligned_corpus(place), *TINY[:2], *quick, "optim.lr=0.02"]),
        ("copies", "sequence", ["data=copy", *sizes, *quick]),
        ("points", "nw-regression", ["trainer.max_steps=1"]),
    ):
        report = execute(compose(experiment, words), place / "outputs" / experiment / name)
        assert report.status == "done", report.message
    return place


@pytest.fixture
def here(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(runs)
    return cli


def told(cli: Cli, *words: str) -> dict[str, Any]:
    result = cli("evaluate", *words, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("run", ["pairs", "copies", "points"])
def test_without_changes_it_is_what_the_run_has(here: Cli, runs: Path, tmp_path: Path, run: str) -> None:
    (directory,) = (runs / "outputs").glob(f"*/{run}")
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    found = told(here, run, "-o", str(tmp_path / "answers.jsonl"))
    assert found["changes"] == []
    texts = {name: value for name, value in found["metrics"].items() if isinstance(value, str)}
    assert texts.items() <= found["in_the_run"].items()
    for name in found["metrics"].keys() - texts.keys():
        assert found["in_the_run"][name] == pytest.approx(found["metrics"][name], rel=1e-6)
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert answers == rows_of(directory)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_another_search_and_other_pairs(here: Cli, tmp_path: Path) -> None:
    own = told(here, "pairs")["metrics"]
    searched = told(here, "pairs", "search=beam", "search.size=3")["metrics"]
    assert searched["loss"] == own["loss"]
    assert searched["test_pairs"] == own["test_pairs"]
    (tmp_path / "other.tsv").write_text("".join(f"a {word}\t{word}x\n" for word in "abcdefghijkl"))
    keys = ["corpus=tsv", f"corpus.path={tmp_path / 'other.tsv'}", "corpus.test=3", "corpus.valid=1"]
    other = told(here, "pairs", *keys)
    assert other["metrics"]["test_pairs"] == 3
    assert other["metrics"]["loss"] != own["loss"]
    assert "aer" not in other["metrics"] and "aer" in other["in_the_run"]
    assert other["changes"] == keys
    whole = told(here, "pairs", *keys[:2], "corpus.test=all")
    assert whole["metrics"]["test_pairs"] == 12


def test_longer_sequences(here: Cli) -> None:
    own, long = (told(here, "copies", *words)["metrics"] for words in ([], ["data.maximum_length=17"]))
    assert long["loss"] != own["loss"]
    assert (own["test_sequences"], long["test_sequences"]) == (30, 30)


def test_the_table_has_both(here: Cli) -> None:
    result = here("evaluate", "points", "data.noise=0.1")
    assert result.exit_code == 0, result.stderr
    assert "in the run" in result.stdout and "test_mse_learned" in result.stdout
    assert "test_mse_average" not in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["pairs", "trainer.epochs=3"],
            "'trainer.epochs=3': a trained model is measured with other",
        ),
        (["pairs", "model=lstm"], "of corpus.… or search.…; the rest is what it is"),
        (["points", "search=beam"], "of data.…; the rest"),
        (["pairs", "search=bean"], "no choice of 'search' named 'bean'; did you mean 'beam'?"),
        (["pairs", "search.sise=3"], "search.sise"),
        (["pairs", "search"], "search"),
        (["pairs", "corpus=tsv"], "corpus.path"),
        (["pairs", "corpus=tsv", "corpus.path=none.tsv"], "none.tsv"),
        (["copies", "data=dictionary"], "data: the symbols are not those of the training"),
        (["copies", "data=sine"], "data: this experiment takes a task of sequences"),
        (["nothing"], "no run 'nothing'"),
    ],
)
def test_mistakes_are_one_line(here: Cli, words: list[str], message: str) -> None:
    result = here("evaluate", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and message in result.stderr, result.stderr


def test_a_corpus_in_another_form_is_refused(
    here: Cli, corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", str(corpora))
    result = here("evaluate", "pairs", "corpus=multi30k")
    assert result.exit_code == 2
    assert "was trained on plain text, and this corpus holds the tokens of Moses" in result.stderr
    assert "such as corpus.text=raw" in result.stderr


@pytest.fixture
def captions(tmp_path: Path, corpora: Path) -> Path:
    """A run that learned from tokens of Moses."""
    run = tmp_path / "captions"
    words = ["corpus=multi30k", "corpus.limit=100", "tokeniser.minimum_frequency=1", *TINY]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ATTNRUN_DATA", str(corpora))
        assert execute(compose("translation", words), run).status == "done"
    return run


def test_plain_text_is_put_into_the_form_of_the_training(here: Cli, captions: Path, tmp_path: Path) -> None:
    lines = ["Zwei Männer, ein Hund & eine Frau.\tTwo men, a dog & a woman.", "Er isst's!\tHe's eating it!"]
    (tmp_path / "plain.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    keys = ["corpus=tsv", f"corpus.path={tmp_path / 'plain.tsv'}", "corpus.test=all"]
    found = told(here, str(captions), *keys, "-o", str(tmp_path / "answers.jsonl"))
    rows = lines_of(tmp_path / "answers.jsonl")
    assert rows[0]["source"] == "zwei männer , ein hund &amp; eine frau ."
    assert rows[1]["target"] == "he &apos;s eating it !"
    assert [row["plain_target"] for row in rows] == [line.split("\t")[1] for line in lines]
    assert "tok:none" in found["metrics"]["bleu_signature"] and "bleu_cased" in found["metrics"]

    tokens = [f"{row['source']}\t{row['target']}\n" for row in rows]
    (tmp_path / "tokens.tsv").write_text("".join(tokens), encoding="utf-8")
    keys[1] = f"corpus.path={tmp_path / 'tokens.tsv'}"
    again = told(here, str(captions), *keys, "corpus.tokenised=true")
    assert again["metrics"]["loss"] == found["metrics"]["loss"]
    assert again["metrics"]["bleu"] == found["metrics"]["bleu"]

    links = tmp_path / "aligned.tsv"  # between words that are no tokens any more
    links.write_text("ein Hund\ta dog\t0-0 1-1\n")
    aligned = ["corpus=tsv", f"corpus.path={links}", "corpus.test=all", "corpus.alignment_column=3"]
    result = here("evaluate", str(captions), *aligned)
    assert result.exit_code == 2
    assert "leave out corpus.alignments or corpus.alignment_column" in result.stderr


def test_completion_offers_what_can_be_changed() -> None:
    assert complete_change("") == ["corpus=", "data=", "search="]
    assert complete_change("search=b") == ["search=beam"]
    assert complete_change("attention=") == []
