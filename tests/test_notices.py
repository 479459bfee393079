"""THIRD_PARTY.md names every dependency as pyproject.toml does; `make test-oldest` takes its lower bounds."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_dependency_has_its_licence() -> None:
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "dev"}
    wanted = {
        (*re.fullmatch(r"([\w-]+)(.*)", line).groups(), f"`attnrun[{extra}]`" if extra else "attnrun")
        for extra, lines in {"": PROJECT["dependencies"], **extras}.items()
        for line in lines
    }
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count(" | ") == 3]
    assert {(row[0], row[1], row[3]) for row in rows[1:]} == wanted, "make licences"
    assert all(row[2] not in ("", "not stated") for row in rows)


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / ".ci/bounds.py"], capture_output=True, text=True, check=True
    )
    found = dict(line.split("==") for line in made.stdout.splitlines())
    bounds = dict(re.match(r"([\w-]+)>=([\w.]+)", line).groups() for line in PROJECT["dependencies"])
    assert found == {**bounds, "torch": found["torch"]}
