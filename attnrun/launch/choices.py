"""Which choice of a config group a config holds: it spells out what the catalog has a name for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.launch import catalog

Leaves = Mapping[str, Any]  # values by dotted key, lists as JSON
ABSENT = object()


@dataclass(frozen=True, eq=False)  # one object for each
class Choice:
    """A choice of a config group with all that it sets: at its own node, and elsewhere if it is a recipe."""

    group: str
    name: str
    leaves: Leaves

    def sets(self, key: str, value: Any) -> bool:
        return bool(self.leaves.get(key, ABSENT) == value)

    def elsewhere(self) -> list[str]:
        """The keys that it sets beside its own node."""
        return [key for key in self.leaves if not below(key, self.group)]


def leaves(values: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each dotted key with its value; a list is told as JSON."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", json.dumps(value) if isinstance(value, list) else value


def below(key: str, parent: str) -> bool:
    """Tell whether a dotted key is `parent` or one below it."""
    return key == parent or key.startswith(f"{parent}.")


def choices(group: str, config_dir: Path | None = None) -> list[Choice]:
    """Return the choices of a group that can be read."""
    found = []
    for entry in catalog.entries(group, config_dir):
        with suppress(UserError):
            node = catalog.read_node(entry.path)
            node.pop("defaults", None)
            whole = node if catalog.is_recipe(entry.path) else {group: node}
            found.append(Choice(group, entry.name, dict(leaves(whole))))
    return found


def chosen(config: Leaves, candidates: Sequence[Choice], usual: str | None = None) -> Choice | None:
    """Return the choice that the config holds, with the fewest keys set otherwise; None where it holds none.

    A recipe has to fit wholly. Of two that set the same, `usual` names the one to tell.
    """
    fitting = [(_misses(choice, config), choice) for choice in candidates if _is_held(choice, config)]
    ranked = [
        (misses, -len(choice.leaves), choice.name != usual, choice.name, choice)
        for misses, choice in fitting
        if not (misses and choice.elsewhere())
    ]
    return min(ranked, key=lambda one: one[:-1])[-1] if ranked else None


def usual_choice(experiment: str, group: str, config_dir: Path | None = None) -> str | None:
    """Return the choice that an experiment makes where the user makes none, as its own YAML names it."""
    for item in reversed(_defaults(experiment, config_dir)):
        if isinstance(item, str) and item != experiment and (found := usual_choice(item, group, config_dir)):
            return found
        if isinstance(item, Mapping):
            for key, name in item.items():
                if str(key).rpartition("/")[2] == group:
                    return str(name)
    return None


def _defaults(experiment: str, config_dir: Path | None) -> list[Any]:
    """The defaults list of an experiment; empty where there is none that can be read."""
    paths = {entry.name: entry.path for entry in catalog.entries("experiment", config_dir)}
    with suppress(UserError, KeyError):
        found = catalog.read_node(paths[experiment]).get("defaults")
        return found if isinstance(found, list) else []
    return []


def _is_held(choice: Choice, config: Leaves) -> bool:
    target = f"{choice.group}._target_"
    return choice.sets(target, config.get(target, ABSENT)) and any(below(key, choice.group) for key in config)


def _misses(choice: Choice, config: Leaves) -> int:
    """How many keys of the choice the config lacks or sets otherwise."""
    pairs = ((value, config.get(key, ABSENT)) for key, value in choice.leaves.items())
    return sum(value not in (given, catalog.TO_GIVE) for value, given in pairs)
