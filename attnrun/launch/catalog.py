"""The catalog of names: the YAML files of a config group, read by their header comments alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import attnrun.configs

CONFIG_ROOT = Path(attnrun.configs.__path__[0])
_FIELDS = ("what", "source", "run", "takes", "gives", "smoke", "task", "experiment")


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
    experiment: str = ""  # the one that suits a model; translation where none is named
    task: str = ""  # what is to be done, where the experiment is a column of `attnrun list --matrix`


def groups(config_dirs: Iterable[Path] = ()) -> list[str]:
    """Return the names of the config groups."""
    roots = [CONFIG_ROOT, *config_dirs]
    return sorted({path.name for root in roots for path in root.iterdir() if _is_group(path)})


def _is_group(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.yaml"))


def entries(group: str, config_dirs: Iterable[Path] = ()) -> list[Entry]:
    """Return the choices of `group`, by name; a later directory's file stands over an earlier one's."""
    files = {
        path.stem: path for root in [CONFIG_ROOT, *config_dirs] for path in (root / group).glob("*.yaml")
    }
    return [_read(files[name]) for name in sorted(files)]


def names(group: str, config_dirs: Iterable[Path] = ()) -> list[str]:
    """Return the names of the choices of `group`."""
    return [entry.name for entry in entries(group, config_dirs)]


def _read(path: Path) -> Entry:
    """Read `# key: text` lines at the top of a YAML file; a bare comment line continues the text above it."""
    fields: dict[str, str] = {}
    current = ""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                break
            key, colon, text = line[1:].partition(":")
            if colon and key.strip() in _FIELDS:
                current = key.strip()
                fields[current] = text.strip()
            elif current:
                fields[current] += " " + line[1:].strip()
    return Entry(path.stem, path, **fields)
