"""Corpora as the command line names them: by a name of the catalog or a file, with keys of their own.

What a corpus downloads is read from its one YAML file, which takes no Hydra. The corpus itself is composed as
`attnrun train translation` composes it, so that its figures are those of a training with the same words.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import UserError, suggest
from attnrun.launch import catalog
from attnrun.launch.corpus_words import choose, override, parted, telling_fields
from attnrun.launch.schema import build, fields_of, keywords_of
from attnrun.launch.targets import check_trust, import_module

if TYPE_CHECKING:
    from attnrun.data.corpus import Corpus
    from attnrun.data.download import Package
    from attnrun.data.filters import Report
    from attnrun.data.tokenisers import Recipe

_EXPERIMENT = "translation"  # whose tokeniser and filter stand where no word names another
_GROUPS = ("corpus", "data")


@dataclass(frozen=True)
class Listed:
    """A corpus of the catalog.

    Attributes:
        entry: its YAML file.
        keys: what that file and the user's words set.
        package: what it downloads; None where it downloads nothing.
    """

    entry: catalog.Entry
    keys: dict[str, Any]
    package: "Package | None"

    @property
    def is_file(self) -> bool:
        """Whether it reads what the user's key `path` names."""
        return "path" in self.keys

    @property
    def languages(self) -> list[str] | None:
        """Source and target as they are by default; None where they are the user's to name."""
        named = [self.keys.get(side) for side in ("source", "target")]
        known = [name for name in named if isinstance(name, str) and name != catalog.TO_GIVE]
        return known if len(known) == len(named) else None


@dataclass(frozen=True)
class _Node:
    corpus: Callable[[], Any]


@dataclass(frozen=True)
class _Nodes:
    corpus: Callable[[], Any]
    tokeniser: Callable[[], Any]


def listed(config_dir: Path | None = None, trust: tuple[str, ...] = ()) -> list[Listed]:
    """Return every corpus of the catalog, by name.

    Raises UserError where a YAML file cannot be read or names code that is not trusted.
    """
    check_trust(trust)
    found = [(entry, catalog.read_node(entry.path)) for entry in catalog.entries("corpus", config_dir)]
    return [Listed(entry, keys, _package(keys, trust)) for entry, keys in found]


def find(
    name: str, words: Sequence[str] = (), config_dir: Path | None = None, trust: tuple[str, ...] = ()
) -> Listed:
    """Return the corpus or other data `name` with the keys that `words` give, as KEY=VALUE.

    Raises UserError for an unknown name or key, and for a value that does not fit.
    """
    check_trust(trust)
    entries = {entry.name: entry for group in _GROUPS for entry in catalog.entries(group, config_dir)}
    if name not in entries:
        raise UserError(f"no corpus named {name!r}{suggest(name, entries)}")
    given = dict(map(_key_and_value, words))
    keys = catalog.read_node(entries[name].path) | given
    found = Listed(entries[name], keys, _package(keys, trust))
    if found.package is not None or given:
        build(_Node, {"corpus": _given(keys)}, trust=trust)  # for its checks
    return found


def load(
    given: str, words: Sequence[str] = (), config_dir: Path | None = None, trust: tuple[str, ...] = ()
) -> "tuple[Corpus, Report, Recipe]":
    """Return the corpus that `given` names, filtered, what was left out of it, and the tokeniser's recipe.

    `words` are overrides as for a training; a key without a group is one of the corpus.

    Raises UserError for whatever does not fit, as a training does.
    """
    from attnrun.data.filters import Filter
    from attnrun.launch.config import compose

    check_trust(trust)
    choice = choose(given, config_dir)
    entry = next(entry for entry in catalog.entries("corpus", config_dir) if entry.name == choice.name)
    node = catalog.read_node(entry.path)
    overrides = choice.overrides + [override(word, node, trust, config_dir) for word in words]
    with telling_fields(choice):
        plain = compose(_EXPERIMENT, overrides, config_dir)
    nodes = build(_Nodes, {key: plain[key] for key in fields_of(_Nodes)}, trust=trust)
    kept = build(Filter, plain["filter"], "filter")
    return *kept.apply(nodes.corpus()), nodes.tokeniser()


def _given(keys: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that do not wait for a value."""
    return {key: value for key, value in keys.items() if value != catalog.TO_GIVE}


def _package(keys: dict[str, Any], trust: tuple[str, ...]) -> "Package | None":
    """Call what tells of a download beside the corpus's own function, if there is such: NAME_package, or
    `package` in a module of one.
    """
    module, _, own = str(keys.get("_target_", "")).rpartition(".")
    beside = vars(import_module(module, "corpus._target_", trust)) if module else {}
    name = next((name for name in (f"{own}_package", "package") if name in beside), None)
    if name is None:
        return None
    node = {key: value for key, value in _given(keys).items() if key in keywords_of(beside[name])}
    package: Package = build(
        _Node, {"corpus": {"_target_": f"{module}.{name}", **node}}, trust=trust
    ).corpus()
    return package


def _key_and_value(word: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value that is no number, no true, false or null is text, `no` and `1:30` too."""
    key, text = parted(word)
    try:
        return key.removeprefix("corpus."), json.loads(text)
    except (ValueError, RecursionError):
        return key.removeprefix("corpus."), text
