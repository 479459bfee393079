"""`attnrun translate` as a user calls it, with a model of a few steps."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import Result

from attnrun.cli.decode import How
from attnrun.cli.inputs import Inputs
from attnrun.cli.translate import _translate
from attnrun.launch import catalog
from attnrun.launch.config import compose
from attnrun.launch.job import execute

Cli = Callable[..., Result]
SMALL = [
    "corpus.limit=300",
    "corpus.held_out=30",
    "model.hidden=18",
    "model.embedding=13",
    "attention.hidden=11",
    "trainer.max_steps=4",
]
SET = [word for key in SMALL for word in ("--set", key)]
HOSTILE = "[red]a[/red] $$x \x1b[31mb <script>|* `c` \u202e"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run of the small model and one of the same without attention."""
    place = tmp_path_factory.mktemp("translate")
    for attention in ("bahdanau", "none"):
        words = [word for word in SMALL if attention != "none" or not word.startswith("attention.")]
        config = compose("translation", [f"attention={attention}", *words])
        report = execute(config, place / "outputs/translation" / attention)
        assert report.status == "done", report.message
    return place


@pytest.fixture
def here(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, called where the runs are."""
    monkeypatch.chdir(place)
    return cli


def _run_of(place: Path, attention: str) -> Path:
    return place / "outputs/translation" / attention


def test_the_finished_run_of_the_same_config_is_used_again(here: Cli, place: Path) -> None:
    before = sorted(place.glob("outputs/*/*"))
    result = here("translate", "--attention", "bahdanau", *SET, "Go home.")
    assert result.exit_code == 0, result.stderr
    assert f"using the run {_run_of(Path(), 'bahdanau')}" in result.stderr.replace(str(place) + "/", "")
    assert sorted(place.glob("outputs/*/*")) == before


def test_without_a_run_one_is_trained_and_that_is_said(cli: Cli, tmp_path: Path) -> None:
    result = cli("translate", *SET, "--set", "trainer.max_steps=1", "--json", "Go home.")
    assert result.exit_code == 0, result.stderr
    assert "training one first" in result.stderr
    document = json.loads(result.stdout)
    assert (tmp_path / document["run"] / "result.json").exists()
    assert document["translations"][0]["source"] == "Go home."


def test_json_holds_the_map_with_its_tokens_and_the_picture_is_there(here: Cli, place: Path) -> None:
    words = ["translate", "--run", str(_run_of(place, "bahdanau")), "--json", "The cat sleeps."]
    (found,) = json.loads(here(*words).stdout)["translations"]
    assert found["source_tokens"] == ["the", "cat", "sleeps", "."]
    assert len(found["weights"]) == len(found["target_tokens"])
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in found["weights"])
    assert Path(found["figure"]).read_bytes().startswith(b"\x89PNG")


def test_nothing_to_translate_shows_the_test_set_and_waits_for_nothing(place: Path) -> None:
    command = [sys.executable, "-m", "attnrun", "translate", "--run", str(_run_of(place, "bahdanau"))]
    reader, writer = os.pipe()  # a stdin that stays open and stays silent
    try:
        done = subprocess.run(command, cwd=place, stdin=reader, capture_output=True, text=True, timeout=120)
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == 0, done.stderr
    assert "reference" in done.stdout and "test set: bleu" in done.stdout


def test_lines_of_stdin_come_back_as_lines(here: Cli, place: Path) -> None:
    words = [sys.executable, "-m", "attnrun", "translate", "--run", str(_run_of(place, "bahdanau"))]
    text = "Go home.\n\nWho is it?\nEat.\n"
    done = subprocess.run(words, cwd=place, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_stdin_that_is_not_utf8_is_a_mistake_with_its_line(place: Path) -> None:
    words = [sys.executable, "-m", "attnrun", "translate", "--run", str(_run_of(place, "bahdanau")), "-"]
    done = subprocess.run(words, cwd=place, input=b"fine\nbad \xff\n", capture_output=True)
    assert done.returncode == 2
    assert done.stderr == b"attnrun: stdin:2: not UTF-8 at byte 9\n"


def test_hostile_text_is_shown_literally(here: Cli, place: Path) -> None:
    result = here("translate", "--run", str(_run_of(place, "bahdanau")), HOSTILE)
    assert result.exit_code == 0, result.output
    assert "[red]a[/red] $$x" in result.stdout
    assert "\x1b" not in result.stdout and "\u202e" not in result.stdout


def test_a_model_without_attention_translates_and_says_that_it_has_no_map(here: Cli, place: Path) -> None:
    result = here("translate", "--run", str(_run_of(place, "none")), "Go home.")
    assert result.exit_code == 0, result.stderr
    assert "no attention" in result.stderr
    assert "translation" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--attention", "bahdanu"], "did you mean 'bahdanau'?"),
        (["--corpus", "phrase"], "did you mean 'phrases'?"),
        (["--corpus", "outputs"], "is a directory, not a file"),
        (["--trust", "no_such_module", "Hi."], "--trust no_such_module: there is no such module"),
        (["--corpus", "none.tsv"], "none.tsv"),
        (["--run", "nowhere"], "nowhere"),
        (["--run", "latest", "--attention", "dot"], "--run names a trained run"),
        (["--run", "latest", "--model", "gru"], "--model, --corpus and --set belong to a new one"),
        (["--model", "transfomer"], "did you mean 'transformer'?"),
        (["--model", "word-by-word", "--attention", "dot", *SET[:2], "Hi."], "set attention=none"),
        (["--set", "trainer.epoch=1"], "did you mean 'trainer.epochs'?"),
        (["--run", "latest", "  "], "has no words in it"),
        (["--attention", "dot", "--set", "model.encoder_size=20", *SET[:8], "Hi."], "dot"),
    ],
)
def test_a_mistake_is_one_line(here: Cli, words: list[str], message: str) -> None:
    result = here("translate", *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "j.jsonl",
            "give these: --set corpus.source=… --set corpus.target=…; the fields of the first line: en, x.y",
        ),
        ("jsonl", "--set corpus.path=… --set corpus.source=…"),
        (".", "--corpus files --set corpus.path=. --set corpus.source=… --set corpus.target=…"),
        ("j.jsnl", "did you mean 'j.jsonl'?"),
    ],
)
def test_what_is_to_be_added_is_said_in_this_commands_words(
    cli: Cli, tmp_path: Path, given: str, message: str
) -> None:
    (tmp_path / "j.jsonl").write_text('{"en": "a b", "x": {"y": "c"}}\n')
    result = cli("translate", "--corpus", given, "a b")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"a b\tc d\nno tab here\n", "bad.tsv:2"),
        (b"a\tb\nc\xff\td\n", "bad.tsv:2"),
        (b"a\tb\n\tc\n", "bad.tsv:2"),
    ],
)
def test_a_bad_corpus_is_named_by_file_and_line(
    cli: Cli, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.tsv").write_bytes(content)
    result = cli("translate", "--corpus", "bad.tsv", *SET[4:], "Hi.")
    assert result.exit_code == 2, result.output
    assert message in result.stderr.strip().splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tsv"]


def test_a_corpus_of_markup_and_escapes_is_ordinary_text(cli: Cli, tmp_path: Path) -> None:
    words = ["[red]", "$$", "\x1b[31m", "<b>", "|", "#", "`x`", "\u202e", "cat", "dog"]
    lines = [f"{a} {b} {c}\t{c} {a}\n" for a in words for b in words for c in words[:5]]
    (tmp_path / "markup.tsv").write_text("".join(lines), encoding="utf-8")
    result = cli("translate", "--corpus", "markup.tsv", *SET[4:], "--set", "trainer.epochs=1")
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.output and "\u202e" not in result.output
    (page,) = _texts_in_tensorboard(next(tmp_path.glob("outputs/*/*")), "samples/text_summary")
    assert page.count("\n") == 9  # head, rule and eight sentences: none broke its row
    assert not set("\x1b\u202e<[$`") & set(page), page


def _texts_in_tensorboard(run: Path, tag: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(run), {"tensors": 0})
        events.Reload()
    return [event.tensor_proto.string_val[0].decode() for event in events.Tensors(tag)]


@pytest.mark.parametrize(("terminal", "shown"), [(True, "\\x1b[31mred\n"), (False, "\x1b[31mred\n")])
def test_lines_are_escaped_for_a_terminal_and_exact_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, shown: str
) -> None:
    model = SimpleNamespace(
        predict=lambda sources: ["\x1b[31mred" for _ in sources], unknown=lambda sources: []
    )
    monkeypatch.setattr("attnrun.launch.trained.open_model", lambda directory, trust, search, device: model)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    _translate([Path()], Inputs(["go"], many=True), (), None, How(), as_json=False)
    assert capsys.readouterr().out == shown


def test_a_file_edited_since_is_trained_on_anew(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.tsv"
    lines = [f"{a} {b}\t{b} {a}\n" for a in "abcdefg" for b in "hijklmn"]
    file.write_text("".join(lines))
    words = ["translate", "--corpus", "mine.tsv", *SET[4:], "--set", "trainer.epochs=1", "a h"]
    first = cli(*words).stderr
    assert "training one first" in first
    (shown,) = [line for line in first.splitlines() if line.startswith("attnrun: attnrun train ")]
    assert f"corpus.path='{file}'" in shlex.split(shown)  # Hydra's quotes outlive a shell's reading
    assert "using the run" in cli(*words).stderr
    (tmp_path / "moved").mkdir()
    file.rename(tmp_path / "moved/same.tsv")
    words[2] = "moved/same.tsv"
    assert "using the run" in cli(*words).stderr
    (tmp_path / "moved/same.tsv").write_text("".join(lines).replace("a h\t", "a i\t"))
    assert "training one first" in cli(*words).stderr


def test_a_damaged_run_is_one_line(cli: Cli, place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(_run_of(place, "bahdanau"), copy)
    vocabulary = copy / "source_vocabulary.json"
    whole = vocabulary.read_text()
    vocabulary.write_text('{"tokens": ["x"]}')
    result = cli("translate", "--run", str(copy), "Go home.")
    assert result.exit_code == 2, result.output
    assert "is damaged" in result.stderr and len(result.stderr.splitlines()) == 1
    vocabulary.write_text(whole)
    for junk in (b"{", b"[]", b'{"source": 1}', b"[" * 100_000, b"\xff\n", b'{"source": "' + b"x" * 2**20):
        (copy / "samples/test.jsonl").write_bytes(junk + b"\n")
        result = cli("translate", "--run", str(copy))
        assert result.exit_code == 2, result.output
        assert re.search(r"samples/test.jsonl(:1)? is damaged", result.stderr)


def test_words_never_seen_are_named(here: Cli, place: Path) -> None:
    result = here("translate", "--run", str(_run_of(place, "bahdanau")), "The cat xqzzy the \x1bwvuu.")
    assert result.exit_code == 0
    assert "never seen: " in result.stderr and "xqzzy" in result.stderr and "wvuu" in result.stderr
    assert "cat" not in result.stderr and "\x1b" not in result.stderr


@pytest.mark.parametrize("option", ["--attention", "--model"])
def test_an_empty_name_is_a_mistake(here: Cli, place: Path, option: str) -> None:
    before = sorted(place.rglob("result.json"))
    result = here("translate", option, "", "Hello.")
    assert (result.exit_code, f"no choice of '{option[2:]}' named ''" in result.stderr) == (2, True)
    assert sorted(place.rglob("result.json")) == before


def test_an_empty_stdin_that_was_asked_for_is_a_mistake(here: Cli, place: Path) -> None:
    result = here("translate", "--run", str(_run_of(place, "bahdanau")), "-", stdin="")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_run_that_does_not_translate_is_refused(cli: Cli) -> None:
    assert cli("train", "nw-regression", "trainer.max_steps=1").exit_code == 0
    result = cli("translate", "--run", "latest", "Go home.")
    assert result.exit_code == 2
    assert "is a run of nw-regression, which does not translate" in result.stderr


SIZES = {
    "lstm": ["model.hidden=14", "model.embedding=13", "attention.hidden=11"],
    "convolutional": ["model.hidden=18", "model.embedding=13"],
    "word-by-word": ["model.hidden=18", "model.embedding=13"],
    "transformer": ["model.size=20", "model.feedforward=23"],
    "transformer-tiny": ["model.size=20", "model.feedforward=23"],
}


def _translated(cli: Cli, *words: str, keys: list[str]) -> tuple[dict[str, Any], Result]:
    """The config of the run that was trained for these words, and what was printed."""
    Path("mine.tsv").write_text("".join(f"{a} {b}\t{b} {a}\n" for a in "abcdefg" for b in "hijklmn"))
    sizes = [word for key in ["trainer.max_steps=2", *keys] for word in ("--set", key)]
    result = cli("translate", *words, "--corpus", "mine.tsv", *sizes, "--json", "a h")
    assert result.exit_code == 0, result.stderr
    run = Path(json.loads(result.stdout)["run"])
    return yaml.safe_load((run / "config.yaml").read_text()), result


@pytest.mark.parametrize(
    ("model", "experiment", "attention"),
    [
        ("convolutional", "convolutional", "Dot"),
        pytest.param("lstm", "translation", "Additive", marks=pytest.mark.slow),
        ("word-by-word", "word-by-word", None),
        ("transformer", "transformer", "ScaledDot"),
        pytest.param("transformer-tiny", "transformer", "ScaledDot", marks=pytest.mark.slow),
    ],
)
def test_a_model_is_trained_by_the_experiment_that_suits_it(
    cli: Cli, model: str, experiment: str, attention: str | None
) -> None:
    config, result = _translated(cli, "--model", model, keys=SIZES[model])
    assert config["experiment"] == experiment
    (entry,) = [entry for entry in catalog.entries("model") if entry.name == model]
    own = yaml.safe_load(entry.path.read_text())
    assert config["model"]["_target_"] == own["_target_"]
    assert (config["attention"]["_target_"] or "").rpartition(".")[2] == (attention or "")
    assert f"attnrun train {experiment} model={model} corpus=tsv" in result.stderr
    (found,) = json.loads(result.stdout)["translations"]
    assert ("weights" in found) is (attention is not None)
    if model == "transformer-tiny":
        assert {**config["model"], "size": 128, "feedforward": 256} == own


def test_any_attention_sits_in_a_transformer(cli: Cli) -> None:
    words = ["--model", "transformer", "--attention", "additive"]
    config, _ = _translated(cli, *words, keys=[*SIZES["transformer"], "attention.hidden=7"])
    assert config["attention"] == {"_target_": "attnrun.attention.Additive", "hidden": 7}
    assert config["position"]["_target_"] == "attnrun.attention.Sinusoidal"


def test_every_model_names_an_experiment_that_there_is() -> None:
    suited = {entry.name: entry.experiment for entry in catalog.entries("model")}
    assert set(suited.values()) - {""} <= set(catalog.names("experiment"))
    assert suited["gru"] == "" and suited["transformer"] == "transformer"


def test_a_run_of_sequences_answers_and_shows_where_it_looked(cli: Cli, tmp_path: Path) -> None:
    sizes = ["data.train=64", "data.valid=5", "data.test=7", "data.longer=0", "model.hidden=14"]
    trained = cli("train", "sequence", "data=reverse", "attention=dot", *sizes, "trainer.max_steps=2")
    assert trained.exit_code == 0, trained.stderr
    (found,) = json.loads(cli("translate", "--run", "latest", "--json", "b a d").stdout)["translations"]
    assert (found["source"], found["source_tokens"]) == ("b a d", ["b", "a", "d"])
    assert found["translation"].split() == found["target_tokens"]
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in found["weights"])
    shown = cli("translate", "--run", "latest").stdout
    assert shown.count("reference") == 3 and "test set: accuracy " in shown
    wrong = cli("translate", "--run", "latest", "b A d")
    assert wrong.exit_code == 2
    assert len(wrong.stderr.splitlines()) == 1 and "this task has no token 'A'" in wrong.stderr


def test_a_corpus_of_ones_own_trains_and_translates(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "my_numbers.py").write_text(
        "from attnrun.data.corpus import Corpus, Pair\n"
        "def load(*, n: int = 90) -> Corpus:\n"
        "    pairs = [Pair(f'{i // 10} plus {i % 10}', f'{i // 10} et {i % 10}') for i in range(n)]\n"
        "    return Corpus('numbers', 'en', 'fr', pairs[20:], pairs[:10], pairs[10:20])\n"
    )
    (tmp_path / "mine/corpus").mkdir(parents=True)
    (tmp_path / "mine/corpus/numbers.yaml").write_text("_target_: my_numbers.load\nn: 90\n")
    own = ["--config-dir", "mine", "--trust", "my_numbers"]
    result = cli("translate", "--corpus", "numbers", *own, *SET[4:], "--json", "3 plus 4")
    assert result.exit_code == 0, result.stderr
    run = json.loads(result.stdout)["run"]
    assert cli("translate", "--run", run, "--trust", "my_numbers", "3 plus 4").exit_code == 0
    assert "--trust my_numbers" in cli("translate", "--run", run, "3 plus 4").stderr
    assert "numbers" in cli("list", "corpus", "--config-dir", "mine").stdout
