"""The built wheel, in a clean environment, away from the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `bin/` of a new environment that holds the wheel, and nothing of the checkout."""
    place = tmp_path_factory.mktemp("clean")
    wheels = sorted((ROOT / "dist").glob("attnrun-*.whl"))
    assert len(wheels) == 1, "build one wheel first: make wheel"
    venv.create(place / "env", with_pip=True)
    _install_cpu_torch(place / "env/bin/python")
    install = [
        place / "env/bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "-c",
        ROOT / ".ci/constraints.txt",
        wheels[0],
    ]
    subprocess.run(install, check=True)
    return place


def _install_cpu_torch(python: Path) -> None:
    """As the Makefile does: without a GPU the CPU build saves gigabytes."""
    if shutil.which("nvidia-smi"):
        return
    (torch,) = re.findall(r"^torch==\S+$", (ROOT / ".ci/constraints.txt").read_text(), re.MULTILINE)
    index = [
        "--no-deps",
        "--retries",
        "0",
        "--timeout",
        "20",
        "--index-url",
        "https://download.pytorch.org/whl/cpu",
    ]
    subprocess.run([python, "-m", "pip", "install", "-q", *index, torch], check=False, capture_output=True)


def _run(clean: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clean / "env/bin/attnrun"), *words],
        cwd=clean,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_wheel_puts_attnrun_alone_into_site_packages(clean: Path) -> None:
    (site,) = (clean / "env/lib").glob("python*/site-packages")
    (record,) = site.glob("attnrun-*.dist-info/RECORD")
    roots = {line.split("/")[0] for line in record.read_text().splitlines()}
    assert {root for root in roots if not root.endswith(".dist-info") and root != ".."} == {"attnrun"}


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_wheel_runs_every_experiment_from_elsewhere(clean: Path) -> None:
    assert json.loads(_run(clean, "list", "--json").stdout)["experiment"]
    smoke = _run(clean, "smoke")
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
    trained = _run(clean, "train", "nw-regression", "trainer.max_steps=3", "--json")
    assert trained.returncode == 0, trained.stderr
    result = json.loads(trained.stdout)
    assert (clean / result["run"] / "result.json").exists()
    assert sys.prefix not in trained.stdout
