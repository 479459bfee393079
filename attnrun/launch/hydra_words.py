"""The command line's words for Hydra itself: they may set its keys, and name no code but Hydra's own."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnrun.errors import UserError
from attnrun.launch.targets import is_plugin

_RUNS = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")  # Hydra calls what these name
_LOGGING = ("job_logging", "hydra_logging")
_LOGGING_TARGETS = ("logging.", "colorlog.")
_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_OF_HYDRA = re.compile(r"\$\{(?:hydra[.:]|now:|oc\.env:)[^${}]*\}")  # the user's own, in the user's own word


def check_words(words: Sequence[str], trust: tuple[str, ...] | None) -> None:
    """Raise UserError for an override that would make Hydra load or call what is neither its own nor trusted.

    Callbacks, launchers, sweepers and the parts of logging are made before any job is; nothing is called
    where `trust` is None, to compose a config and no more.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    for word in words:
        if "hydra" not in word:
            continue
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException:  # which Hydra is to report
            continue
        if "hydra" in (override.package or ""):
            raise UserError(f"{word!r}: a choice cannot take the place of Hydra's own keys; set them by name")
        path = re.split(r"[.\[\]]+", override.key_or_group)
        if path[0] == "hydra":
            if override.is_sweep_override():
                raise UserError(f"{word!r}: there is no sweep over Hydra's own keys; give one value")
            _check(_nested(path, override.value())["hydra"], word, trust)


def of_each_job(words: Sequence[str]) -> list[str]:
    """Return the words of a sweep with the keys of a swept choice set in each job alone.

    Hydra composes a sweep once without what is swept: there, another choice may have no such key.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        swept = [
            one for one in OverridesParser.create().parse_overrides(list(words)) if one.is_sweep_override()
        ]
    except HydraException:  # which Hydra is to report
        return list(words)
    groups = tuple(f"{one.key_or_group}." for one in swept)
    whole = {one.input_line for one in swept}
    return [
        "{}=choice({})".format(*word.split("=", 1))
        if word.startswith(groups) and word not in whole and "=" in word
        else word
        for word in words
    ]


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _check(node: Any, word: str, trust: tuple[str, ...] | None) -> None:
    if not isinstance(node, Mapping):
        raise UserError(f"{word!r} would replace all of Hydra's keys; set them one by one")
    if "searchpath" in node:
        raise UserError(f"{word!r}: give the directory of your configs by --config-dir")
    params = (node.get("sweeper") or {}).get("params") if isinstance(node.get("sweeper"), Mapping) else None
    if any("hydra" in str(key) for key in params or ()):
        raise UserError(f"{word!r}: there is no sweep over Hydra's own keys")
    for part in set(_RUNS) & node.keys():
        for key, value in _leaves(node[part], part):
            if trust is None or _may_be(part, key, value, trust):
                continue
            if "${" in str(value):
                raise UserError(f"hydra.{part}: {value!r} may stand for code; write the value itself")
            root = str(value).rpartition("://")[2].partition(".")[0]
            raise UserError(
                f"hydra.{part}: {value!r} is not Hydra's own; to run its code, add --trust {root}"
            )


def _may_be(part: str, key: str, value: Any, trust: tuple[str, ...]) -> bool:
    """Whether this value, at a key of this name, calls nothing but Hydra's own, logging's or trusted code."""
    text = str(value)
    if "${" in _OF_HYDRA.sub("", text):  # which may stand for a node with targets of its own
        return False
    own = any(text == root or text.startswith(f"{root}.") for root in trust)
    if key == "_target_":
        return own or is_plugin(text)
    if part in _LOGGING and (key in ("()", "class") or "://" in text):
        return own or is_plugin(text) or text.startswith(_LOGGING_TARGETS) or text in _STREAMS
    return True


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield each value with the last name of its key."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _leaves(below, str(name))
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, key)
    else:
        yield key, value
