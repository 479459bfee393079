"""From a composed config to typed values: every key declared, every value checked.

A dataclass declares its fields. A node with `_target_` declares the keyword-only parameters of the
class or function it names and becomes a `functools.partial` of it; `_target_: null` becomes None.
"""

import copy
import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from attnrun.errors import UserError, suggest
from attnrun.launch.targets import resolve

Values = Mapping[str, Any]

_GENERAL = ("builtins", "torch", "typing")  # whose types say nothing of the kind of experiment
_SPAN = re.compile(r"(\d{1,9})\.\.\.?(\d{1,9})")  # what other languages write for a range


@dataclasses.dataclass(frozen=True)
class _Declared:
    """What is declared for one key: its type and whether it must be given."""

    annotation: Any
    required: bool


class UndeclaredKeys(UserError):
    """Keys of the node `where` that its choice does not take; the message is about the first of them."""

    def __init__(self, where: str, keys: Sequence[str], declared: Iterable[str]) -> None:
        self.where = where
        self.keys = [_at(where, key) for key in keys]
        wrong, names = self.keys[0], list(declared)
        taken = f"this choice of {where} takes: {', '.join(names) or 'nothing'}"
        place = f"; {taken}; leave the key out by '~{wrong}'" if where else ""
        super().__init__(f"no config key {wrong!r}{_nearest_key(keys[0], names, where) or place}")


def build(schema: type, values: Values, where: str = "", trust: tuple[str, ...] = ()) -> Any:
    """Return the dataclass `schema` made from `values`; `where` is the config key of the node.

    Raises UserError for an undeclared or missing key and for a value of the wrong type or range.
    """
    made = _checked(fields_of(schema), values, where, trust)
    try:
        return schema(**made)
    except ValueError as error:
        raise UserError(f"{where or 'config'}: {error}") from None


def fields_of(schema: type) -> dict[str, _Declared]:
    """Return what the dataclass declares, by key."""
    hints = get_type_hints(schema, include_extras=True)
    missing = dataclasses.MISSING
    return {
        field.name: _Declared(
            hints[field.name], field.default is missing and field.default_factory is missing
        )
        for field in dataclasses.fields(schema)
    }


@functools.cache
def keywords_of(target: Callable[..., Any]) -> dict[str, _Declared]:
    """Return what the keyword-only parameters of `target` declare, by key."""
    function = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(function, include_extras=True)
    return {
        name: _Declared(hints.get(name, Any), parameter.default is parameter.empty)
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def bound(
    target: Callable[..., Any], values: Values, where: str, trust: tuple[str, ...] = ()
) -> functools.partial[Any]:
    """Return `target` with these keyword-only parameters, checked; `where` is the config key of the node.

    Raises UserError for an undeclared or missing key and for a value of the wrong type or range.
    """
    return functools.partial(target, **_checked(keywords_of(target), values, where, trust))


def _checked(
    declared: Mapping[str, _Declared], values: Values, where: str, trust: tuple[str, ...]
) -> dict[str, Any]:
    _check_keys(declared, values, where)
    return {
        key: _build_value(declared[key].annotation, value, _at(where, key), trust)
        for key, value in values.items()
    }


def _build_value(annotation: Any, value: Any, where: str, trust: tuple[str, ...]) -> Any:
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for option in options:
        if get_origin(option) is Callable:
            made = _build_factory(value, where, trust, optional=type(None) in options)
            _check_fit(made, option, where)
            return made
        if dataclasses.is_dataclass(option) and not (value is None and type(None) in options):
            return _build_node(option, value, where, trust)  # type: ignore[arg-type]
    return _check_value(annotation, value, where)


def _build_node(schema: type, value: Any, where: str, trust: tuple[str, ...]) -> Any:
    if not isinstance(value, Mapping):
        keys = ", ".join(_at(where, key) for key in fields_of(schema))
        raise UserError(f"{where}={value}: this is no value but a node; its keys are {keys}")
    return build(schema, value, where, trust)


def _build_factory(
    value: Any, where: str, trust: tuple[str, ...], optional: bool
) -> functools.partial[Any] | None:
    if not isinstance(value, Mapping) or "_target_" not in value:
        raise UserError(
            f"{where}: expected a choice of the group {where.rpartition('.')[2]!r}, not {value!r}"
        )
    if value["_target_"] is None:
        if not optional:
            raise UserError(f"{where}: this experiment cannot do without it")
        return None
    target = resolve(value["_target_"], f"{where}._target_", trust)
    return bound(target, {key: given for key, given in value.items() if key != "_target_"}, where, trust)


def _check_fit(made: functools.partial[Any] | None, annotation: Any, where: str) -> None:
    """Refuse a class for another experiment: made of other things than this one has, or of another kind."""
    given, wanted = get_args(annotation)
    if made is None or not inspect.isclass(made.func) or not isinstance(given, list):
        return
    is_kind = inspect.isclass(wanted) and not getattr(wanted, "_is_protocol", False)
    is_kind = is_kind and wanted.__module__.partition(".")[0] not in _GENERAL
    fits = not is_kind or issubclass(made.func, wanted)
    try:
        inspect.signature(made).bind(*given)
    except TypeError:
        fits = False
    if not fits:
        name = f"{where}: {made.func.__name__} is for another experiment than this one"
        raise UserError(f"{name}; attnrun list {where.partition('.')[0]} says which")


def _check_keys(declared: Mapping[str, _Declared], values: Values, where: str) -> None:
    if wrong := [str(key) for key in values if key not in declared]:
        raise UndeclaredKeys(where, wrong, declared)
    for key, declaration in declared.items():
        if declaration.required and key not in values:
            raise UserError(f"config key {_at(where, key)!r} has no value; give one: {_at(where, key)}=…")


def _nearest_key(key: str, declared: Iterable[str], where: str) -> str:
    names = [_at(where, name) for name in declared]
    hint = suggest(_at(where, key), names)
    return hint if "did you mean" in hint else ""


def without(values: Values, keys: Iterable[str]) -> dict[str, Any]:
    """Return a copy of plain config values without these dotted keys, of which some may not be there."""
    kept: dict[str, Any] = copy.deepcopy(dict(values))
    for dotted in keys:
        *parents, last = dotted.split(".")
        node = kept
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(last, None)
    return kept


def _check_value(annotation: Any, value: Any, where: str) -> Any:
    from pydantic import ValidationError

    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        said = (one["msg"].removeprefix("Value error, ") for one in error.errors())  # one a type of a union
        reason = ", or it ".join(dict.fromkeys(text.replace("Input should", "must") for text in said))
        if several := _SPAN.fullmatch(str(value)):
            reason += f"; for each of them: -m '{where}=range({several[1]},{int(several[2]) + 1})'"
        raise UserError(f"{where}={value}: the value {reason}") from None


@functools.cache
def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(annotation, config=ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False))


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
