"""Checkpoints and manifests cut, flipped and zeroed at random: refused each time, never loaded in silence."""

import json
import random
from pathlib import Path

import pytest
import torch

from attnrun.runs.checkpoints import COPY, Checkpoint, find_newest
from attnrun.runs.layout import CHECKPOINTS, MANIFEST
from attnrun.training.checkpoint import save

SEED = 20261121
COUNTS = [100, pytest.param(5000, marks=pytest.mark.faults)]


def cut(dice: random.Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data))]


def flip(dice: random.Random, data: bytes) -> bytes:
    flipped = bytearray(data)
    for place in dice.sample(range(len(data)), dice.choice([1, 1, 2, 5])):
        flipped[place] ^= 1 << dice.randrange(8)
    return bytes(flipped)


def zero(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    end = min(len(data), start + dice.choice([1, 512, 4096]))
    return data[:start] + bytes(end - start) + data[end:]


def damaged(dice: random.Random, data: bytes) -> bytes:
    """Return other bytes than `data`."""
    while (made := dice.choice([cut, flip, zero])(dice, data)) == data:
        pass
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for step in (3, 7):
        weight = torch.full((11, 13), float(step))
        save(tmp_path, {"parts": {"model": {"weight": weight}}, "step": step}, step=step)
    return tmp_path


def value(found: Checkpoint | None) -> int | None:
    """Return the step of a checkpoint all of which is of that step."""
    if found is None:
        return None
    assert torch.equal(found["model"]["weight"], torch.full((11, 13), float(found.step)))
    assert found.state["step"] == found.step
    return found.step


@pytest.mark.parametrize("count", COUNTS)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(run: Path, count: int) -> None:
    print(f"seed {SEED}")
    dice, path = random.Random(SEED), run / CHECKPOINTS / "step-7.pt"
    data, refused = path.read_bytes(), 0
    for _ in range(count):
        path.write_bytes(damaged(dice, data))
        warnings: list[str] = []
        assert value(find_newest(run, warnings.append)) == 3
        refused += len(warnings) == 1 and f"{path} is damaged" in warnings[0]
    assert refused == count


@pytest.mark.parametrize("count", COUNTS)
def test_a_damaged_manifest_falls_back_to_its_copy(run: Path, count: int) -> None:
    print(f"seed {SEED}")
    dice, path = random.Random(SEED), run / CHECKPOINTS / MANIFEST
    data, refused, same = path.read_bytes(), 0, 0
    for _ in range(count):
        path.write_bytes(damaged(dice, data))
        warnings: list[str] = []
        assert value(find_newest(run, warnings.append)) == 7
        refused += len(warnings) == 1 and f"{path} is damaged: its copy stands in" in warnings[0]
        same += not warnings and json.loads(path.read_text()) == json.loads(data)  # white space alone
    assert refused + same == count and same < count / 20


@pytest.mark.parametrize("count", COUNTS)
def test_where_the_copy_is_damaged_too_nothing_is_loaded(run: Path, count: int) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    paths = [run / CHECKPOINTS / name for name in (MANIFEST, COPY)]
    data, refused = paths[0].read_bytes(), 0
    for _ in range(count):
        for path in paths:
            path.write_bytes(damaged(dice, data.rstrip()))  # so that no damage is to white space alone
        warnings: list[str] = []
        refused += value(find_newest(run, warnings.append)) is None and len(warnings) == 1
    assert refused > count * 0.99 if count > 100 else refused == count
