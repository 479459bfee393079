"""The same sweep by every launcher, and by Optuna: results, failures, and what starts it on a cluster."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from tests.cli.conftest import cli
from tests.launch.sweeps import (
    SMALL,
    TOO_LARGE,
    attnrun,
    metrics_by_words,
    refusing_slurm,
    sbatch_options,
)

__all__ = ["cli"]

# Of four jobs the last one fails. Those of the second sweep that have nothing to learn start faster.
RATES = f"optim.lr=0.5,0.6,0.7,{TOO_LARGE}"
KERNELS = ("attention=gaussian,boxcar,triangular,gaussian-learned", f"optim.lr={TOO_LARGE}")

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]

# Its launcher holds back cloudpickle, and joblib with it: `make test-ray` has an environment for it.
WITH_RAY = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='pip install "attnrun[ray]" for Ray'),
    pytest.mark.timeout(600),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sweep", "launcher"),
    [
        # Data workers are forked, whatever starts the job.
        ([RATES], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "runtime.data_workers=1"]),
        (KERNELS, ["hydra/launcher=submitit_local"]),
        pytest.param([RATES], ["hydra/launcher=ray"], marks=WITH_RAY),
    ],
    ids=["joblib", "submitit_local", "ray"],
)
def test_a_sweep_of_four_of_which_one_fails(
    cli: Cli, tmp_path: Path, sweep: Sequence[str], launcher: Sequence[str]
) -> None:
    words = ["nw-regression", "-m", *sweep, *SMALL, "--json"]
    by_basic, ran = cli("train", *words), attnrun(tmp_path, *words, *launcher)
    assert (ran.returncode, by_basic.exit_code) == (1, 1), ran.stderr
    found = metrics_by_words(ran.stdout)
    assert len(found) == 3 and found == metrics_by_words(by_basic.stdout)
    (failed,) = [run for run in json.loads(ran.stdout) if run["status"] == "failed"]
    assert failed["overrides"][0].endswith(f"={sweep[0].rpartition(',')[2]}")
    (line,) = [line for line in ran.stderr.splitlines() if "not finite" in line]
    log = Path(line.rpartition("(log: ")[2].removesuffix(")"))
    assert "not finite" in (tmp_path / log).read_text() and log.parent.name == Path(failed["run"]).name


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", pytest.param("ray", marks=WITH_RAY)])
@pytest.mark.parametrize("experiment", ["nw-regression", "sequence"])
def test_trainings_are_equal_to_the_last_digit(tmp_path: Path, launcher: str, experiment: str) -> None:
    sizes = ["data.train=600", "data.valid=50", "data.test=50", "data.longer=20", "trainer.epochs=2"]
    words = [experiment, "-m", "seed=0,1,2,3", "runtime.threads=1", "--json"]
    words += sizes if experiment == "sequence" else []
    by_basic, found = (
        metrics_by_words(attnrun(tmp_path, *words, f"hydra/launcher={name}").stdout)
        for name in ("basic", launcher)
    )
    assert len(by_basic) == 4 and found == by_basic


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of this machine alone."""
    ray, port = Path(sys.executable).with_name("ray"), "6399"
    words = ["start", "--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    subprocess.run([ray, *words, "--disable-usage-stats"], check=True, capture_output=True)
    yield f"127.0.0.1:{port}"
    subprocess.run([ray, "stop", "--force"], check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.parametrize("named", [pytest.param(how, marks=WITH_RAY) for how in ("key", "variable")])
def test_a_cluster_that_runs_already(tmp_path: Path, cluster: str, named: str) -> None:
    words = ["nw-regression", "-m", "seed=0,1,2,3", *SMALL, "--json"]
    address = [f"hydra.launcher.ray.init.address='{cluster}'"] if named == "key" else []
    ran = attnrun(
        tmp_path, *words, "hydra/launcher=ray", *address, RAY_ADDRESS=cluster, RAY_AUTH_MODE="token"
    )
    assert ran.returncode == 0, ran.stderr
    found = metrics_by_words(ran.stdout)
    assert len(found) == 4
    assert found == metrics_by_words(attnrun(tmp_path, *words, "hydra.sweep.dir=other").stdout)


@pytest.mark.filterwarnings("ignore")  # Optuna before 3 warns of much in newer libraries
@pytest.mark.parametrize(
    "words",
    [
        ["optim.lr=interval(0.1,1)", "hydra.sweeper.n_trials=4"],
        pytest.param(
            ["hydra/sweeper/sampler=grid", "optim.lr=0.5,0.7", "leave_own_out=true,false"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["tpe", "grid"],
)
def test_optuna(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    ran = cli("train", "nw-regression", "-m", "hydra/sweeper=optuna", *words, *SMALL, "--json")
    assert ran.exit_code == 0, ran.stderr
    errors = [metrics["test_mse_learned"] for metrics in metrics_by_words(ran.stdout).values()]
    assert len(errors) == 4
    (results,) = tmp_path.rglob("optimization_results.yaml")
    assert yaml.safe_load(results.read_text())["best_value"] == min(errors)


def test_the_script_for_slurm(tmp_path: Path) -> None:
    words = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "hydra.launcher.mem_gb=8"]
    words += ["hydra.launcher.timeout_min=90", "hydra.launcher.array_parallelism=3", "hydra.sweep.dir=here"]
    words += ["hydra.launcher.gpus_per_node=1", "hydra.launcher.setup=['export A=b']"]
    ran = attnrun(tmp_path, "nw-regression", "-m", "seed=0,1,2,3", *words, PATH=refusing_slurm(tmp_path))
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == (
        "attnrun: the launcher or sweeper cannot go on: sbatch: error: invalid partition specified: gpu"
    )
    script = (tmp_path / "script.sh").read_text()
    options = sbatch_options(script)
    assert (options["array"], options["time"]) == ("0-3%3", "90")
    assert (options["partition"], options["mem"], options["gpus-per-node"]) == ("gpu", "8GB", "1")
    assert options["output"].startswith(str(tmp_path / "here/.submitit"))
    setup, command = script.rindex("export A=b"), script.rindex("srun ")
    assert setup < command and "-u -m submitit.core._submit" in script[command:]


def test_without_a_cluster(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = cli("train", "nw-regression", "-m", "seed=0,1", *SMALL, "hydra/launcher=submitit_slurm")
    assert ran.exit_code == 2 and ran.stderr.count("\n") == 1
    assert "cannot go on" in ran.stderr and "slurm cluster" in ran.stderr


@pytest.mark.parametrize(
    ("group", "name", "extra"),
    [
        ("launcher", "joblib", "sweep"),
        ("launcher", "submitit_slurm", "sweep"),
        ("launcher", "ray", "ray"),
        ("sweeper", "optuna", "sweep"),
    ],
)
def test_a_package_that_is_missing_is_named(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, group: str, name: str, extra: str
) -> None:
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    Plugins.instance()  # has put into the store what is installed
    monkeypatch.delitem(ConfigStore.instance().repo["hydra"][group], f"{name}.yaml", raising=False)
    ran = cli("train", "nw-regression", "-m", "seed=0,1", f"hydra/{group}={name}")
    message = f'attnrun: hydra/{group}={name} is not installed: pip install "attnrun[{extra}]"\n'
    assert (ran.exit_code, ran.stderr) == (2, message)


def test_a_launcher_that_is_spelled_wrong(cli: Cli) -> None:
    ran = cli("train", "nw-regression", "-m", "seed=0,1", "hydra/launcher=joblb")
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "did you mean 'joblib'" in ran.stderr
