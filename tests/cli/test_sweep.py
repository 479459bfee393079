"""`attnrun sweep` and `attnrun status` as a user calls them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import Result

from attnrun.cli import watch
from attnrun.cli.watch import View
from attnrun.launch.bridge import prepare_sweep
from attnrun.launch.job import Report
from attnrun.launch.standing import standing
from attnrun.launch.sweep import SweepRecord
from attnrun.runs.device import cores

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]

TINY = ["nw-regression", "trainer.max_steps=1", "runtime.threads=1"]
CURVE = "".join(f"{x},{x % 3}\n" for x in range(20))


def _results(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.glob("outputs/*/*/*/result.json")}


def _jobs(cli: Cli, *words: str) -> list[dict[str, Any]]:
    found = cli("status", *words, "--json")
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)["jobs"]


def _words(jobs: list[dict[str, Any]], state: str) -> list[str]:
    return [word for job in jobs if job["state"] == state for word in job["words"] if "seed=" in word]


def test_the_same_sweep_again_runs_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    assert cli("sweep", *TINY, "seed=1,2").exit_code == 0
    first = _results(tmp_path)
    again = cli("sweep", "nw-regression", "seed=3,2,1", "runtime.threads=2", TINY[1], "--json")
    assert again.exit_code == 0 and "2 of 3 jobs were finished already" in again.stderr
    assert [document["seed"] for document in json.loads(again.stdout)] == [3, 2, 1]
    after = _results(tmp_path)
    assert len(after) == 3 and first.items() <= after.items()
    assert len({path.parent.parent for path in after}) == 1
    part = cli("train", *TINY, "-m", "seed=2,3")
    assert part.exit_code == 0 and "2 of 2: " in part.stderr
    assert _results(tmp_path) == after
    assert cli("sweep", *TINY, "seed=1", "hydra.sweep.dir=outputs/my/own").exit_code == 0
    assert list(tmp_path.glob("outputs/my/own/*/result.json"))
    assert len({path.parent.parent for path in _results(tmp_path)}) == 2


def test_a_failure_is_listed_with_its_log_and_the_others_are_untouched(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.csv").write_text("a,b\n" + CURVE)
    (tmp_path / "huge.csv").write_text("a,b\n" + CURVE.replace("2\n", "2e30\n"))
    data = ["data=csv", "data.x=a", "data.y=b", "data.path=good.csv,huge.csv"]
    words = ["sweep", *TINY, *data, "seed=1,2"]
    result = cli(*words)
    assert result.exit_code == 1
    failures = [line for line in result.stderr.splitlines() if "data.path=huge.csv seed=1: " in line]
    assert len(failures) == 1 and "not finite" in failures[0] and "job.log" in failures[0]
    assert sum(line.count(" done: ") for line in result.stdout.splitlines()) == 2
    jobs = _jobs(cli)
    assert _words(jobs, "done") == ["seed=1", "seed=2"] == _words(jobs, "failed")
    shown = cli("status").stdout
    assert "2 done, 2 failed: outputs/nw-regression/sweep-data.path-seed-" in shown and "not finite" in shown
    monkeypatch.setattr(watch, "_MOST", 3)  # rows, for which the failed ones come first
    some = cli("status")
    assert some.stdout.count("data.path=huge.csv") == 2 and some.stdout.count("data.path=good.csv") == 1
    assert "3 of 4 jobs; --json" in some.stderr
    (tmp_path / "huge.csv").write_text("a,b\n" + CURVE.replace("2\n", "2.5\n"))
    repaired = cli(*words)
    assert repaired.exit_code == 0 and "2 of 4 jobs were finished already" in repaired.stderr


@pytest.mark.slow
def test_fail_fast_begins_no_further_job(cli: Cli, tmp_path: Path) -> None:
    result = cli("sweep", *TINY, "seed=1,-1,2", "--fail-fast")
    assert result.exit_code == 2
    assert "1 job was not begun after the first failure" in result.stderr
    assert [_words(_jobs(cli), state) for state in ("done", "refused", "skipped")] == [
        ["seed=1"],
        ["seed=-1"],
        ["seed=2"],
    ]
    assert cli("sweep", *TINY, "seed=1,2", "--fail-fast").exit_code == 0


@pytest.mark.slow
def test_jobs_at_once_share_the_cores_and_give_the_same(cli: Cli, tmp_path: Path) -> None:
    words = ["sweep", "nw-regression", "trainer.max_steps=1", "seed=1,2", "--json"]
    one = json.loads(cli(*words, "runtime.threads=1", "--name", "alone").stdout)
    command = [sys.executable, "-m", "attnrun", *words, "-j", "2", "--name", "both"]
    two = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout)
    assert [document["metrics"] for document in one] == [document["metrics"] for document in two]
    text = (Path(two[0]["run"]) / "config.yaml").read_text()
    assert f"threads: {max(1, cores() // 2)}" in text
    refused = cli(*words, "-j", "2", "hydra/launcher=basic")
    assert refused.exit_code == 2 and "choose joblib" in refused.stderr


LONG = ["nw-regression", "optim=adam", "trainer.max_steps=100000", "trainer.checkpoint_every=20"]


def _start(place: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "attnrun", "sweep", *words, "runtime.threads=1"]
    with (place / "said").open("ab") as said, (place / "shown").open("ab") as shown:
        return subprocess.Popen(command, cwd=place, stdout=shown, stderr=said, start_new_session=True)


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)


def test_a_killed_sweep_stands_as_it_was_and_goes_on(cli: Cli, tmp_path: Path) -> None:
    process = _start(tmp_path, *LONG, "seed=1,2")
    try:
        _wait(lambda: list(tmp_path.glob("outputs/*/*/*/checkpoints/manifest.json")))
        running, waiting = _jobs(cli)
        assert (running["state"], waiting["state"]) == ("running", "waiting")
        assert 0 <= running["share"] < 1 and "seed=1" in running["words"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert [job["state"] for job in _jobs(cli)] == ["interrupted", "waiting"]
    (run,) = tmp_path.glob("outputs/*/*/*/config.yaml")
    assert run.parent.name not in ("0", "jobs")
    assert cli("status", "sweep-seed").exit_code == 0


@pytest.mark.slow
def test_two_calls_of_a_sweep_at_once_train_each_job_once(tmp_path: Path, cli: Cli) -> None:
    both = [_start(tmp_path, *TINY, words) for words in ("seed=1,2,3", "seed=3,2,1")]
    assert [process.wait(timeout=240) for process in both] == [0, 0], (tmp_path / "said").read_text()
    assert (tmp_path / "shown").read_text().count(" done: ") == 6  # each shows all of its jobs
    assert len(_results(tmp_path)) == 3
    logs = [path.read_text() for path in tmp_path.glob("outputs/*/*/*/job.log")]
    assert all(log.count("run ") == 1 for log in logs)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep", "nw-regression", "seed=1,2", "--name", "../x"], "a name is of letters"),
        (["sweep", "nw-regression", "hydra.sweep.subdir=x", "seed=1,2"], "choose its own by --name"),
        (["sweep", "nw-regression", "hydra.sweep.dir=", "seed=1,2"], "'hydra.sweep.dir=' names no directory"),
        (["sweep", "nw-regression", "hydra.sweep.dir=2020-13-77", "seed=1,2"], "'2020-13-77' is no value"),
        (["sweep", "nw-regression", "seed=range(0)"], "there is no job in this sweep"),
        (["sweep", "nw-regresion", "seed=1,2"], "did you mean 'nw-regression'?"),
        (["sweep", "nw-regression", "attention=gaussian,nope"], "no choice of 'attention' named 'nope'"),
        (["status"], "there is no sweep in outputs"),
        (["status", "x"], "there is no sweep in outputs"),
    ],
)
def test_a_mistake_leaves_nothing(cli: Cli, tmp_path: Path, words: list[str], message: str) -> None:
    result = cli(*words)
    assert result.exit_code == 2 and message in result.stderr, result.output
    assert not list(tmp_path.rglob("*"))


def test_a_mistake_leaves_what_others_have_in_the_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine/jobs").mkdir(parents=True)
    own = [tmp_path / "mine" / name for name in ("a.json", "b.yaml", "jobs/c.json", "jobs/d")]
    for path in own:
        path.write_text("mine")
    assert cli("sweep", *TINY, "seed=-1,-2", "hydra.sweep.dir=mine").exit_code == 2
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(own)


def test_a_number_is_a_name_like_any_other() -> None:
    assert prepare_sweep("nw-regression", ["seed=1,2", "hydra.sweep.dir=5"]).sweep.directory == Path("5")


def test_a_run_that_goes_meanwhile_has_no_share(tmp_path: Path) -> None:
    sweep, run = SweepRecord(tmp_path), tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("a: [")
    (run / "metrics.jsonl").write_text('{"step": 3, "train/loss": 0.5}\n')
    report = Report("running", 0, str(run), overrides=["seed=1"])
    sweep.notes.mkdir()
    (sweep.notes / "one.json").write_text(json.dumps(asdict(report)))
    (job,) = standing(sweep).values()
    assert (job.state, job.share, job.metric) == ("interrupted", None, ("train/loss", 0.5))


def test_on_a_terminal_the_jobs_are_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = prepare_sweep("nw-regression", ["seed=1,2,3", "attention=gaussian,'[bold]x'"])
    call.sweep.ask("nw-regression", call.asked)
    words = call.asked.jobs[0]  # type: ignore[index]
    call.job._send(Report("refused", 2, None, "no \x1b[31m such", overrides=words, call=call.job.call))
    screen = Console(width=90, height=9, record=True, force_terminal=True, highlight=False)
    screen.print(View(call, screen).render())
    shown = screen.export_text()
    assert "5 waiting, 1 refused" in shown
    assert "seed=1" in shown and "[bold]x" in shown and "\x1b[31m such" not in shown
    assert len(shown.splitlines()) < 9  # as high as the screen, though there are six jobs
