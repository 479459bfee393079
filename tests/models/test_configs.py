"""Every YAML of the group `model` builds a model, and names all of its keys."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml

GROUP = Path(__file__).parents[2] / "configs" / "model"
FILES = sorted(GROUP.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_keys_are_the_keyword_only_parameters(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# what: ") and "\n# source: " in text
    keys = yaml.safe_load(text)
    module, name = keys.pop("_target_").rsplit(".", 1)
    target = getattr(import_module(module), name)
    parameters = inspect.signature(target).parameters.values()
    assert set(keys) == {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
