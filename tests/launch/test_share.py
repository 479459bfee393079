"""Limits of how many jobs run at once, and their shares of the cores."""

import threading
import time
from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.launch import share
from attnrun.launch.share import at_once, limit_words, share_cores, slot


@pytest.mark.parametrize(
    ("words", "limit", "added"),
    [
        (["seed=1,2"], None, []),
        (["seed=1,2"], 1, []),
        (["seed=1,2"], 3, ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]),
        (["hydra/launcher=joblib"], 3, ["hydra.launcher.n_jobs=3"]),
        (["hydra/launcher=submitit_slurm"], 3, ["hydra.launcher.array_parallelism=3"]),
        (["hydra/launcher=ray"], 3, ["hydra.launcher.ray.init.num_cpus=3"]),
        (["hydra/launcher=submitit_local"], 3, []),
    ],
)
def test_each_launcher_is_told_its_limit_in_its_own_words(
    words: list[str], limit: int | None, added: list[str]
) -> None:
    assert limit_words(words, limit) == words + added


def test_the_basic_launcher_has_one_job_at_a_time() -> None:
    with pytest.raises(UserError, match="--jobs 2: hydra/launcher=basic runs one job at a time"):
        limit_words(["hydra/launcher=basic"], 2)
    assert limit_words(["hydra/launcher=basic"], 1) == ["hydra/launcher=basic"]


@pytest.mark.parametrize(
    ("words", "limit", "jobs", "together"),
    [
        ([], 5, 9, 1),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=--5"], None, 99, "cores"),  # for Hydra to refuse
        (["hydra/launcher=joblib"], None, 99, "cores"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=-2"], None, 99, "cores but one"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=7"], None, 99, 7),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=7"], None, 3, 3),
        (["hydra/launcher=submitit_local"], None, 5, 5),
        (["hydra/launcher=submitit_local"], 2, 5, 2),
        (["hydra/launcher=submitit_slurm"], None, 5, 1),
    ],
)
def test_jobs_on_this_machine_at_once(
    words: list[str], limit: int | None, jobs: int, together: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "cores", lambda: 13)
    expected = {"cores": 13, "cores but one": 12}.get(str(together), together)
    assert at_once(words, limit, jobs) == expected


@pytest.mark.parametrize(
    ("runtime", "together", "threads"),
    [
        ({"threads": 0}, 1, 0),
        ({"threads": 0}, 3, 4),
        ({"threads": 0, "processes": 2}, 3, 2),
        ({"threads": 0}, 99, 1),
        ({"threads": 5}, 3, 5),
    ],
)
def test_cores_are_shared(
    runtime: dict[str, int], together: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "cores", lambda: 13)
    plain = {"runtime": dict(runtime)}
    share_cores(plain, together)
    assert plain["runtime"]["threads"] == threads


def test_no_more_jobs_than_slots_are_within(tmp_path: Path) -> None:
    within, most, lock = 0, 0, threading.Lock()

    def job() -> None:
        nonlocal within, most
        with slot(tmp_path, 2):
            with lock:
                within, most = within + 1, max(most, within + 1)
            time.sleep(0.3)
            with lock:
                within -= 1

    jobs = [threading.Thread(target=job) for _ in range(5)]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
    assert (within, most) == (0, 2)
