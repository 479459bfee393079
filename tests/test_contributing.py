"""The recipes of CONTRIBUTING.md, as printed, work from outside the package."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytestmark = pytest.mark.usefixtures("blank_pictures")
PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
FILE = re.compile(r"^`([\w/.-]+\.(?:py|yaml))`:\n\n```\w+\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^    (attnrun .+)$", re.M)
# What makes a printed training small, by the names in its words.
SMALL = {
    "nw-regression": "",
    "recall": "examples=64",
    "digits-read": "corpus.largest=200 model.hidden=18",
    "attention=laplace": "corpus.limit=300 corpus.held_out=20 model.hidden=18",
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]


def write(section: str, place: Path) -> list[str]:
    """Write the files that a section prints; return their names."""
    files = FILE.findall(SECTIONS[section])
    for name, text in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return [name for name, _ in files]


def small(command: str) -> list[str]:
    """The words of a command, a training in a form of two steps."""
    words = shlex.split(command)[1:]
    if words[0] not in ("train", "translate"):
        return words
    added = next(small for name, small in SMALL.items() if name in command).split()
    added.append("trainer.max_steps=2")
    if words[0] == "translate":
        return [*words, *(word for one in added for word in ("--set", one))]
    return [*words, *added]


def call(*words: str) -> Result:
    from attnrun.cli.app import app

    return CliRunner().invoke(app, list(words), prog_name="attnrun")


def run_section(section: str) -> dict[str, Result]:
    """Run every command of a section, in its order, but for the matrix; return what each gave."""
    found = {}
    for command in (one for one in COMMAND.findall(SECTIONS[section]) if "--matrix" not in one):
        result = call(*small(command))
        assert result.exit_code == 0, f"{command}\n{result.stderr}"
        found[command] = result
    return found


def configs(place: Path) -> list[str]:
    return [path.read_text() for path in sorted((place / "outputs").rglob("config.yaml"))]


def test_every_command_is_tried_in_a_section() -> None:
    tried = [command for text in SECTIONS.values() for command in COMMAND.findall(text)]
    assert sorted(tried) == sorted(COMMAND.findall(PAGE))
    assert all(len(FILE.findall(text)) == text.count("```") // 2 == 2 for text in SECTIONS.values())


def test_the_recipe_of_a_score_function(outside: Path) -> None:
    write("A score function", outside)
    refused = call("train", "nw-regression", "attention=laplace", "--config-dir", "my_configs")
    assert refused.exit_code == 2 and "--trust my_scores" in refused.stderr
    shown = "\n".join(result.stdout for result in run_section("A score function").values())
    assert "Laplace kernel" in shown
    assert all("_target_: my_scores.Laplace" in config for config in configs(outside))
    assert len(configs(outside)) == 2
    bad = call(
        *("train", "nw-regression", "attention=laplace", "attention.width=-1"),
        *("--config-dir", "my_configs", "--trust", "my_scores"),
    )
    assert bad.exit_code == 2 and "attention.width" in bad.stderr


@pytest.mark.slow
def test_the_score_function_is_in_the_matrix(outside: Path) -> None:
    write("A score function", outside)
    (command,) = [one for one in COMMAND.findall(PAGE) if "--matrix" in one]
    result = call(*shlex.split(command)[1:])
    rows = [line for line in result.stdout.splitlines() if line.startswith(" laplace")]
    assert result.exit_code == 0 and rows and all("✓" in row and "✗" not in row for row in rows)


def test_the_score_function_is_what_it_says(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    import torch

    write("A score function", outside)
    monkeypatch.syspath_prepend(str(outside))
    torch.manual_seed(0)
    score = importlib.import_module("my_scores").Laplace(3, 3, width=2.0).double()
    query, key = torch.randn(2, 5, 3).double(), torch.randn(2, 7, 3).double()
    found = score(query, key).detach()
    for b, n, m in product(range(2), range(5), range(7)):
        distance = sum(abs(float(query[b, n, d] - key[b, m, d])) for d in range(3))
        assert float(found[b, n, m]) == pytest.approx(-distance / 2)


def test_the_recipe_of_a_corpus(outside: Path) -> None:
    write("A corpus", outside)
    found = list(run_section("A corpus").values())
    assert "train digits" in found[0].stdout
    assert "1 9 8 4" in found[-1].stdout
    assert "_target_: my_corpus.load" in configs(outside)[0]


def test_the_recipe_of_an_experiment(outside: Path) -> None:
    write("An experiment", outside)
    shown = list(run_section("An experiment").values())
    predicted = shown[1].stdout.split()
    assert len(predicted) == 3 and set(predicted) <= set("01234567")
    assert "noise=0.5" in shown[-1].stdout
    (outside / "outputs/recall").rename(outside / "outputs/before")
    trained = call("train", "recall", "--config-dir", "my_configs", "--trust", "my_recall", "--json")
    assert json.loads(trained.stdout)["metrics"]["accuracy"] > 0.8  # 8 keys: .125 by chance
    assert "numbered from 0 to 511" in call("show", "latest", "900", "--trust", "my_recall").stderr
