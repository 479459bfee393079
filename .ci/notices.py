"""Write THIRD_PARTY.md: the licences of what attnrun depends on, and of data that it brings or downloads.

Licences are as the installed distributions state them. With `--check` nothing is written, and a file that is
not what would be written is an error.
"""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "THIRD_PARTY.md"
HEAD = """\
# Third-party software and data

Made by `make licences` from what the distributions and the corpora state. attnrun contains none of this
software: pip installs it. attnrun itself is under Apache-2.0, see LICENSE.
"""
DATA = """\
The motorcycle figures (`attnrun/data/mcycle.csv`) are the one data file in the package: Schmidt, Mattern and
Schueler 1981, printed in Silverman 1985, as distributed with statsmodels (BSD-3-Clause). What is downloaded
stays under the terms of its authors, which `attnrun data get` shows at the first download:
"""


def requirements(project: dict[str, Any]) -> dict[str, list[str]]:
    """Return the requirements by extra, those that every user needs under ""."""
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name != "dev"}
    return {"": project["dependencies"], **extras}


def licence(found: PackageMetadata) -> str:
    """Return the licence that a distribution states: as an expression, as a classifier, or in words."""
    every = found.get_all("Classifier") or []
    classifiers = [line.rpartition(" :: ")[2] for line in every if line.startswith("License ::")]
    words = (found.get("License") or "").strip().splitlines()
    stated = [found.get("License-Expression"), "; ".join(classifiers), words[0] if words else None]
    return next((text for text in stated if text), "not stated")


def software(project: dict[str, Any]) -> list[str]:
    """Return a row for each dependency: name, versions, licence, what for."""
    rows = ["| package | versions | licence | for |", "|---|---|---|---|"]
    for extra, lines in requirements(project).items():
        for line in sorted(lines, key=str.lower):
            name = re.split(r"[<>=!~\[ ]", line)[0]
            try:
                stated = licence(metadata(name))
            except PackageNotFoundError:
                stated = known().get(name, "not installed here")
            use = f"`attnrun[{extra}]`" if extra else "attnrun"
            rows.append(f"| {name} | {line[len(name) :] or 'any'} | {stated} | {use} |")
    return rows


def known() -> dict[str, str]:
    """Return the licences that the file states already, of extras that are not installed together."""
    if not FILE.exists():
        return {}
    lines = FILE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.count(" | ") == 3]
    return {row[0].removeprefix("| "): row[2] for row in rows}


def data() -> list[str]:
    """Return a row for each corpus and data set that is neither built in nor the user's own."""
    from attnrun.data import fashion_mnist, labelled, series

    listed = [sys.executable, "-m", "attnrun", "data", "list", "--json"]
    corpora = json.loads(subprocess.run(listed, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    rows = [f"| {one['name']} | {one['licence']} | {one['source']} |" for one in corpora if one["licence"]]
    others = fashion_mnist.package(), labelled.surnames_package(), series.co2_package()
    rows += [f"| {one.name} | {one.licence} | {one.citation} |" for one in others]
    return ["| data | licence | source |", "|---|---|---|", *rows]


def main(check: bool) -> None:
    """Write the file, or end with an error where it is not what would be written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = [HEAD, "\n".join(software(project)), "", "## Data", "", DATA, "\n".join(data()), ""]
    text = "\n".join(parts)
    if not check:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        sys.exit(f"{FILE.name} is out of date: make licences")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
