"""`attnrun bench`: our own rows on this machine."""

import json
from collections.abc import Callable

import pytest
import torch
from typer.testing import Result

from tests.bench.small import use_small_corpus

Cli = Callable[..., Result]


def test_one_work_in_toy_size(cli: Cli) -> None:
    result = cli("bench", "--toy", "--only", "bandwidth", "--only", "attention", "--seconds", "0")
    assert result.exit_code == 0, result.stderr
    assert "leave-one-out bandwidth, n=40" in result.stdout
    assert "additive" in result.stdout and "block-16" in result.stdout
    assert f"torch {torch.__version__}" in result.stdout
    assert "texts of" not in result.stdout  # none were read


def test_json_has_the_machine_and_every_table(cli: Cli) -> None:
    result = cli("bench", "--toy", "--only", "kernel-regression", "--seconds", "0", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["machine"]["threads"] == torch.get_num_threads()
    assert found["machine"]["corpus"] is None
    names = [table["table"] for table in found["tables"]]
    assert names == ["predict-200-1d", "predict-200-3d", "predict-400-1d", "predict-400-3d"]
    for table in found["tables"]:
        row = table["rows"]["attnrun"]
        assert row["seconds"] > 0 and row["samples"] == 1 and table["failed"] == {}


@pytest.mark.slow
def test_growth_is_told_by_exponents(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    use_small_corpus(monkeypatch, tmp_path_factory)
    result = cli("bench", "--toy", "--only", "growth", "--seconds", "0", "--threads", "1", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["machine"]["corpus"] == "phrases"
    assert [table["table"] for table in found["tables"]] == ["growth-points", "growth-length", "growth-batch"]
    assert all("time" in table["exponents"] for table in found["tables"])


def test_an_unknown_work_is_a_mistake(cli: Cli) -> None:
    result = cli("bench", "--only", "trainin")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "no work is called 'trainin'" in result.stderr
