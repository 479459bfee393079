"""What a trained model reads and how it searches, where the command line says otherwise than its run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.launch import catalog
from attnrun.launch.config import NoValue
from attnrun.launch.quoting import read_value

SEARCH = "search"
EXAMINED = ("corpus", "data", SEARCH)  # groups of which a model may be measured with other choices


def is_about(word: str, group: str) -> bool:
    """Tell whether an override is about the group alone: a choice of it, or a key."""
    return word.startswith((f"{group}=", f"{group}."))


def changed(
    config: Mapping[str, Any], words: Sequence[str], group: str, config_dir: Path | None = None
) -> dict[str, Any]:
    """Return what `words`, a choice of the group and keys of it, make of the group's keys in a run's config.

    Raises UserError for a choice that there is not, and for a word without a value.
    """
    node = dict(config.get(group) or {})
    for word in sorted(words, key=lambda word: not word.startswith(f"{group}=")):
        key, _, text = word.partition("=")
        if key == group:
            node = _choice(group, text, config_dir)
        else:
            node[key.removeprefix(f"{group}.")] = read_value(word)
    return node


def changed_search(
    config: Mapping[str, Any], words: Sequence[str], config_dir: Path | None = None
) -> dict[str, Any] | None:
    """Return the `changed` search of a run's config, None where there are no words."""
    if not words:
        return None
    if not config.get(SEARCH):  # as runs were before they had a choice
        config = {SEARCH: _choice(SEARCH, "greedy", config_dir)}
    return changed(config, words, SEARCH, config_dir) or None


def changed_groups(
    config: Mapping[str, Any], words: Sequence[str], config_dir: Path | None = None
) -> dict[str, Any]:
    """Return those groups of a run's config that `words` change, of the `EXAMINED` ones that it has.

    Raises UserError for words about anything else, NoValue for keys that wait for a value.
    """
    there = [group for group in EXAMINED if config.get(group)]
    for word in words:
        if not any(is_about(word, group) for group in there):
            could = " or ".join(f"{group}.…" for group in there) or "nothing"
            raise UserError(
                f"{word!r}: a trained model is measured with other values of {could}; the rest is what it is"
            )
    own = {group: [word for word in words if is_about(word, group)] for group in there}
    nodes = {group: changed(config, own[group], group, config_dir) for group in there if own[group]}
    pairs = ((group, *pair) for group, node in nodes.items() for pair in node.items())
    if asked := [f"{group}.{key}" for group, key, value in pairs if value == catalog.TO_GIVE]:
        raise NoValue(asked)
    return nodes


def _choice(group: str, name: str, config_dir: Path | None) -> dict[str, Any]:
    entries = {entry.name: entry for entry in catalog.entries(group, config_dir)}
    if name not in entries:
        raise UserError(f"no choice of {group!r} named {name!r}{suggest(name, entries)}")
    return catalog.read_node(entries[name].path)
