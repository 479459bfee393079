"""Commands that the README, the documents and the config headers show can be given as they stand."""

import re
import shlex
from pathlib import Path

import pytest

from attnrun.claims.sections import read_sections
from attnrun.launch import catalog
from attnrun.launch.config import check, compose

TRAINING = re.compile(r"attnrun (train|sweep) ")
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))]
SHOWN = [
    command
    for page in PAGES
    # After a "$ " stands a mistake, and with --config-dir a choice of the page's own: see test_docs.py.
    for command in re.findall(r"(?<!\$ )attnrun (?:train|sweep) [a-z][^`\n]*", page.replace("\\\n", ""))
    if "--config-dir" not in command
]
HEADERS = [entry.run for entry in catalog.entries("experiment")]
EXERCISES = [one.command for read in read_sections() for one in read.section.exercises]


@pytest.mark.parametrize("command", sorted({*SHOWN, *HEADERS}))
def test_a_shown_training_composes(command: str) -> None:
    _, kind, experiment, *words = shlex.split(command.partition(" > ")[0], comments=True)
    assert experiment in catalog.names("experiment")
    sweeps = kind == "sweep" or "-m" in words  # over several values, of which the first will do
    overrides = [
        word.partition(",")[0] if sweeps else word
        for word in words
        if ("=" in word or word.startswith("~"))
        and "range(" not in word
        and "interval(" not in word
        and not word.startswith("hydra")
    ]
    assert compose(experiment, overrides)["experiment"] == experiment


@pytest.mark.parametrize("command", [one for one in EXERCISES if TRAINING.match(one)])
def test_an_exercise_takes_all_of_its_values(command: str) -> None:
    _, _, experiment, *words = shlex.split(command)
    keys = [word.partition("=") for word in words if not word.startswith("seed=")]
    swept = [[f"{key}{equals}{value}" for value in values.split(",")] for key, equals, values in keys]
    for place in range(max(map(len, swept), default=0)):
        check(compose(experiment, [words[min(place, len(words) - 1)] for words in swept]))


@pytest.mark.parametrize("command", [one for one in EXERCISES if not TRAINING.match(one)])
def test_an_exercise_begins_with_a_command(command: str) -> None:
    name, *words = shlex.split(command)[1:]
    assert name in ("claim", "translate", "show", "heads")
    assert name != "claim" or words[0] in catalog.names("claim")


def test_the_readme_shows_trainings_and_its_pictures_exist() -> None:
    assert len(SHOWN) >= 8
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) >= 3
    for picture in pictures:
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert tuple(names["context"].shape) == (2, 3, 7)  # type: ignore[attr-defined]
    assert float(names["weights"][1, :, 2:].abs().max()) == 0.0  # type: ignore[index]
