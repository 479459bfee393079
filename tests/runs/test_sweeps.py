"""SWEEP on the command line: a path, a name, its beginning, or latest."""

import json
from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.runs.sweeps import find_runs

NAMES = {
    "nw/2026-01-05_10-00": "2026-01-05T10:00:00+00:00",
    "nw/sweep-2026-01-03/0": "2026-01-03T10:00:00+00:00",
    "translation/sweep-2026-01-06/0": "2026-01-06T12:00:00+00:00",
    "translation/sweep-2026-01-06/10": "2026-01-06T14:00:00+00:00",
    "translation/sweep-2026-01-06/2": "2026-01-06T13:00:00+00:00",
    "translation/sweep-2026-01-04/abc": "2026-01-04T12:00:00+00:00",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, started in NAMES.items():
        made(tmp_path / "outputs" / name, started)
    (tmp_path / "outputs/translation/sweep-2026-01-06/multirun.yaml").write_text("hydra: {}\n")
    (tmp_path / "outputs/translation/sweep-2026-01-06/no-run").mkdir()
    return Path("outputs")


def made(directory: Path, started: str) -> None:
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text("seed: 1\n")
    (directory / "run.json").write_text(json.dumps({"started": started}))


LATER = [f"translation/sweep-2026-01-06/{name}" for name in ("0", "2", "10")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("latest", LATER),
        ("sweep-2026-01-06", LATER),
        ("translation/sweep-2026-01-06", LATER),
        ("outputs/translation/sweep-2026-01-06", LATER),
        ("./outputs/translation/sweep-2026-01-06/", LATER),
        ("sweep-2026-01-04", ["translation/sweep-2026-01-04/abc"]),
        ("nw/sweep", ["nw/sweep-2026-01-03/0"]),
        ("sweep-2026-01-06/2", ["translation/sweep-2026-01-06/2"]),
        ("2026-01-05", ["nw/2026-01-05_10-00"]),
        ("outputs/nw/2026-01-05_10-00", ["nw/2026-01-05_10-00"]),
        ("abc", ["translation/sweep-2026-01-04/abc"]),
    ],
)
def test_found(root: Path, name: str, expected: list[str]) -> None:
    assert [run.relative_to(root) for run in find_runs(root, name)] == list(map(Path, expected))


def test_latest_is_a_run_that_was_begun_after_every_sweep(root: Path) -> None:
    made(root / "nw/2026-01-07", "2026-01-07T10:00:00+00:00")
    assert find_runs(root, "latest") == [root / "nw/2026-01-07"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sweep-2026-01", "means 3 sweeps: outputs/nw/sweep-2026-01-03, "),
        ("sweep-2027", "no run 'sweep-2027' in outputs"),
        ("outputs/nw/../..", "no run|is no run"),
        ("", "no run ''"),
        ("~nobody-of-this-name", "is not a directory"),
        ("x" * 5000, "no run"),
        ("a\0b", "no run"),
    ],
)
def test_what_is_not_there_or_not_unique(root: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_runs(root, name)
