"""Words, files and run directories from strangers: shown as they are, and doing nothing."""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]

TOKENS = [
    "[red]x[/red]", "[/]", "[bold", "[link=http://x]y", "\x1b]52;c;aGk=\x07", "\x1b[2J", "\x1b[31m",
    "\x9b31m", "\x90q\x9c", "\x84", "\u202egnp.exe", "\u2066x\u2069", "\u200bx", "\ufeffx", "\u2028x", "\x00",
    "\x7f", "a\nb", "a\rb", "a\tb", "\ud800", "\udcff", "$$", "$\\frac{1}{0}$", "<script>alert(1)</script>",
    "&lt;", "{{7*7}}", "%s%n", "%(x)s", "{0.__class__}", "${oc.env:HOME}", "${x", "`id`", "$(id)",
    "; rm -rf /", "../../etc/passwd", "/etc/passwd", "~root", "-x", "--help-me", "'", '"', "\\",
    "x" * 100_000, "é" * 300, "😀\u200d", "\U000e0041", "\U0010ffff", "*", "?", "null", "=", "@", "~", "+",
    " ",
]  # fmt: skip
FEW = [
    "[red]x[/red]", "\x1b]52;c;aGk=\x07", "\x9b31m", "\u202egnp.exe", "\x00", "\ud800",
    "<script>alert(1)</script>",
]  # fmt: skip
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
CSV = ["data=csv", "data.path=ok.csv", "data.y=b"]
# Each is a command with a place for a token; none of them is to train anything.
COMMANDS = {
    "experiment": ["train", "{}"],
    "override": ["train", "nw-regression", "{}"],
    "value": ["train", "nw-regression", "seed={}"],
    "key": ["train", "nw-regression", "{}=1"],
    "choice": ["train", "nw-regression", "attention={}"],
    "target": ["train", "nw-regression", "attention._target_={}"],
    "data path": ["train", "nw-regression", *CSV, "data.x=a", "data.path={}"],
    "column": ["train", "nw-regression", *CSV, "data.x={}"],
    "corpus path": ["train", "translation", "corpus=tsv", "corpus.path={}"],
    "corpus column": ["train", "translation", "corpus=tsv", "corpus.path=ok.tsv", "corpus.source={}"],
    "sweep": ["train", "nw-regression", "-m", "attention={},nope"],
    "cfg": ["train", "nw-regression", "--cfg", "{}"],
    "trust": ["train", "nw-regression", "--trust", "{}"],
    "config dir": ["train", "nw-regression", "--config-dir", "{}"],
    "resume": ["resume", "{}"],
    "list": ["list", "{}"],
    "list as JSON": ["list", "{}", "--json"],
    "matrix": ["list", "--matrix", "{}"],
    "run": ["translate", "--run", "{}", "hello"],
    "show": ["show", "{}"],
    "board": ["board", "{}"],
    "heads": ["heads", "{}"],
    "align": ["align", "{}"],
    "report": ["report", "{}"],
    "report of two": ["report", "{}", "{}"],
    "links": ["align", "--hypothesis", "{}", "--gold", "{}"],
    "compare": ["compare", "{}"],
    "compare by": ["compare", "{}", "--by", "{}"],
    "significance": ["significance", "{}", "{}"],
    "attention": ["translate", "--attention", "{}", "hello"],
    "model": ["translate", "--model", "{}", "hello"],
    "corpus": ["translate", "--corpus", "{}", "hello"],
    "set": ["translate", "--set", "{}", "hello"],
    "data": ["data", "{}"],
    "download": ["data", "get", "{}"],
    "statistics": ["data", "stats", "{}"],
    "smoke": ["smoke", "{}"],
    "doctor": ["doctor", "{}"],
    "completion": ["completion", "{}"],
    "command": ["{}"],
}


@pytest.fixture
def place(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTNRUN_TEST_SECRET", "s3cr3t-of-the-environment")
    (tmp_path / "ok.csv").write_text("a,b\n" + "1,2\n" * 20)
    (tmp_path / "ok.tsv").write_text("a\tb\n" * 20)
    return tmp_path


def assert_shown(result: Result) -> None:
    """Nothing raised, nothing steers a terminal, no secret is told."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    for stream in (result.stdout, result.stderr):
        found = STEERING.search(stream)
        assert not found, repr(stream[max(0, found.start() - 40) :][:80])
        assert len(stream) < 20_000  # however long the word is
        assert "Traceback" not in stream and "s3cr3t-of-the-environment" not in stream


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_few_hostile_words(cli: Cli, place: Path, command: list[str]) -> None:
    token = FEW[len(" ".join(command)) % len(FEW)]
    result = cli(*(word.replace("{}", token) for word in command))
    assert_shown(result)
    assert result.exit_code == 2, result.stderr
    assert not list(place.glob("outputs/**/config.yaml"))


@pytest.mark.faults
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_hostile_word(cli: Cli, place: Path, command: list[str]) -> None:
    for token in TOKENS:
        words = [word.replace("{}", token) for word in command]
        print([word[:100] for word in words])  # noqa: T201
        result = cli(*words)
        assert_shown(result)
        harmless = (token == "null" and command[1:2] != ["get"]) or token in ("+", " ", "~", "@")
        assert result.exit_code == 2 or harmless, result.stderr


@pytest.mark.parametrize("token", ["[red]x[/red]", "\x1b]52;c;aGk=", "\u202egnp.exe", "$$", "<script>"])
def test_hostile_words_are_shown_as_they_are(cli: Cli, place: Path, token: str) -> None:
    from attnrun.escape import for_terminal

    assert for_terminal(token) in cli("resume", token).stderr
    assert for_terminal(token) in cli("list", token).stderr


@pytest.mark.parametrize("token", ["\x1b[2J", "\u202e", "$(touch x)", "'"])
def test_hostile_words_to_a_process_of_its_own(place: Path, token: str) -> None:
    for words in (["train", "nw-regression", f"seed={token}"], ["doctor", token], [token]):
        command = [sys.executable, "-m", "attnrun", *words]
        result = subprocess.run(command, cwd=place, capture_output=True, text=True)
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert not STEERING.search(result.stdout + result.stderr)
    assert {path.name for path in place.iterdir()} == {"ok.csv", "ok.tsv"}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has its checkpoints, and no result yet."""
    from attnrun.cli.app import app

    root = tmp_path_factory.mktemp("run")
    words = ["train", "nw-regression", "trainer.max_steps=2", f"hydra.run.dir={root}/run"]
    result = CliRunner().invoke(app, words, prog_name="attnrun")
    assert result.exit_code == 0, result.stderr
    (root / "run/result.json").unlink()
    return root / "run"


@pytest.fixture
def run(cli: Cli, interrupted: Path, tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "outputs/nw-regression/foreign"
    shutil.copytree(interrupted, directory)
    yield directory
    logging.getLogger("attnrun").handlers.clear()


def changed(run: Path, old: str, new: str) -> None:
    text = (run / "config.yaml").read_text()
    assert old in text
    (run / "config.yaml").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("words", [["resume", "foreign"], ["translate", "--run", "foreign", "hello"]])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "module: attnrun.experiments.nw_regression",
            "module: antigravity",
            "'antigravity' is outside attnrun",
        ),
        ("_target_: attnrun.attention", "_target_: antigravity", "outside attnrun"),
        ("_target_: attnrun.attention.", "_target_: attnrun.runs.opening.", "is no part of an experiment"),
        ("seed: 0", "seed: ${oc.env:ATTNRUN_TEST_SECRET}", "${oc.env:…} reads what is no part of a config"),
        ("seed: 0", "seed: !!python/object/apply:os.getcwd []", "a config takes no tag"),
        ("seed: 0", "seed: &a [*a]", "stands for nothing before it"),
        ("seed: 0", "seed: " + "[" * 10_000, "nested too deeply"),
        ("seed: 0", "seed: " + "9" * 10_000_000, "too large for a configuration"),
        (
            "seed: 0",
            "seed: &a [" + "x, " * 999 + "]\nb: [" + "*a, " * 999 + "]",
            "with its aliases written out",
        ),
        ("seed: 0", "seed: 2020-13-77", "cannot read"),
        ("seed: 0", "seed: 2020-12-24", "neither a text nor a number"),
        ("seed: 0", "\x1b[31m: 0", "cannot read"),
    ],
)
def test_a_foreign_run_directory_runs_nothing(
    cli: Cli, place: Path, run: Path, words: list[str], old: str, new: str, message: str
) -> None:
    changed(run, old, new)
    if words[0] == "translate":
        (run / "result.json").write_text('{"status": "done"}')
    result = cli(*words)
    assert_shown(result)
    assert result.exit_code == 2 and message in result.stderr, result.stderr
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["metrics.jsonl", "job.log", "figures", "checkpoints", "lock"])
def test_a_link_in_a_run_directory_leads_nowhere(cli: Cli, place: Path, run: Path, name: str) -> None:
    outside = place / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    is_file = (run / name).is_file()
    (shutil.rmtree if (run / name).is_dir() else os.unlink)(run / name)
    (run / name).symlink_to(outside / "precious" if is_file else outside)
    result = cli("resume", "foreign")
    assert result.exit_code == 2 and f"{name} is a link out of the run" in result.stderr
    assert (outside / "precious").read_text() == "kept" and len(list(outside.iterdir())) == 1


def test_a_run_directory_of_ones_own_goes_on(cli: Cli, place: Path, run: Path) -> None:
    result = cli("resume", "foreign")
    assert result.exit_code == 0, result.stderr
