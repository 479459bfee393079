"""What is said of a run whose processes are gone."""

import json
from pathlib import Path

import pytest

from attnrun.runs.ending import GONE, end_for

RUN = {"experiment": "tiny", "config_hash": "abc", "seed": 3, "primary": {"name": "loss", "goal": "min"}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("seed: 3\n")
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "time": 2.5}\n')
    return tmp_path


def told(run: Path) -> dict:
    return json.loads((run / "result.json").read_text())


def test_the_result_says_how_it_ended_and_why(run: Path) -> None:
    (run / "result.json").write_text(json.dumps({"status": "interrupted", "warnings": ["odd", GONE]}))
    end_for(run, "failed", "rank 1 died")
    assert RUN.items() <= told(run).items()
    assert (told(run)["status"], told(run)["seconds"]) == ("failed", 2.5)
    assert told(run)["warnings"] == ["odd", "rank 1 died"]


def test_a_result_of_before_stays(run: Path) -> None:
    (run / "result.json").write_text(json.dumps({"status": "done", "metrics": {"loss": 1}}))
    end_for(run, "failed")
    assert told(run) == {"status": "done", "metrics": {"loss": 1}}


def test_a_run_that_lost_its_identity_has_a_result(run: Path) -> None:
    (run / "run.json").write_text("{")
    end_for(run, "interrupted")
    assert (told(run)["status"], told(run)["seed"]) == ("interrupted", None)
