"""Whose fault a key is that nothing declares: the user's, a recipe's, or the experiment's.

A recipe is a choice of a config group that sets keys beside its own node: its YAML says
`# @package _global_`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.launch import catalog
from attnrun.launch.choices import below, leaves
from attnrun.launch.schema import UndeclaredKeys, without


@dataclass(frozen=True)
class _Recipe:
    """A recipe's own node, and the keys that it sets elsewhere."""

    group: str
    name: str
    node: Mapping[str, Any]
    keys: Sequence[str]

    def among(self, undeclared: Sequence[str]) -> list[str]:
        """Return those of its keys that stand at or below an undeclared one."""
        return [key for key in self.keys if any(below(key, wrong) for wrong in undeclared)]


def blamed(
    error: UndeclaredKeys,
    plain: Mapping[str, Any],
    trust: tuple[str, ...],
    overrides: Sequence[str],
    config_dir: Path | None = None,
) -> UserError:
    """Return the error to show for undeclared keys of the config `plain` with these words of the user.

    Choices that the words name may stand in `config_dir`.
    """
    experiment = str(plain["experiment"])
    typed = {key.lstrip("+"): value for key, _, value in (word.partition("=") for word in overrides)}
    for recipe in _recipes(typed, config_dir):
        if keys := recipe.among(error.keys):
            taker = _taker(error.where, experiment, typed)
            tried = _better(recipe, error, plain, config_dir)
            fitting = [word for word, config in tried if _fits(config, trust)]
            better = " or ".join(fitting) or f"another {recipe.group}"
            return UserError(
                f"{recipe.group} {recipe.name!r} is a recipe: it sets {', '.join(keys)}, which {taker} "
                f"does not take; choose {better}"
            )
    return _set_by_experiment(error, experiment, typed)


def _set_by_experiment(error: UndeclaredKeys, experiment: str, typed: Mapping[str, str]) -> UserError:
    """The error itself, but for keys that the experiment set for another choice than the user's."""
    left = [key for key in error.keys if key not in typed]
    if error.where not in typed or not left:
        return error
    pronoun = "it" if len(left) == 1 else "them"
    drop = " ".join(f"~{key}" for key in left)
    return UserError(
        f"experiment {experiment!r} sets {', '.join(left)} for another choice of {error.where}; "
        f"leave {pronoun} out by {drop}"
    )


def _taker(where: str, experiment: str, typed: Mapping[str, str]) -> str:
    """Name what does not take the keys of the node `where`."""
    if where in typed:
        return f"{where} {typed[where]!r}"
    return f"the {where} of experiment {experiment!r}" if where else f"experiment {experiment!r}"


def _recipes(typed: Mapping[str, str], config_dir: Path | None) -> Iterator[_Recipe]:
    """The recipes among the choices that the user named."""
    for group, name in typed.items():
        chosen = (entry for entry in _choices(group, config_dir, recipes=True) if entry.name == name)
        for entry in chosen:
            node = _read(entry)
            yield _Recipe(group, name, node.pop(group, {}), [key for key, _ in leaves(node)])


def _better(
    recipe: _Recipe, error: UndeclaredKeys, plain: Mapping[str, Any], config_dir: Path | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Choices that may go together, each with the config that it makes.

    They are those that take the recipe's keys, and the recipe's own node alone.
    """
    if where := error.where:
        set_there = {key.removeprefix(f"{where}.") for key in recipe.among(error.keys)}
        for entry in _choices(where, config_dir):
            node = _read(entry)
            if set_there <= node.keys():
                taken = {key: plain[where][key] for key in set_there}
                yield f"{where}={entry.name}", {**plain, where: node | taken}
    target = recipe.node.get("_target_")
    others = without(plain, [wrong for wrong in error.keys if recipe.among([wrong])])
    for entry in _choices(recipe.group, config_dir) if target else ():
        node = _read(entry)
        if node.get("_target_") == target:
            yield f"{recipe.group}={entry.name}", others | {recipe.group: node}


def _fits(plain: Mapping[str, Any], trust: tuple[str, ...]) -> bool:
    """Whether nothing is wrong with a config."""
    from attnrun.launch.config import check  # which imports this

    try:
        check(plain, trust).require_fit()
    except UserError:
        return False
    return True


def _choices(group: str, config_dir: Path | None, recipes: bool = False) -> Iterator[catalog.Entry]:
    """The choices of a group that are recipes, or those that are not; an experiment is neither."""
    for entry in catalog.entries(group, config_dir) if group != "experiment" else ():
        with suppress(UserError):  # one that cannot be read is neither
            if catalog.is_recipe(entry.path) is recipes:
                yield entry


def _read(entry: catalog.Entry) -> dict[str, Any]:
    """What the choice holds; nothing where its YAML cannot be read."""
    try:
        node = catalog.read_node(entry.path)
    except UserError:
        return {}
    node.pop("defaults", None)
    return node
