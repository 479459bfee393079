"""How a trained model is to search, where the command line says otherwise than its run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.launch import catalog
from attnrun.launch.quoting import read_value

GROUP = "search"


def names_search(word: str) -> bool:
    """Tell whether an override is about the search alone."""
    return word.startswith((f"{GROUP}=", f"{GROUP}."))


def changed_search(
    config: Mapping[str, Any], words: Sequence[str], config_dir: Path | None = None
) -> dict[str, Any] | None:
    """Return what `words`, a choice of the group and keys of it, make of the search of a run's config.

    None where there are no words. Raises UserError for a choice that there is not.
    """
    node = dict(config.get(GROUP) or {})
    if not node and words:
        node = _choice("greedy", config_dir)  # as runs were before they had a choice
    for word in sorted(words, key=lambda word: not word.startswith(f"{GROUP}=")):
        key, _, text = word.partition("=")
        if key == GROUP:
            node = _choice(text, config_dir)
        else:
            node[key.removeprefix(f"{GROUP}.")] = read_value(word)
    return node or None if words else None


def _choice(name: str, config_dir: Path | None) -> dict[str, Any]:
    entries = {entry.name: entry for entry in catalog.entries(GROUP, config_dir)}
    if name not in entries:
        raise UserError(f"no choice of {GROUP!r} named {name!r}{suggest(name, entries)}")
    return catalog.read_node(entries[name].path)
