"""Devices by name, seeds by key, and the git state of the user's code."""

import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from attnrun.errors import UserError
from attnrun.runs import device
from attnrun.runs.device import check_precision, keyed_seed, reseed, resolve_device, seed_everything
from attnrun.runs.environment import git_state


@pytest.fixture
def machine(monkeypatch):
    def has(*names: str) -> None:
        monkeypatch.setattr(device, "present_devices", lambda: list(names))

    return has


@pytest.mark.parametrize(
    ("present", "name", "expected"),
    [
        (["cpu"], "auto", "cpu"),
        (["cpu", "mps"], "auto", "mps"),
        (["cpu", "cuda:0", "cuda:1"], "auto", "cuda:0"),
        (["cpu", "cuda:0", "cuda:1"], "cuda", "cuda:0"),
        (["cpu", "cuda:0", "cuda:1"], "cuda:1", "cuda:1"),
        (["cpu", "cuda:0"], "cpu", "cpu"),
    ],
)
def test_resolve(machine, present, name, expected):
    machine(*present)
    assert resolve_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda", r"no device 'cuda' \(runtime.device\); this machine has cpu"),
        ("cuda:7", "no device 'cuda:7'"),
        ("cuda:x", "no device 'cuda:x'"),
        ("cdua", "did you mean 'cuda'"),
        ("gpu", "no device is called 'gpu'.*did you mean 'cuda'"),
        ("", "no device is called ''"),
    ],
)
def test_absent_or_mistyped(machine, name, message):
    machine("cpu")
    with pytest.raises(UserError, match=message):
        resolve_device(name)


def test_precision():
    check_precision(torch.device("cpu"), "float64")
    with pytest.raises(UserError, match="float64"):
        check_precision(torch.device("mps"), "float64")


def test_keyed_seeds_differ_by_every_part():
    keys = [(seed, kind, step) for seed in range(5) for kind in ("step", "batch") for step in range(50)]
    seeds = {keyed_seed(*key) for key in keys}
    assert len(seeds) == len(keys) and all(0 <= seed < 2**63 for seed in seeds)
    assert keyed_seed(1, "step", 23) != keyed_seed(12, "step", 3)
    assert keyed_seed(1, "step", 2) == keyed_seed(1, "step", 2)


def test_git_state(tmp_path):
    assert git_state(tmp_path) is None

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "first")
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40 and state["dirty"] is False
    (tmp_path / "file").write_text("2")
    assert git_state(tmp_path) == {"commit": state["commit"], "dirty": True}


def test_reseeding_equals_seeding_and_queues_nothing():
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    seed_everything(2**62 + 11)
    expected, queued = draws(), len(torch.cuda._queued_calls)
    for _ in range(3):
        reseed(2**62 + 11)
        assert draws() == expected
    assert len(torch.cuda._queued_calls) == queued


_FAULTS = """
import resource, sys, torch
from attnrun.runs.device import prepare_process
if sys.argv[1] == "prepared":
    prepare_process(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for size in range(2, 31):  # MiB: larger than any before, so that nothing learned of those helps
    made = torch.ones(size * 2**18)
    del made
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_a_prepared_process_keeps_the_memory_that_tensors_leave() -> None:
    def faults(how: str) -> int:
        ran = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
        return int(ran.stdout)

    assert 4 * faults("prepared") < faults("plain")
