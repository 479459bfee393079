"""Mechanism by task: what runs, and why the rest cannot. Found out by trying; no list says it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yaml import YAMLError

from attnrun.errors import UserError
from attnrun.launch import catalog
from attnrun.launch.config import check, compose
from attnrun.runs.plain_yaml import read_text

AXES = ("attention", "normaliser", "position", "mask", "heads", "model")
# What only Hydra and OmegaConf read rightly: recipes, defaults lists, interpolations, missing values.
_COMPOSED = re.compile(r"^#\s*@package|^defaults:|\$\{|\?\?\?", re.MULTILINE)


class Variations:
    """The configs of one experiment with other choices of some groups.

    A choice that is plain YAML takes its place in a config composed once: the same as composing each, in a
    fraction of the time. `overrides` may name no key of these groups.

    Raises UserError where the experiment cannot be composed, or takes no such group.
    """

    def __init__(
        self,
        experiment: str,
        groups: Sequence[str],
        overrides: Sequence[str] = (),
        config_dir: Path | None = None,
    ) -> None:
        self.experiment = experiment
        self.overrides = list(overrides)
        self.config_dir = config_dir
        self._set = compose(experiment, [*overrides, *(f"~{group}" for group in groups)], config_dir)
        self._paths = {
            (group, entry.name): entry.path
            for group in groups
            for entry in catalog.entries(group, config_dir)
        }
        self._nodes: dict[Path, dict[str, Any] | None] = {}

    def config(self, choices: Mapping[str, str]) -> dict[str, Any]:
        """Return the plain config with a choice, by name, for each of the groups."""
        nodes = {group: self._node(group, name) for group, name in choices.items()}
        if None in nodes.values():
            return compose(self.experiment, self.words(choices), self.config_dir)
        return self._set | nodes

    def words(self, choices: Mapping[str, str]) -> list[str]:
        """Return the overrides that make this config on the command line."""
        return [*self.overrides, *(f"{group}={name}" for group, name in choices.items())]

    def _node(self, group: str, name: str) -> dict[str, Any] | None:
        """The choice with what the experiment sets in it, None where it is more than plain YAML."""
        path = self._paths[group, name]
        if path not in self._nodes:
            self._nodes[path] = _merged(path, self._set.get(group, {}))
        return self._nodes[path]


def tasks(config_dir: Path | None = None) -> list[catalog.Entry]:
    """Return the experiments that the header of their YAML calls a task."""
    return [entry for entry in catalog.entries("experiment", config_dir) if entry.task]


def reasons(
    group: str, trust: tuple[str, ...] = (), config_dir: Path | None = None
) -> dict[str, dict[str, str | None]]:
    """Return for each choice of `group` and each task why it cannot run there; None where it runs.

    Everything else is as the task has it by default. No data is read, and no run is made.
    """
    names = catalog.names(group, config_dir)
    columns = {task.name: _column(task, group, names, trust, config_dir) for task in tasks(config_dir)}
    return {name: {task: column[name] for task, column in columns.items()} for name in names}


def _column(
    task: catalog.Entry, group: str, names: Sequence[str], trust: tuple[str, ...], config_dir: Path | None
) -> dict[str, str | None]:
    try:
        variations = Variations(task.name, [group], task.smoke.split(), config_dir)
    except UserError as error:  # it takes no such group, or waits for a value
        return dict.fromkeys(names, str(error))
    return {name: _reason(variations, {group: name}, trust) for name in names}


def _reason(variations: Variations, choices: Mapping[str, str], trust: tuple[str, ...]) -> str | None:
    """Why the experiment refuses these choices, None where it does not."""
    words = variations.words(choices)
    try:
        check(variations.config(choices), trust, words, variations.config_dir).require_fit()
    except UserError as error:
        return str(error)
    return None


def _merged(path: Path, over: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the file holds, with the keys of `over` in place of its own; None for more than values."""
    from omegaconf import DictConfig, OmegaConf

    text = read_text(path)
    if _COMPOSED.search(text):
        return None
    try:
        node = OmegaConf.create(text)
    except YAMLError:  # which Hydra is to report
        return None
    if not isinstance(node, DictConfig):
        return None
    values = OmegaConf.to_container(OmegaConf.merge(node, over))
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
