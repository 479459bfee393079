"""Faults planted in a copy of the package, one at a time, each of which the tests must catch."""

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = ("attnrun", "configs", "tests")


@dataclass(frozen=True)
class Fault:
    """A mistake that somebody could make: `new` where `file` says `old`, and a test that sees it."""

    fault: str
    file: str
    old: str
    new: str
    caught_by: str


FAULTS = [
    Fault(**fault)
    for name in ("attention", "models")
    for fault in yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
]


class Copy:
    """A copy of the package and its tests, and a process that runs these upon it."""

    def __init__(self, place: Path) -> None:
        self.root, self.log = place / "copy", place / "log"
        unwanted = shutil.ignore_patterns("__pycache__")
        for name in COPIED:
            shutil.copytree(ROOT / name, self.root / name, symlinks=True, ignore=unwanted)
        shutil.copy(ROOT / "pyproject.toml", self.root)
        # by the hash of the source, not by its time: a fault is often as long as what it takes the place of
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.root / "attnrun", quiet=1, invalidation_mode=mode)
        env = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, str(HERE / "again.py"), str(self.log)]
        pipe = subprocess.PIPE
        self.runner = subprocess.Popen(command, cwd=self.root, env=env, stdin=pipe, stdout=pipe, text=True)

    def run(self, tests: list[str]) -> int:
        """Return pytest's exit status: 0 all passed, 1 one failed, more where they could not be run."""
        assert self.runner.stdin and self.runner.stdout
        arguments = ["-qx", "--timeout=60", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
        self.runner.stdin.write(json.dumps(arguments) + "\n")
        self.runner.stdin.flush()
        return int(self.runner.stdout.readline())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    made = Copy(tmp_path_factory.mktemp("planted"))
    yield made
    made.runner.communicate()


@pytest.mark.planted
def test_without_a_fault_the_tests_pass(copy: Copy) -> None:
    assert copy.run(sorted({fault.caught_by for fault in FAULTS})) == 0, copy.log.read_text()


@pytest.mark.planted
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.fault.replace(" ", "-"))
def test_a_fault_is_caught(copy: Copy, fault: Fault) -> None:
    file = copy.root / fault.file
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(fault.old, fault.new), encoding="utf-8")
    try:
        assert copy.run([fault.caught_by]) == 1, copy.log.read_text()
    finally:
        file.write_text(right, encoding="utf-8")


@pytest.mark.parametrize("file", sorted({fault.file for fault in FAULTS}))
def test_every_fault_has_its_place_in_the_code(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    lost = [f.fault for f in FAULTS if f.file == file and (text.count(f.old) != 1 or f.old == f.new)]
    assert not lost, f"{file} has changed: mend these faults in {HERE.name}/*.yaml, or plant others"


def test_no_fault_is_planted_twice() -> None:
    assert len({(f.file, f.old, f.new) for f in FAULTS}) == len({f.fault for f in FAULTS}) == len(FAULTS)
