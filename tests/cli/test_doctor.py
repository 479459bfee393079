"""`attnrun doctor`: what it says of this machine, and of one seed twice."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from attnrun.launch import determinism

Cli = Callable[..., Result]


def traces(weight: str = "aa", loss: float = 0.5, rows: int = 3) -> dict[str, Any]:
    return {
        "device": "cpu",
        "weights": {"encoder.weight": "bb", "decoder.weight": weight},
        "rows": [{"step": step, "train/loss": loss if step == 2 else 1.0} for step in range(1, rows + 1)],
    }


def test_the_machine_is_described(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTNRUN_DATA", str(tmp_path / "cache"))
    result = cli("doctor", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert {"python", "versions", "devices", "threads", "runs"} <= facts.keys()
    assert facts["downloads"] == f"{tmp_path / 'cache'} (made when needed, can be written)"
    assert "cpu" in facts["devices"] and facts["threads"] >= 1
    assert {"torch", "hydra-core"} <= facts["versions"].keys()


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["sequence-transformer"], marks=pytest.mark.slow),
        pytest.param(list(determinism.TRAININGS), marks=pytest.mark.faults),
    ],
)
def test_one_seed_gives_one_result(cli: Cli, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    monkeypatch.setattr(determinism, "TRAININGS", names)
    result = cli("doctor", "--determinism", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [one["experiment"] for one in found] == names
    for one in found:
        assert one["equal"] and one["differs"] == []
        for first, second in (one["weights"], one["metrics"]):
            assert first == second and len(first) == 64
    assert len({one["weights"][0] for one in found}) == len(names)


@pytest.mark.parametrize(
    ("second", "differs"),
    [
        (traces(), ()),
        (traces(weight="cc"), ("1 of 2 weights (decoder.weight)",)),
        (traces(loss=0.25), ("metrics from step 2 on",)),
        (traces(rows=2), ("metrics from step 3 on",)),
        (traces("cc", 0.25), ("1 of 2 weights (decoder.weight)", "metrics from step 2 on")),
    ],
)
def test_what_differs_is_named(second: dict[str, Any], differs: tuple[str, ...]) -> None:
    found = determinism.compared("sequence", traces(), second)
    assert found.differs == differs
    assert (found.weights[0] == found.weights[1]) == (not any("weights" in one for one in differs))
    assert (found.metrics[0] == found.metrics[1]) == (not any("metrics" in one for one in differs))


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_difference_is_a_failure(cli: Cli, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    attempts = iter([traces(), traces(weight="cc")])
    monkeypatch.setattr(determinism, "TRAININGS", ("sequence",))
    monkeypatch.setattr(determinism, "_attempt", lambda: {"sequence": next(attempts)})
    result = cli("doctor", "--determinism", *flags)
    assert result.exit_code == 1
    line = "attnrun: one seed gave two results; sequence: 1 of 2 weights (decoder.weight) differ\n"
    assert result.stderr == line
    if flags:
        assert json.loads(result.stdout)[0]["equal"] is False
    else:
        assert "differ" in result.stdout


def test_a_training_that_fails_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    result = cli("doctor", "--determinism")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "attnrun: a training to compare failed: no reason given\n"
