"""A signal that a library hides behind an error of its own still interrupts a job."""

import os
import signal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from attnrun.experiments import nw_regression

from attnrun.errors import Interrupted, UserError
from attnrun.launch import job
from attnrun.launch.config import compose

PLAIN = compose("nw-regression", ["trainer.max_steps=1", "runtime.threads=1"])


def torn(*args: Any, **keys: Any) -> NoReturn:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("went on")
    except Interrupted:
        raise UserError("cannot load module more than once per process") from None


def test_while_the_config_is_checked_and_modules_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "check", torn)
    with pytest.raises(Interrupted, match="by SIGTERM"):
        job.execute(PLAIN, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_while_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nw_regression, "train", torn)
    report = job.execute(PLAIN, tmp_path / "run")
    assert (report.status, report.exit_code) == ("interrupted", 143)
    assert report.message.startswith("interrupted by SIGTERM")
