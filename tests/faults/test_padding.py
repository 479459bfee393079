"""A sentence of padding alone, in every mechanism: zero rows, finite gradients, the others unchanged."""

import functools
import importlib
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from attnrun.attention import Heads, Mechanism
from attnrun.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
N, M, SIZE, LENGTH = 5, 7, 8, 4
WIDE = {"width": 6.0}  # of kernels, so that some keys are in reach
GROUPS = ("attention", "normaliser", "position", "mask", "heads")


def _choices(group: str) -> dict[str, Any]:
    """Return what the YAML files of a group name, but for recipes and for attention that is none."""
    found = {}
    for path in sorted((CONFIGS / group).glob("*.yaml")):
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))
        if group == "heads":
            found[path.stem] = Heads(**keys)
        elif "." in str(keys.get("_target_")):
            module, _, name = keys.pop("_target_").rpartition(".")
            reach = WIDE if "width" in keys and group == "attention" else {}
            found[path.stem] = functools.partial(
                getattr(importlib.import_module(module), name), **keys | reach
            )
    return found


CHOICES = {group: _choices(group) for group in GROUPS}
DRAWN = 250  # in the default suite


def _check(names: tuple[str, ...], dtype: torch.dtype, training: bool) -> bool:
    """Attend from targets to sources of which the first is padding alone; False where it cannot be built."""
    parts = {group: CHOICES[group][name] for group, name in zip(GROUPS, names, strict=True)}
    mechanism = Mechanism(**parts)
    kind = mechanism.mask(SIZE).kinds[-1]
    torch.manual_seed(0)
    try:
        position = mechanism.position(SIZE, mechanism.heads.count)
        attention = mechanism.build(SIZE, SIZE, SIZE, kind, position).to(dtype).train(training)
    except UserError:
        return False
    queries = N if kind == "cross" else M
    query, key = (torch.randn(2, n, SIZE).to(dtype).requires_grad_() for n in (queries, M))
    lengths = torch.tensor([0, LENGTH])
    output, weights = attention(query, key, key, lengths, need_weights=True)
    output.float().square().sum().backward()
    assert (output[0] == 0).all() and (weights[0] == 0).all()
    assert output.isfinite().all()
    for tensor in (query, key, *attention.parameters()):
        assert tensor.grad is None or tensor.grad.isfinite().all()
    for tensor in (query, key):
        assert tensor.grad is None or (tensor.grad[0] == 0).all()
    alone, _ = attention(query[1:], key[1:], key[1:], lengths[1:])
    close = {torch.float64: 1e-12, torch.float32: 1e-5}.get(dtype, 2e-2)
    torch.testing.assert_close(output[1:], alone, rtol=close, atol=close)
    return True


def _all() -> list[tuple[tuple[str, ...], torch.dtype, bool]]:
    return list(product(product(*(CHOICES[group] for group in GROUPS)), DTYPES, [True, False]))


@pytest.mark.slow
def test_some_mechanisms() -> None:
    drawn = random.Random(20261121).sample(_all(), DRAWN)
    assert sum(_check(*one) for one in drawn) > DRAWN // 2


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CHOICES["attention"])
def test_every_mechanism(name: str) -> None:
    mine = [one for one in _all() if one[0][0] == name]
    built = sum(_check(*one) for one in mine)
    print(f"{name}: {built} of {len(mine)} could be built")
    assert built > len(mine) // 3
