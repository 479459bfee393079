"""The catalog of names: the YAML files of a config group, by their header comments, and what they hold."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attnrun.configs

CONFIG_ROOT = Path(attnrun.configs.__path__[0])
TO_GIVE = "???"  # stands for a value in a choice that leaves it to the user
_GLOBAL = re.compile(r"^#\s*@package\s+_global_\s*$", re.MULTILINE)
_LONGEST_HEADER = 10_000  # characters
_FIELDS = ("what", "source", "run", "takes", "gives", "smoke", "task", "needs", "experiment")


@dataclass(frozen=True)
class Entry:
    """One choice of a config group, as its YAML header describes it."""

    name: str
    path: Path
    what: str = ""
    source: str = ""
    run: str = ""
    takes: str = ""
    gives: str = ""
    smoke: str = ""  # overrides that make it small, for a trial of a few steps
    needs: str = ""  # a package of the extra `tasks`
    experiment: str = ""  # the one that suits a model; translation where none is named
    task: str = ""  # what is to be done, where the experiment is a column of `attnrun list --matrix`


def groups(config_dir: Path | None = None) -> list[str]:
    """Return the names of the config groups, those of the user's `config_dir` too."""
    return sorted({path.name for root in _roots(config_dir) for path in root.iterdir() if _is_group(path)})


def _roots(config_dir: Path | None) -> list[Path]:
    return [CONFIG_ROOT] if config_dir is None else [CONFIG_ROOT, config_dir]


def _is_group(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.yaml"))


def entries(group: str, config_dir: Path | None = None) -> list[Entry]:
    """Return the choices of `group`, by name; a file of the user's stands over ours of the same name."""
    files = {path.stem: path for root in _roots(config_dir) for path in (root / group).glob("*.yaml")}
    return [_read(files[name]) for name in sorted(files) if files[name].is_file()]


def names(group: str, config_dir: Path | None = None) -> list[str]:
    """Return the names of the choices of `group`."""
    return [entry.name for entry in entries(group, config_dir)]


def read_node(path: Path) -> dict[str, Any]:
    """Read the keys of one choice of a group.

    Raises UserError where the YAML file cannot be read.
    """
    from attnrun.runs.plain_yaml import read_values

    return {str(key): value for key, value in read_values(path).items()}


def is_recipe(path: Path) -> bool:
    """Tell whether a choice sets keys beside its own node: its YAML says `# @package _global_`.

    Raises UserError where the YAML file cannot be read.
    """
    from attnrun.runs.plain_yaml import read_text

    return bool(_GLOBAL.search(read_text(path)))


def _read(path: Path) -> Entry:
    """Read `# key: text` lines at the top of a YAML file; a bare comment line continues the text above it."""
    fields: dict[str, str] = {}
    current = ""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream.read(_LONGEST_HEADER).splitlines():
            if not line.startswith("#"):
                break
            key, colon, text = line[1:].partition(":")
            if colon and key.strip() in _FIELDS:
                current = key.strip()
                fields[current] = text.strip()
            elif current:
                fields[current] += " " + line[1:].strip()
    return Entry(path.stem, path, **fields)
