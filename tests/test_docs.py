"""The pages of docs/: every command parses, every Python block runs, and the first hour goes as printed."""

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import attnrun.attention
from attnrun.cli.app import app
from attnrun.launch import catalog

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PLACEHOLDER = re.compile(r"…| \[|\||FORMAT")
LIBRARY = (DOCS / "library.md").read_text(encoding="utf-8")
CONFIGS = (DOCS / "configs.md").read_text(encoding="utf-8")


def shown(page: Path) -> list[str]:
    """Every command of attnrun that a page shows, in lines of their own or between words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", "")
    alone = re.findall(r"^    (?:\$ )?(attnrun .*)$", text, re.MULTILINE)
    return [*alone, *re.findall(r"`(attnrun [a-z][^`\n]*)`", text)]


COMMANDS = sorted({command for page in PAGES for command in shown(page) if not PLACEHOLDER.search(command)})


def test_the_pages_show_commands() -> None:
    assert len(COMMANDS) > 150
    names = {shlex.split(command, comments=True)[1] for command in COMMANDS}
    assert {"train", "sweep", "translate", "claim", "reproduce", "data", "export", "heads"} <= names


def test_every_command_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "my_configs"):  # which --config-dir wants to be there
        (tmp_path / name).mkdir()
    faults = {command: fault for command in COMMANDS if (fault := _fault(command))}
    assert not faults


@cache
def parser_of_all() -> Any:
    return typer.main.get_command(app)


def _fault(command: str) -> str:
    """What the command line says against a command before it does anything."""
    words = shlex.split(re.split(r" [<>] ", command)[0], comments=True)[1:]
    parser = parser_of_all()
    context = parser.make_context("attnrun", [], resilient_parsing=True)
    while hasattr(parser, "commands"):
        name = words.pop(0) if words else ""
        if name.startswith("-"):
            return ""  # of attnrun itself: --help, --version
        if name not in parser.commands:
            return f"no command {name!r}"
        parser = parser.commands[name]
    if not words:
        return ""  # a command's name in a sentence
    try:
        parser.make_context(parser.name, words, parent=context)
    except typer.Exit:
        return ""  # --help
    except Exception as error:
        return str(getattr(error, "message", error)) or type(error).__name__
    return ""


def test_a_command_that_is_wrong_would_be_found() -> None:
    assert "--heads" in _fault("attnrun show latest --heads 2")
    assert _fault("attnrun shew latest") == "no command 'shew'"
    assert _fault("attnrun align latest --threshold 2")


CONCEPTS = (DOCS / "concepts.md").read_text(encoding="utf-8")


def test_claims_that_pages_name_are_there() -> None:
    known = catalog.names("claim")
    for page in (DOCS / "concepts.md", DOCS / "zh/claims.md", DOCS / "recipes.md", DOCS / "index.md"):
        text = page.read_text(encoding="utf-8")
        lines = re.findall(r"^Claims: .*\n?.*|^\| (?:10\.\d|–) .*$", text, re.MULTILINE)
        listed = {name for line in lines for name in re.findall(r"`([a-z-]+)`", line)}
        named = {*listed, *re.findall(r"attnrun claim ([a-z-]+)", text)} - {"two-heads"}  # one's own
        assert named <= {*known, "--list"}
        assert "own-key" in named or page.stem == "recipes"


def test_concepts_name_every_claim() -> None:
    assert not [name for name in catalog.names("claim") if f"`{name}`" not in CONCEPTS]


def test_the_examples_of_the_library_run() -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", LIBRARY, re.MULTILINE | re.DOTALL)
    assert {kind for kind, _ in blocks} == {"python", "pycon"}
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for number, (kind, block) in enumerate(blocks):
        if kind == "python":
            exec(compile(block, "library.md", "exec"), names)
        else:
            example = doctest.DocTestParser().get_doctest(block, names, f"block {number}", "library.md", 0)
            runner.run(example, clear_globs=False)
            names.update(example.globs)
    assert runner.tries > 25 and not runner.failures


def test_the_stable_names_are_those_that_can_be_imported() -> None:
    table = LIBRARY.partition("## Stable names")[2].partition("\nOf the rest")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(attnrun.attention.__all__)


def test_mistakes_are_answered_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = re.findall(r"^    \$ attnrun (.*)\n    (attnrun: .*)$", CONFIGS, re.MULTILINE)
    assert len(printed) == 2
    for command, message in printed:
        result = CliRunner().invoke(app, shlex.split(command), prog_name="attnrun")
        assert (result.exit_code, result.stderr.strip()) == (2, message)


def test_a_recipe_of_configs_composes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (name,) = re.findall(r"^`(mine/experiment/\S+\.yaml)`:$", CONFIGS, re.MULTILINE)
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", CONFIGS, re.MULTILINE | re.DOTALL)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    commands = [
        shlex.split(command)[1:] for command in shown(DOCS / "configs.md") if "--config-dir" in command
    ]
    assert len(commands) == 2
    for words in commands:
        print_config = ["--cfg", "job"] if words[0] == "train" else []
        result = CliRunner().invoke(app, [*words, *print_config], prog_name="attnrun")
        assert result.exit_code == 0, result.stderr
        assert "layers: 1" in result.stdout or "ALiBi" in result.stdout


# What makes a printed command small, by its first word.
SMALL = {
    "translate": "--set corpus.limit=400 --set corpus.held_out=50 --set trainer.max_steps=2",
    "claim": "--fast",
}


def first_hour(page: str) -> list[list[str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [
        shlex.split(line, comments=True)[1:] for line in re.findall(r"^    (attnrun .*)$", text, re.MULTILINE)
    ]


def test_the_first_hour_is_the_same_in_chinese() -> None:
    english, chinese = first_hour("index.md"), first_hour("zh/index.md")
    assert [words for words in chinese if words != ["reproduce", "10.2"]] == english


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_first_hour_goes_as_printed(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATTNRUN", "XDG"))}
    home = tmp_path / "home"
    home.mkdir()
    env = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    place = tmp_path / "empty"
    place.mkdir()
    for words in first_hour("index.md"):
        added = SMALL.get(words[0], "").split()
        call = [sys.executable, "-m", "attnrun", *words, *added]
        if words[0] == "board":
            assert "http://127.0.0.1" in _served(call, place, env)
            continue
        done = subprocess.run(
            call, cwd=place, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"attnrun {shlex.join(words)}\n{done.stderr}"
        assert done.stdout.strip() or "-o" in words, words
    assert (place / "map.png").read_bytes().startswith(b"\x89PNG")
    assert list(place.glob("outputs/translation/*/report.html"))
    assert len(list(place.glob("outputs/translation/*/result.json"))) == 1, (
        "the second translation trains again"
    )


def _served(call: list[str], place: Path, env: dict[str, str]) -> str:
    """The first line of a server, which is then interrupted."""
    with subprocess.Popen(call, cwd=place, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) in (0, 130)
    return line
