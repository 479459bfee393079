"""What tells runs apart, in words that a user would give: the choices and keys in which configs differ."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.errors import UserError, suggest
from attnrun.launch import catalog
from attnrun.launch.choices import ABSENT, Choice, Leaves, below, choices, chosen, leaves, usual_choice
from attnrun.launch.config import NOT_HASHED

_NEVER_TOLD = ("module", "seed", *NOT_HASHED)  # the experiment's name tells its module


@dataclass(frozen=True)
class Label:
    """What tells a config from the others: words for the keys asked for; every other key, with its word."""

    words: tuple[str, ...]
    rest: tuple[tuple[str, str], ...]


def label(
    configs: Sequence[Mapping[str, Any]], by: Sequence[str] = (), config_dir: Path | None = None
) -> list[Label]:
    """Return a label for each config, by the keys in which they differ, or by the keys `by` alone.

    The seed, and keys that change only where, how fast or how often something is written, tell nothing. Where
    configs differ in the choice of a config group, the word is that choice, as the catalog names it, beside
    the keys that are set otherwise or differ within it. Configs of several experiments are told apart by the
    experiment, and by keys that differ within one of them.

    Raises UserError for a key that no config has.
    """
    told = [_told(config) for config in configs]
    distinct = {frozenset(one.items()): one for one in told}
    found = _Labels(list(distinct.values()), by, config_dir).labels()
    known = dict(zip(distinct, found, strict=True))
    return [known[frozenset(one.items())] for one in told]


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in _NEVER_TOLD}
    return {key: value for key, value in leaves(kept) if key not in _NEVER_TOLD}


class _Labels:
    """The labels of distinct configs, each known by its place among them."""

    def __init__(self, configs: Sequence[Leaves], by: Sequence[str], config_dir: Path | None) -> None:
        self._configs, self._by, self._config_dir = configs, by, config_dir
        self._keys = list(dict.fromkeys(key for config in configs for key in config))
        self._groups: dict[str, list[str]] = {}  # the keys in each
        for key in self._keys:
            self._groups.setdefault(key.partition(".")[0], []).append(key)
        self._check_by()
        self._explained: list[set[str]] = [set() for _ in configs]  # by recipes, beside their own nodes
        self._chosen = self._choose(self._differing())
        for found in self._chosen.values():
            for explained, choice in zip(self._explained, found, strict=True):
                explained.update(choice.elsewhere() if choice else ())
        self._varied = self._differing()
        self._within = {group: self._differing_within(found) for group, found in self._chosen.items()}

    def labels(self) -> list[Label]:
        places = range(len(self._configs))
        return [Label(tuple(self._words(place)), tuple(self._rest(place))) for place in places]

    def _check_by(self) -> None:
        for key in self._by:
            if any(below(key, never) for never in _NEVER_TOLD):
                raise UserError(f"--by {key}: seeds and {', '.join(NOT_HASHED)} make no groups")
            if not any(below(known, key) for known in self._keys):
                raise UserError(f"no config key {key!r} in these runs{suggest(key, self._groups)}")

    def _experiment(self, place: int) -> str:
        return str(self._configs[place].get("experiment"))

    def _differing(self) -> dict[str, set[str]]:
        """For each experiment the keys that differ within it, and "experiment" where there are several."""
        experiments: dict[str, list[int]] = {}
        for place in range(len(self._configs)):
            experiments.setdefault(self._experiment(place), []).append(place)
        several = {"experiment"} if len(experiments) > 1 else set()
        return {name: self._differing_at(places) | several for name, places in experiments.items()}

    def _differing_at(self, places: Sequence[int]) -> set[str]:
        """The keys in which the configs at these places differ, but for what recipes explain."""
        values: dict[str, set[Any]] = {key: set() for key in self._keys}
        for place in places:
            config, explained = self._configs[place], self._explained[place]
            for key in self._keys:
                if key not in explained:
                    values[key].add(config.get(key, ABSENT))
        return {key for key, found in values.items() if len(found) > 1}

    def _choose(self, varied: Mapping[str, set[str]]) -> dict[str, list[Choice | None]]:
        """The choice of each config in the groups that are asked for, or in which the choices differ."""
        differing = {key.partition(".")[0] for keys in varied.values() for key in keys}
        found = {}
        for group in catalog.groups(self._config_dir):
            if group == "experiment" or group not in (self._by or differing):
                continue
            held = self._choices_of(group)
            if group in self._by or len(set(held)) > 1:
                found[group] = held
        return found

    def _choices_of(self, group: str) -> list[Choice | None]:
        candidates = choices(group, self._config_dir)
        names = {self._experiment(place) for place in range(len(self._configs))}
        usual = {name: usual_choice(name, group, self._config_dir) for name in names}
        return [
            chosen(config, candidates, usual[self._experiment(place)])
            for place, config in enumerate(self._configs)
        ]

    def _differing_within(self, found: Sequence[Choice | None]) -> dict[Choice | None, set[str]]:
        """For each choice the keys in which the configs that hold it differ."""
        places: dict[Choice | None, list[int]] = {}
        for place, choice in enumerate(found):
            places.setdefault(choice, []).append(place)
        return {choice: self._differing_at(there) for choice, there in places.items()}

    def _words(self, place: int) -> Iterable[str]:
        for group, keys in self._groups.items():
            choice = self._chosen[group][place] if group in self._chosen else None
            if choice is not None and self._is_asked(group):
                yield f"{group}={choice.name}"
            for key in keys:
                if self._is_asked(key) and self._is_told(key, place, choice):
                    yield _word(key, self._configs[place].get(key, ABSENT))

    def _is_asked(self, key: str) -> bool:
        return not self._by or any(below(key, asked) for asked in self._by)

    def _is_told(self, key: str, place: int, choice: Choice | None) -> bool:
        group, value = key.partition(".")[0], self._configs[place].get(key, ABSENT)
        if group not in self._chosen:
            return bool(self._by) or self._differs(key, place)
        if choice is None:
            return value is not ABSENT and self._differs(key, place)
        if key == f"{group}._target_" or not self._differs(key, place):
            return False
        return not choice.sets(key, value) or key in self._within[group][choice]

    def _differs(self, key: str, place: int) -> bool:
        return key in self._varied[self._experiment(place)] and key not in self._explained[place]

    def _rest(self, place: int) -> Iterable[tuple[str, str]]:
        for key in self._keys:
            if not self._is_asked(key) and self._differs(key, place):
                yield key, _word(key, self._configs[place].get(key, ABSENT))


def _word(key: str, value: Any) -> str:
    if value is ABSENT:
        return f"~{key}"
    return f"{key}={value if isinstance(value, str) else json.dumps(value)}"
