"""YAML that others wrote: measured before anything is built of it, and plain values only."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from attnrun.errors import UserError, first_line

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAXIMUM_BYTES = 2**18  # of a file
_LARGEST = 2**20  # characters and nodes, an alias counted as what it stands for
_NODE = 32  # what a node counts beside its characters
_DEEPEST = 32
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")} | {
    "!"
}
# What OmegaConf may fill in: another key, or what depends on the run alone. Found from the inside out.
_HARMLESS = re.compile(r"\$\{(?:(?:hydra|now|oc\.select|oc\.dict\.keys|oc\.dict\.values):)?[^${}:]*\}")
_RESOLVER = re.compile(r"\$\{\s*([^:{}$]*):")
_PLACE_OF_TIME = re.compile(r"\$\{now:[^${}]*\}")  # its format may hold colons


def read_text(path: Path) -> str:
    """Return the text of a YAML file of which values can be built without harm.

    Raises:
        UserError: it is missing or no text, is too large, also with its aliases written out, too deeply
            nested, no YAML, or has tags that make objects.
    """
    text = decoded(path)
    _require_measure(text, path)
    return text


def decoded(path: Path) -> str:
    """Return the text of a file that is to be YAML.

    Raises UserError where it is missing, too large or no text.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise UserError(f"cannot read {path}: there is no such file")
        with path.open("rb") as stream:
            data = stream.read(MAXIMUM_BYTES + 1)
        if len(data) > MAXIMUM_BYTES:
            raise UserError(f"{path} is too large for a configuration: over {MAXIMUM_BYTES // 1024} KiB")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"cannot read {path}: {reason}") from None


def read_values(path: Path) -> dict[str, Any]:
    """Return the keys of a YAML file with their values: texts, numbers, truth values, None, lists and dicts.

    Raises:
        UserError: as `read_text`; or it holds no keys, other values, or what `refuse_resolvers` refuses.
    """
    return values_of(decoded(path), path)


def values_of(text: str, path: Path) -> dict[str, Any]:
    """Return what `read_values` does of the text of `path`, or of a part of it."""
    _require_measure(text, path)
    try:
        values = _built(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # a date that is none, for one
        raise UserError(f"cannot read {path}: {first_line(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no configuration")
    for value in _inside(values):
        if not isinstance(value, str | int | float | None):
            raise UserError(f"{path}: {value!r} is neither a text nor a number; put it in quotes")
    refuse_resolvers(values, path)
    return values


def _built(text: str) -> Any:
    """As `yaml.safe_load`, by libyaml where PyYAML has it, which is ten times as fast."""
    loader = _LOADER(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def refuse_resolvers(values: Any, path: Path) -> None:
    """Raise UserError where a text would be filled in by a resolver that reads or makes something."""
    for text in _inside(values):
        if isinstance(text, str) and (name := _resolver(text)):
            raise UserError(
                f"{path}: ${{{name}:…}} reads what is no part of a config; write the value itself"
            )


def _resolver(text: str) -> str:
    """The resolver in a text that is not harmless, "" for none."""
    before, left = "", _PLACE_OF_TIME.sub("", text)
    while left != before:
        before, left = left, _HARMLESS.sub("_", left)
    found = _RESOLVER.search(left)
    return found[1].strip() or "?" if found else ""


def _inside(value: Any) -> Iterator[Any]:
    """Yield the leaves, names of keys included."""
    if isinstance(value, dict):
        yield from value
        for below in value.values():
            yield from _inside(below)
    elif isinstance(value, list):
        for below in value:
            yield from _inside(below)
    else:
        yield value


def _require_measure(text: str, path: Path) -> None:
    """Raise UserError for a text of which values cannot be built without harm."""
    try:
        _measure(text, path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"cannot read {path}:{line}: {error.problem}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from None


def _measure(text: str, path: Path) -> None:
    """Raise UserError for what would grow, nest too deeply or make objects; reads, and builds nothing."""
    total, begun = 0, list[tuple[str | None, int]]()  # anchor and total where each open node begins
    anchors: dict[str, int] = {}
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise UserError(f"cannot read {path}:{line}: *{event.anchor} stands for nothing before it")
            total += anchors[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent):
            if event.tag is not None and event.tag not in _TAGS:
                raise UserError(f"{path}:{line}: a config takes no tag {event.tag!r}")
            begun.append((event.anchor, total))
            total += _NODE + len(getattr(event, "value", ""))
        if isinstance(event, yaml.CollectionEndEvent | yaml.ScalarEvent):
            anchor, before = begun.pop()
            if anchor is not None:
                anchors[anchor] = total - before
        if len(begun) > _DEEPEST:
            raise UserError(f"{path}:{line} is nested too deeply for a configuration: over {_DEEPEST} levels")
        if total > _LARGEST:
            raise UserError(f"{path}:{line} is too large for a configuration with its aliases written out")
