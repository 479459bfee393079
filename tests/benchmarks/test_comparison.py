"""What is asked of a ratio, rows that cannot be built, and what a report keeps."""

import json
import sys
from pathlib import Path

import pytest

from attnrun.bench.tables import OURS, Figures, Measured, Row, Table
from attnrun.bench.timing import Sample, Timing
from benchmarks.comparison import Comparison, Facts, Target, Verdict, with_peers
from benchmarks.race import Race, Reached, run
from benchmarks.report import Report


def measured(**rows: tuple[float, float, int | None]) -> Measured:
    """A table with rows of so many seconds, amount of work and peak bytes."""
    figures = {
        name: Figures(Timing((Sample(seconds, 0.0),)), amount, peak)
        for name, (seconds, amount, peak) in rows.items()
    }
    return Measured(Table("work", "a work", "things", {}), figures, {})


THREE = measured(attnrun=(2.0, 60.0, 30), quick=(1.0, 20.0, 100), small=(5.0, 25.0, 40))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target(floor=1.3, aim=2.5), "work, speed: attnrun / quick 1.5 (floor 1.3, aim 2.5)"),
        (Target(("small",), floor=7.0), "work, speed: attnrun / small 6 (floor 7) MISSED"),
        (Target(("small", "absent"), aim=7.0), "work, speed: attnrun / small 6 (aim 7)"),
        (Target(most=0.75, of="memory"), "work, memory: attnrun / small 0.75 (at most 0.75)"),
        (Target(most=0.7, of="memory"), "work, memory: attnrun / small 0.75 (at most 0.7) MISSED"),
        (Target(("quick",), most=0.75, of="memory"), "work, memory: attnrun / quick 0.3 (at most 0.75)"),
        (Target(("absent",), floor=2.0), "work: no speed of absent to compare"),
    ],
)
def test_ratios_are_ours_over_the_best_of_the_peers_named(target: Target, text: str) -> None:
    assert str(target.verdict(THREE)) == text


def test_without_our_own_row_or_any_memory_there_is_no_ratio() -> None:
    assert (
        Target(floor=1.0).verdict(measured(quick=(1.0, 1.0, None))) == "work: no speed of attnrun to compare"
    )
    alone = measured(attnrun=(1.0, 1.0, None), quick=(1.0, 1.0, None))
    assert Target(most=1.0, of="memory").verdict(alone) == "work: no memory of attnrun to compare"


def test_a_number_without_bounds_is_just_said() -> None:
    assert str(Verdict("time grows by the power", 1.034)) == "time grows by the power 1.03"
    assert Verdict("x", 0.1, floor=0.2).plain()["met"] is False


def test_peers_that_cannot_be_built_say_why() -> None:
    def absent() -> Row:
        raise ModuleNotFoundError("No module named 'joeynmt'", name="joeynmt")

    def broken() -> Row:
        raise TypeError("another version")

    table = Table("work", "a work", "", {OURS: Row(lambda: None)})
    found = with_peers(table, {"good": lambda: Row(lambda: None), "absent": absent, "broken": broken})
    assert list(found.rows) == [OURS, "good"]
    assert found.absent == {
        "absent": "not installed (joeynmt is missing)",
        "broken": "TypeError: another version",
    }


def test_a_report_prints_and_keeps_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(tmp_path / "bench" / "run.jsonl", {"cpu": "a cpu", "threads": 2})
    notes = {"quick": lambda: "error 1e-7"}
    report.add(THREE, Comparison(THREE.table, [Target(floor=1.3), Target(("absent",), floor=2.0)], notes))
    report.state(Facts("facts", "what is known", ["size", "time"], [["3", "4 s"]], [Verdict("power", 1.0)]))
    report.close()
    shown = capsys.readouterr().out
    assert shown.count("work, speed: attnrun / quick 1.5 (floor 1.3)") == 2  # below its table, and at the end
    assert "error 1e-7" in shown and "a cpu" in shown and "4 s" in shown
    about, table, facts = map(json.loads, report.file.read_text(encoding="utf-8").splitlines())
    assert about == {"machine": {"cpu": "a cpu", "threads": 2}}
    assert table["rows"]["quick"]["rate"] == 20 and table["notes"] == {"quick": "error 1e-7"}
    assert [one["number"] for one in table["verdicts"]] == [1.5]
    assert facts["rows"] == [{"size": "3", "time": "4 s"}]


SCORES = """
import pathlib, time
file = pathlib.Path("scores.txt")
for score in (3.5, 24.9, 25.0, 30.0):
    time.sleep(0.05)
    with file.open("a") as stream:
        stream.write(f"bleu: {score}\\n")
time.sleep({rest})
"""


def race(place: Path, program: str) -> Race:
    return Race(place, [sys.executable, "-c", program], place / "scores.txt", r"bleu: ([\d.]+)")


def test_a_race_ends_at_the_first_score_that_is_enough(tmp_path: Path) -> None:
    found = run(race(tmp_path, SCORES.replace("{rest}", "600")), 25.0)
    assert isinstance(found, Reached)
    assert (found.score, found.validations) == (25.0, 3)
    assert 0.15 <= found.seconds < 60


def test_a_race_that_ends_first_says_how_far_it_came(tmp_path: Path) -> None:
    assert run(race(tmp_path, SCORES.replace("{rest}", "0")), 31.0) == "never reached it; best 30.0"


def test_a_race_that_fails_says_why(tmp_path: Path) -> None:
    assert (
        run(race(tmp_path, "raise SystemExit('no such config')"), 1.0)
        == "ended with status 1: no such config"
    )
