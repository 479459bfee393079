"""`attnrun smoke` as a user calls it: a few steps of what is named, and nothing left behind."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


def test_smoke_runs_what_is_named_and_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    result = cli("smoke", "nw-regression", "translation", "--steps", "1", "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [(row["experiment"], row["status"]) for row in rows] == [
        ("nw-regression", "done"),
        ("translation", "done"),
    ]
    assert not list(tmp_path.iterdir())


def test_smoke_skips_what_needs_a_package_that_is_not_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "sklearn" else find_spec(name, *rest)
    )
    (row,) = json.loads(cli("smoke", "vision", "--json").stdout)
    assert row["status"] == "skipped"
    assert row["message"] == 'needs sklearn: pip install "attnrun[tasks]"'
