"""RUN on the command line: a path, a name, a unique beginning, or latest."""

import json
import os
from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.runs.find import RunRecord, find, records
from attnrun.runs.lock import RunLock

NAMES = {
    "nw/2026-01-05_10-00": "2026-01-05T10:00:00.000002+00:00",
    "nw/2026-01-07_11-00": "2026-01-07T11:00:00.000001+00:00",
    "translation/2026-01-05_12-00": "2026-01-05T12:00:00+00:00",
    "translation/sweep-1/0": "2026-01-06T12:00:00+00:00",
    "translation/sweep-1/1": "2026-01-06T13:00:00+00:00",
    "translation/sweep-1/10": "2026-01-06T14:00:00+00:00",
}


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, started in NAMES.items():
        directory = tmp_path / "outputs" / name
        directory.mkdir(parents=True)
        (directory / "config.yaml").write_text("seed: 1\n")
        (directory / "run.json").write_text(
            json.dumps({"started": started, "experiment": name.split("/")[0]})
        )
    (tmp_path / "outputs" / "nw" / "no-run").mkdir()
    return tmp_path / "outputs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("latest", "nw/2026-01-07_11-00"),
        ("2026-01-07_11-00", "nw/2026-01-07_11-00"),
        ("2026-01-07", "nw/2026-01-07_11-00"),
        ("nw/2026-01-05", "nw/2026-01-05_10-00"),
        ("1", "translation/sweep-1/1"),
        ("sweep-1/10", "translation/sweep-1/10"),
        ("translation/2", "translation/2026-01-05_12-00"),
    ],
)
def test_found(root, name, expected):
    assert find(root, name) == root / expected


def test_a_path(root):
    for name in (
        "outputs/nw/2026-01-05_10-00",
        "./outputs/nw/2026-01-05_10-00",
        str(root / "nw" / "2026-01-05_10-00"),
    ):
        assert find(Path("elsewhere"), name).resolve() == root / "nw" / "2026-01-05_10-00"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2026-01-05", "means 2 runs: .*nw/2026-01-05_10-00.*translation/2026-01-05_12-00; write more "),
        ("lates", "did you mean 'latest'"),
        ("2026-01-07_11-01", "did you mean '2026-01-07_11-00'"),
        ("no-run", "no run 'no-run'"),
        ("", "no run ''"),
        ("./nowhere", "nowhere is not a directory"),
        ("outputs/nw", "has no config.yaml, so it is no run; it holds 2026-01-05_10-00"),
    ],
)
def test_not_found(root, name, message):
    with pytest.raises(UserError, match=message):
        find(root, name)


@pytest.mark.parametrize("name", ["latest", "x"])
def test_no_runs_at_all(tmp_path, name):
    with pytest.raises(UserError, match="there is no run in"):
        find(tmp_path / "none", name)


def test_the_latest_that_is_finished(root):
    with pytest.raises(UserError, match=r"no run in .*outputs is finished; the newest, .* is interrupted"):
        find(root, "latest", finished=True)
    for name in ("nw/2026-01-05_10-00", "translation/2026-01-05_12-00"):
        (root / name / "result.json").write_text('{"status": "done", "metrics": {}}')
    (root / "nw/2026-01-07_11-00/result.json").write_text('{"status": "failed", "metrics": {}}')
    assert find(root, "latest", finished=True) == root / "translation/2026-01-05_12-00"
    assert find(root, "latest") == root / "nw/2026-01-07_11-00"


def test_newest_first_and_sweeps_too(root):
    found = [str(record.directory.relative_to(root)) for record in records(root)]
    assert found == sorted(NAMES, key=NAMES.__getitem__, reverse=True)


def test_status(root):
    directory = root / "nw" / "2026-01-05_10-00"
    assert RunRecord(directory).status == "interrupted"  # killed: nobody holds it, and no result
    lock = RunLock(directory)
    assert RunRecord(directory).status == "running"
    lock.release()
    (directory / "result.json").write_text('{"status": "done", "metrics": {"a": 1}}')
    assert (RunRecord(directory).status, RunRecord(directory).metrics) == ("done", {"a": 1})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "won"}', "\x00", "[" * 100_000])
def test_a_damaged_result_is_none(root, text):
    directory = root / "nw" / "2026-01-05_10-00"
    (directory / "result.json").write_text(text)
    (directory / "run.json").write_text(text)
    record = RunRecord(directory)
    assert (record.result, record.status, record.experiment) == (None, "interrupted", "")
    assert record in records(root)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "!!python/object/apply:os.system [touch owned]", "\x01"])
def test_a_damaged_config_is_a_clear_error(root, text):
    directory = root / "nw" / "2026-01-05_10-00"
    (directory / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml"):
        _ = RunRecord(directory).config
    assert not Path("owned").exists()


def test_a_huge_config_is_refused(root):
    directory = root / "nw" / "2026-01-05_10-00"
    os.truncate(directory / "config.yaml", 2**30)
    with pytest.raises(UserError, match="too large"):
        _ = RunRecord(directory).config


def test_rows_up_to_a_torn_line(root):
    directory = root / "nw" / "2026-01-05_10-00"
    assert RunRecord(directory).metrics_rows() == []
    (directory / "metrics.jsonl").write_text('{"step": 1, "a": 0.5}\n{"step": 2, "a"')
    assert RunRecord(directory).metrics_rows() == [{"step": 1, "a": 0.5}]
