"""Schedules by their formulas, and every YAML of the groups against the factory it names."""

import importlib
import inspect
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml

from attnrun.runs.device import Runtime
from attnrun.training import schedule
from attnrun.training.loop import Trainer

CONFIGS = Path(__file__).parents[2] / "configs"
FACTORIES = [*CONFIGS.glob("optim/*.yaml"), *CONFIGS.glob("schedule/*.yaml")]
NODES = [
    *((path, Trainer) for path in CONFIGS.glob("trainer/*.yaml")),
    *((path, Runtime) for path in CONFIGS.glob("runtime/*.yaml")),
]


def rates(make, steps: int, total: int = 100, **keys) -> list[float]:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    made = make(optimiser, total, **keys)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        made.step()
    return found


def test_constant():
    assert rates(schedule.constant, 3) == [2.0] * 3
    assert rates(schedule.constant, 5, warmup=4) == [0.5, 1.0, 1.5, 2.0, 2.0]


def test_inverse_sqrt():
    assert rates(schedule.inverse_sqrt, 16, warmup=4)[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates(schedule.inverse_sqrt, 16, warmup=4)[15] == pytest.approx(2.0 * math.sqrt(4 / 16))


@pytest.mark.parametrize(("make", "half"), [(schedule.cosine, 0.5), (schedule.linear, 0.5)])
def test_falling(make, half):
    found = rates(make, 13, 10, warmup=2, final=0.1)
    assert found[:3] == [1.0, 2.0, 2.0]
    assert found[6] == pytest.approx(2.0 * (0.1 + 0.9 * half))
    assert found[10:] == pytest.approx([0.2] * 3)
    assert all(later <= earlier for earlier, later in pairwise(found[2:]))


def test_cosine_and_linear_differ():
    assert rates(schedule.cosine, 4, 12)[3] == pytest.approx(1 + math.cos(math.pi / 4))
    assert rates(schedule.linear, 4, 12)[3] == pytest.approx(1.5)


@pytest.mark.parametrize("path", FACTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_factory_yaml(path):
    keys = yaml.safe_load(path.read_text())
    module, _, name = keys.pop("_target_").rpartition(".")
    target = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(target).parameters.values()
    declared = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert keys == declared
    first = torch.nn.Parameter(torch.ones(2))
    target([first], **keys) if path.parent.name == "optim" else rates(target, 2, 5, **keys)


@pytest.mark.parametrize(("path", "schema"), NODES, ids=lambda value: getattr(value, "stem", None))
def test_dataclass_yaml(path, schema):
    keys = yaml.safe_load(path.read_text())
    assert keys.keys() == set(inspect.signature(schema).parameters)
    schema(**keys)
