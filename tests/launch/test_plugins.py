"""What launchers and sweepers are given so that their names alone will do."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from attnrun.launch.plugins import of_plugins
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

OPTUNA = ("-m", "hydra/sweeper=optuna")

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["seed=1,2"], []),
        (["hydra/launcher=basic"], []),
        (["hydra/launcher=submitit_local"], ["hydra.launcher.timeout_min"]),
        (["hydra/launcher=submitit_slurm", "hydra/launcher=joblib"], []),
        (["hydra/launcher=ray"], ["hydra.launcher.ray.init.object_store_memory"]),
    ],
)
def test_what_goes_before_the_users_words(words: Sequence[str], keys: Sequence[str]) -> None:
    found = [word.lstrip("+").partition("=")[0] for word in of_plugins("nw-regression", words)]
    assert found[: len(keys)] == list(keys) and bool(found) is bool(keys)


def test_a_job_for_slurm_is_continued_and_takes_its_own_cores(tmp_path: Path) -> None:
    words = ["seed=0,1", "hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=3"]
    attnrun(tmp_path, "nw-regression", "-m", *words, PATH=refusing_slurm(tmp_path))
    script = (tmp_path / "script.sh").read_text()
    options = sbatch_options(script)
    assert (options["time"], options["cpus-per-task"], options["job-name"]) == ("720", "3", "attnrun")
    assert "\nexport OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK\n" in script[: script.rindex("srun ")]


@pytest.mark.parametrize(
    ("experiment", "direction"), [("nw-regression", "minimize"), ("sequence-transformer", "maximize")]
)
def test_a_study_goes_where_the_experiment_wants_to(experiment: str, direction: str) -> None:
    assert f"hydra.sweeper.direction={direction}" in of_plugins(experiment, ["hydra/sweeper=optuna"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Optuna before 3 warns of much in newer libraries
@pytest.mark.parametrize(
    ("words", "done", "failed"),
    [
        (["hydra/sweeper/sampler=grid", f"optim.lr=0.5,{TOO_LARGE}", "leave_own_out=true,false"], 2, 2),
        ([f"optim.lr={TOO_LARGE}", "seed=1,2", "hydra.sweeper.n_trials=2"], 0, 2),
    ],
    ids=["some", "all"],
)
def test_failed_jobs_end_no_study(cli: Cli, tmp_path: Path, words: list[str], done: int, failed: int) -> None:
    ran = cli("train", "nw-regression", *OPTUNA, *words, *SMALL, "--json")
    runs = json.loads(ran.stdout)
    assert sorted(run["status"] for run in runs) == ["done"] * done + ["failed"] * failed
    assert ran.exit_code == 1
    assert (
        len([line for line in ran.stderr.splitlines() if ": step 1: " in line and "(log: " in line]) == failed
    )
    errors = [run["metrics"]["test_mse_learned"] for run in runs if run["status"] == "done"]
    for results in tmp_path.rglob("optimization_results.yaml"):  # not there where the last job of all failed
        assert yaml.safe_load(results.read_text())["best_value"] == min(errors)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_study_tries_the_same_again(cli: Cli) -> None:
    words = ["optim.lr=interval(0.1,1)", "hydra.sweeper.n_trials=2", *SMALL, "--json"]
    first, second = (
        metrics_by_words(cli("train", "nw-regression", *OPTUNA, *words).stdout) for _ in range(2)
    )
    assert len(first) == 2 and first == second
