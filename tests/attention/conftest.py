"""Every test that asks for `recipe` runs once for each YAML file in configs/attention that names a score."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from attnrun.attention import Score
from attnrun.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs" / "attention"

# A prime for each axis, all different: a swapped axis cannot pass.
B, N, M, D, DK, V = 2, 5, 7, 11, 13, 17


@dataclass(frozen=True)
class Recipe:
    """One YAML file: a score class and the keys it is built with."""

    name: str
    target: type[Score]
    keys: dict[str, Any]

    def __call__(self, query_size: int, key_size: int) -> Score:
        return self.target(query_size, key_size, **self.keys)

    @property
    def key_size(self) -> int:
        """DK where queries and keys may differ in size, else D."""
        try:
            self(D, DK)
        except UserError:
            return D
        return DK

    def build(self, dtype: torch.dtype = torch.float64) -> Score:
        torch.manual_seed(len(self.name))
        return self(D, self.key_size).to(dtype)

    def inputs(self, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query, key, value, so near one another that kernels of width 1 see some of the keys."""
        make = torch.Generator().manual_seed(3)
        shapes = ((B, N, D), (B, M, self.key_size), (B, M, V))
        return tuple((torch.randn(s, generator=make, dtype=torch.float64) / 4).to(dtype) for s in shapes)


def _recipe(path: Path) -> Recipe | None:
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(keys, dict) or "." not in str(keys.get("_target_")):
        return None
    module, _, name = keys.pop("_target_").rpartition(".")
    target = getattr(importlib.import_module(module), name)
    return Recipe(path.stem, target, keys) if isinstance(target, type) and issubclass(target, Score) else None


RECIPES = [found for path in sorted(CONFIGS.glob("*.yaml")) if (found := _recipe(path)) is not None]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recipe" in metafunc.fixturenames:
        metafunc.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
