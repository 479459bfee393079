"""The library: `attnrun.attention.__all__` names what is stable, and all of it says what goes in and out."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from torch import Tensor

import attnrun.attention

PUBLIC = {name: getattr(attnrun.attention, name) for name in attnrun.attention.__all__}
CODE = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing) or inspect.isfunction(thing)}
MODULES = sorted(module.name for module in pkgutil.iter_modules(attnrun.attention.__path__))
SHAPE = re.compile(r"\([^()]*\b[BHGNMDEFV][a-z]?\b[^()]*\)")  # (B, N, D), (..., M, V), (N, M)


def _functions(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what can be called: a function, or the public methods of a class and its constructor."""
    if inspect.isfunction(thing):
        yield thing.__name__, thing
        return
    for name, method in vars(thing).items():
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            yield f"{thing.__name__}.{name}", method


FUNCTIONS = dict(pair for thing in CODE.values() for pair in _functions(thing))


def test_the_names_are_those_imported_there_in_order() -> None:
    tree = ast.parse(Path(attnrun.attention.__file__ or "").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    imported = sorted(alias.asname or alias.name for node in imports for alias in node.names)
    assert attnrun.attention.__all__ == imported
    assert len(CODE) >= len(PUBLIC) - 2  # Backend and Normaliser are types


@pytest.mark.parametrize("name", CODE)
def test_everything_has_a_docstring_of_its_own(name: str) -> None:
    lines = (CODE[name].__dict__.get("__doc__") or CODE[name].__doc__ or "").splitlines()
    assert lines and lines[0].endswith((".", ":"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_annotated_and_names_the_shapes_of_its_tensors(name: str) -> None:
    function = FUNCTIONS[name]
    hints = get_type_hints(function)
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    assert set(parameters) | {"return"} <= hints.keys()
    of_tensors = any(hint == Tensor or Tensor in getattr(hint, "__args__", ()) for hint in hints.values())
    if of_tensors and not name.endswith("__init__"):
        assert SHAPE.search(function.__doc__ or ""), f"{name} takes or returns tensors of which shape?"


@pytest.mark.parametrize("module", ["", *MODULES])
def test_the_examples_do_what_they_say(module: str) -> None:
    found = importlib.import_module(f"attnrun.attention.{module}".rstrip("."))
    assert doctest.testmod(found).failed == 0


@pytest.mark.parametrize(
    "name",
    [
        *("attend", "masked_softmax", "as_mask", "causal_mask", "lengths_mask", "window_mask", "check_mask"),
        *("Score", "Additive", "Gaussian", "MultiHead", "Mechanism", "linear_attend", "backend", "Rotary"),
    ],
)
def test_what_a_reader_meets_first_has_an_example(name: str) -> None:
    assert doctest.DocTestParser().get_examples(inspect.getdoc(PUBLIC[name]) or "")
