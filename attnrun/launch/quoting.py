"""A text as one value in Hydra's override grammar, and the value of an override that Hydra does not read."""

import json
import re
from typing import Any

import yaml

from attnrun.errors import UserError


def quote(text: str) -> str:
    """Return `text` so that Hydra and OmegaConf read exactly it: quotes, backslashes and `${…}` included.

    In a quoted value a backslash escapes a quote, and other backslashes only where they stand before one;
    OmegaConf then takes `\\${` for a literal `${`.
    """
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    before_quotes = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", literal)
    at_the_end = re.sub(r"(\\+)$", lambda found: found[1] * 2, before_quotes)
    return f"'{at_the_end}'"


def quote_unless_read(text: str, annotation: Any) -> str:
    """Return a value for a key of this type: numbers, lists and null stay as they are, texts are quoted.

    What stands in quotes already is left to Hydra; `1.10` for a key that takes texts only is a text.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        listed = text.startswith(("[", "{")) and (annotation is Any or not _fits(text, annotation))
        return text if listed or re.fullmatch(r"'[^'\\]*'", text) else quote(text)
    if isinstance(value, str):
        return quote(value)
    return text if _fits(value, annotation) else quote(text)


def read_value(word: str) -> Any:
    """Return the value of KEY=VALUE, read as YAML.

    Raises UserError for another word, and where the value is none.
    """
    _, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"cannot read {word!r}; expected KEY=VALUE")
    try:
        return yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):  # a date that is none, for one
        raise UserError(f"{word!r}: {text!r} is no value") from None


def _fits(value: Any, annotation: Any) -> bool:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True
