"""Searches of finished runs, ensembles and the scoring of given translations, as a user calls them."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from attnrun.cli.complete import complete_override, complete_search
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]
SMALL = [
    "model.hidden=14", "model.embedding=13", "attention.hidden=11", "trainer.max_steps=1",
    "runtime.watch=false",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs of one corpus and one of another, the oldest with greedy search."""
    from attnrun.cli.app import app

    place = tmp_path_factory.mktemp("search")
    lines = [f"{a} {b}\t{b} {a}\n" for a in "abcdefg" for b in "hijklmn"]
    (place / "mine.tsv").write_text("".join(lines))
    (place / "other.tsv").write_text("".join(lines).replace("a", "z"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, corpus, seed in (("one", "mine", 0), ("two", "mine", 1), ("three", "other", 0)):
            keys = [f"seed={seed}", "corpus=tsv", f"corpus.path={corpus}.tsv", *SMALL]
            words = ["train", "translation", f"hydra.run.dir=outputs/translation/{name}", *keys]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def here(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, called where the runs are."""
    monkeypatch.chdir(place)
    return cli


def best(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["translations"]
    candidates: list[dict[str, Any]] = found["candidates"]
    assert found["translation"] == candidates[0]["text"]
    return candidates


def test_the_group_is_listed_and_completed(cli: Cli) -> None:
    listed = cli("list", "search").stdout
    assert all(name in listed for name in ("greedy", "beam", "sample"))
    assert [name for name, _ in complete_search("b")] == ["beam"]
    assert complete_override("search=s") == ["search=sample"]


def test_a_search_needs_no_new_training(here: Cli, place: Path) -> None:
    before = sorted(place.glob("outputs/*/*"))
    sizes = [word for key in [*SMALL, "search.size=7"] for word in ("--set", key)]
    words = ["--corpus", "mine.tsv", "--search", "beam", *sizes, "--n-best", "7", "--json"]
    result = here("translate", *words, "a h")
    assert "using the run outputs/translation/one" in result.stderr
    assert sorted(place.glob("outputs/*/*")) == before
    candidates = best(result)
    scores = [one["score"] for one in candidates]
    assert len(candidates) == 7 and scores == sorted(scores, reverse=True)
    named = ["--run", "one", "--search", "beam", "--set", "search.size=7", "--n-best", "7", "--json"]
    assert best(here("translate", *named, "a h")) == candidates
    plain = best(here("translate", "--run", "one", "--n-best", "1", "--json", "a h"))
    assert plain[0]["score"] == plain[0]["log_probability"]  # as the run itself searches
    penalised = max((one["score"], one["text"]) for one in candidates)[0]
    penalty = ((5 + len(plain[0]["text"].split())) / 6) ** 0.6  # or of one more, where it has ended
    assert penalised >= plain[0]["log_probability"] / penalty - 1e-6


def test_a_run_is_validated_greedily_and_tested_by_its_own_search(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text("".join(f"{a} {b}\t{b} {a}\n" for a in "abcdefg" for b in "hijklmn"))
    words = ["train", "translation", "corpus=tsv", "corpus.path=mine.tsv", *SMALL]
    rows, texts = [], []
    for name in ("greedy", "sample"):
        result = cli(*words, f"search={name}", f"hydra.run.dir={name}")
        assert result.exit_code == 0, result.output
        rows.append([{**row, "time": 0} for row in RunRecord(Path(name)).metrics_rows()])
        texts.append((tmp_path / name / "samples/test.jsonl").read_text())
    assert rows[0] == rows[1] and any("valid/bleu" in row for row in rows[0])
    assert texts[0] != texts[1]


def test_several_translations_of_lines_and_of_words(here: Cli) -> None:
    words = ["translate", "--run", "one", "--search", "beam", "--n-best", "2"]
    lines = here(*words, "-", stdin="a h\nb i\n").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1", "1", "2", "2"]
    assert all(float(line.split("\t")[1]) > float(line.split("\t")[2]) for line in lines)
    shown = here(*words, "a h").stdout
    assert shown.count("translation  ") == 2
    drawn = here("translate", "--run", "one", "--search", "sample", "--n-best", "3", "a h").stdout
    assert drawn.count("translation  ") == 3


@pytest.mark.parametrize(
    "words",
    [[], ["--search", "beam", "--n-best", "2"], ["--json"], ["--json", "--run", "two", "--search", "sample"]],
)
def test_workers_translate_as_one_process_does(here: Cli, words: list[str]) -> None:
    lines = [" ".join("abcdefg"[place % 7] * (place % 5 + 1)) for place in range(301)]  # three batches
    one, two = (
        here("translate", "--run", "one", *words, *workers, "-", stdin="\n".join(lines))
        for workers in ([], ["--workers", "2"])
    )
    assert two.exit_code == 0, two.stderr
    assert two.stdout == one.stdout and len(one.stdout.splitlines()) >= 301
    assert not multiprocessing.active_children()


def test_more_workers_than_cores_are_told_of(here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnrun.runs.device.cores", lambda: 2)
    result = here("translate", "--run", "one", "--workers", "3", "-", stdin="a h\nb i\n")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 2
    assert "--workers 3 on 2 cores: more than one a core gains nothing" in result.stderr


def test_a_dead_worker_is_one_line(here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from attnrun.experiments.translation import Translator

    monkeypatch.setattr("attnrun.runs.device.cores", lambda: 2)
    monkeypatch.setattr(Translator, "predict", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    result = here("translate", "--run", "one", "--workers", "2", "-", stdin="a h\n" * 300)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a worker died (SIGKILL)" in result.stderr and len(result.stderr.splitlines()) == 1


def test_an_ensemble_of_a_run_with_itself_is_that_run(here: Cli) -> None:
    words = ["--search", "beam", "--n-best", "3", "--json", "c k"]
    one = best(here("translate", "--run", "one", *words))
    twice = best(here("translate", "--run", "one", "--run", "one", *words))
    assert [found["text"] for found in twice] == [found["text"] for found in one]
    assert [found["score"] for found in twice] == pytest.approx([found["score"] for found in one], abs=1e-5)
    both = here("translate", "--run", "one", "--run", "two", *words)
    assert best(both) != one
    document = json.loads(both.stdout)
    assert document["ensemble"] == ["outputs/translation/one", "outputs/translation/two"]
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in document["translations"][0]["weights"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--search", "bean"], "no choice of 'search' named 'bean'; did you mean 'beam'?"),
        (["--search", "beam", "--set", "search.siz=3"], "did you mean 'search.size'?"),
        (["--set", "search.size=3"], "no config key 'search.size'"),
        (["--search", "beam", "--set", "search.size=none"], "search.size=none: the value must be"),
        (["--search", "beam", "--set", "search.size=0"], "search.size=0"),
        (["--search", "beam", "--n-best", "6"], "search.size=6"),
        (["--n-best", "2"], "choose search=beam"),
        (["--set", "seed=3"], "--run names a trained run"),
        (["--workers", "0"], "Invalid value for '--workers'"),
        (["--workers", "-1"], "Invalid value for '--workers'"),
        (["--workers", "two"], "Invalid value for '--workers'"),
        (["--workers", "2", "--engine", "ctranslate2"], "ctranslate2 has threads of its own"),
        (["--run", "three"], "the vocabularies of outputs/translation/three are not those of"),
    ],
)
def test_a_mistake_is_one_line(here: Cli, words: list[str], message: str) -> None:
    result = here("translate", "--run", "one", *words, "a h")
    assert result.exit_code == 2, result.output
    line = result.stderr.strip().splitlines()[-1]  # those of Typer come after the usage
    assert message in line and "Traceback" not in result.stderr


def test_given_translations_are_scored(here: Cli, place: Path) -> None:
    (place / "given.tsv").write_text("a h\th a\nb k\tb b b\n")
    document = json.loads(here("score", "one", "given.tsv", "--json").stdout)
    model = open_model(place / "outputs/translation/one")
    expected = model.score([("a h", "h a"), ("b k", "b b b")])
    assert [row["log_probability"] for row in document["pairs"]] == [one.log_probability for one in expected]
    assert [row["tokens"] for row in document["pairs"]] == [3, 4]
    assert document["pairs"][1]["source"] == "b k"
    total = sum(one.log_probability for one in expected)
    assert document["total"]["log_probability"] == pytest.approx(total)
    assert document["total"]["per_token"] == pytest.approx(total / 7)
    (candidate,) = model.candidates(["a h"], 1)[0]
    (scored,) = model.score([("a h", candidate.text)])
    if len(candidate.text.split()) < 14 and "<unk>" not in candidate.text:  # it ended by itself
        assert scored.log_probability == pytest.approx(candidate.log_probability, abs=1e-4)
    shown = here("score", "one", "given.tsv").stdout
    assert "per token" in shown and "all" in shown
    swapped = json.loads(here("score", "one", "given.tsv", "--source", "2", "--target", "1", "--json").stdout)
    assert swapped["pairs"][0]["target"] == "a h"


def test_what_cannot_be_scored_is_one_line(here: Cli, place: Path) -> None:
    (place / "bad.tsv").write_text("a h\th a\nb k\n")
    for words, message in (
        (["one", "bad.tsv"], "bad.tsv:2"),
        (["one", "nowhere.tsv"], "nowhere.tsv"),
        (["none", "given.tsv"], "no run 'none'"),
    ):
        result = here("score", *words)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
