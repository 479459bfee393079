"""Writing where it cannot be done: one line that names path and bytes, and nothing half done."""

import errno
import json
import logging
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attnrun.runs.board import Board
from attnrun.runs.files import Appender, CannotWrite, write_durably, write_json
from attnrun.runs.find import RunRecord
from attnrun.runs.log import LogFile
from attnrun.runs.rows import RowWriter, read_rows
from attnrun.runs.run import Run
from tests.runs.test_run import scalars


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as a disk does that fills in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_is_there(tmp_path: Path) -> None:
    write_durably(tmp_path / "a", b"one")
    write_durably(tmp_path / "a", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"two"


def test_a_write_that_fails_in_the_middle_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with largest_file(1000), pytest.raises(CannotWrite) as failed:
        write_durably(path, bytes(12345))
    assert str(failed.value) == f"cannot write {path}: File too large (12,345 bytes wanted)"
    assert failed.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(path.read_text()) == {"old": 1}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match=rf"cannot write {tmp_path}/a: .* \(5 bytes wanted, [\d,]+ free\)$"):
        write_durably(tmp_path / "a", b"12345")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 300, "File name too long"), ("none/a", "No such file or directory")]
)
def test_a_place_that_is_none(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CannotWrite, match=rf"cannot write .*{name}: {reason} \(1 bytes wanted\)"):
        write_durably(tmp_path / name, b"1")
    with pytest.raises(CannotWrite, match=rf"{reason} \(2 bytes wanted\)"):
        Appender(tmp_path / name).append(b"12")


def test_a_record_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    file = Appender(tmp_path / "a")
    file.append(b"x" * 90)
    with largest_file(100):
        with pytest.raises(CannotWrite, match=r"\(17 bytes wanted\)"):
            file.append(b"y" * 17)
        file.append(b"z" * 10)
    file.sync()
    file.close()
    assert (tmp_path / "a").read_bytes() == b"x" * 90 + b"z" * 10


def test_a_row_that_fails_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rows = RowWriter(path)
    rows.append({"step": 1})
    with largest_file(path.stat().st_size + 5), pytest.raises(CannotWrite, match=r"metrics\.jsonl: File too"):
        rows.append({"step": 2})
    assert rows.count == 1
    rows.append({"step": 3})
    rows.close()
    assert read_rows(path) == [{"step": 1}, {"step": 3}]


@pytest.mark.parametrize(
    "junk",
    ["{", "[]", "{}", '{"step": "7"}', '{"step": null}', "[" * 100_000, f'{{"step": "{"x" * 2**20}"}}'],
    ids=lambda junk: junk[:20],
)
def test_rows_end_with_the_last_sound_one(tmp_path: Path, junk: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 1}}\n{{"step": 2}}\n{junk}\n{{"step": 4}}\n')
    assert read_rows(path) == [{"step": 1}, {"step": 2}]
    rows = RowWriter(path)
    assert rows.count == 2
    rows.append({"step": 3})
    rows.close()
    assert read_rows(path) == [{"step": 1}, {"step": 2}, {"step": 3}]


def test_an_event_that_fails_is_told_at_once_and_leaves_the_others(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.scalars(1, {"loss": 0.5, "rate": 0.25})
    (path,) = tmp_path.iterdir()
    with (
        largest_file(path.stat().st_size + 9),
        pytest.raises(CannotWrite, match=rf"{path.name}: File too la"),
    ):
        board.scalars(2, {"loss": 9.0})
    board.scalars(3, {"loss": 0.125})
    board.close()
    assert scalars(tmp_path, "loss") == [(1, 0.5), (3, 0.125)]
    assert scalars(tmp_path, "rate") == [(1, 0.25)]


def test_a_board_that_cannot_begin_begins_later(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for _ in range(2):
        with largest_file(3), pytest.raises(CannotWrite, match=r"events\.out\.tfevents.* bytes wanted"):
            board.scalars(1, {"loss": 9.0})
    board.scalars(2, {"loss": 0.5})
    board.close()
    assert scalars(tmp_path, "loss") == [(2, 0.5)]


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.log"
    handler = LogFile(path)
    logger = logging.Logger("mine")
    logger.addHandler(handler)
    logger.info("one \ud800")
    with largest_file(path.stat().st_size + 3):
        logger.error("two is too long")
    logger.info("three")
    handler.close()
    assert path.read_text() == "one \\ud800\nthree\n"
    assert capsys.readouterr() == ("", "")


def test_a_log_that_cannot_be_begun_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"none/job\.log: No such file"):
        LogFile(tmp_path / "none" / "job.log")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_full_disk_hides_no_interruption(
    open_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context, pytest.raises(stop), open_run(tmp_path):
        context.setattr(os, "fsync", full)
        raise stop


def draw(run: Run) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9))
    figure.subplots().plot(range(99))
    run.figure("curves", figure)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda run: run.log(1, {f"x{n}": 0.0 for n in range(999)}), "metrics.jsonl"),
        (lambda run: run.samples("test", "x" * 9999), "samples/test.txt"),
        (lambda run: run.save_json("points", list(range(9999))), "points.json"),
        (lambda run: run.text("notes", "x" * 9999), "events.out.tfevents"),
        (draw, "figures/curves.png"),
        (lambda run: run.finish({f"x{n}": 0.0 for n in range(999)}), "events.out.tfevents"),
        (lambda run: run.finish({"curve": [0.0] * 9999}), "result.json"),
    ],
    ids=["row", "samples", "json", "text", "figure", "hparams", "result"],
)
def test_whatever_a_run_writes(
    open_run: Callable[..., Run],
    tmp_path: Path,
    write: Callable[[Run], object],
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = f"cannot write {tmp_path}/{name}"
    with (
        pytest.raises(CannotWrite, match=f"{said}.*bytes wanted"),
        open_run(tmp_path) as run,
        largest_file(3000),
    ):
        write(run)
    found = RunRecord(tmp_path).result
    assert found and found["status"] == "failed" and said in found["warnings"][-1]
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.tmp.*"))
