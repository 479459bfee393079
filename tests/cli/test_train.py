"""`attnrun train` and `attnrun resume` as a user calls them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from attnrun.runs.checkpoints import load_newest
from attnrun.runs.find import RunRecord

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


def _runs(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("outputs/**/config.yaml"))


def test_regression_reports_all_three_estimators_and_draws_them(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "nw-regression", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    metrics = document["metrics"]
    assert metrics["test_mse_learned"] < metrics["test_mse_gaussian"] < metrics["test_mse_average"]
    assert document["primary"] == {"name": "test_mse_learned", "goal": "min"}
    (run,) = _runs(tmp_path)
    assert {"curves.png", "weights.png"} == {path.name for path in (run / "figures").iterdir()}
    assert list(run.glob("events.out.tfevents.*"))
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "train/epoch_loss" in row] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.max_steps=1", "-m", "seed=1,2"],
        ["-m", "trainer.max_steps=1", "seed=1,2"],
        ["trainer.max_steps=1", "seed=1,2", "--multirun"],
    ],
)
def test_the_multirun_flag_may_stand_anywhere(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    result = cli("train", "nw-regression", *words, "--json")
    assert result.exit_code == 0, result.stderr
    assert [document["seed"] for document in json.loads(result.stdout)] == [1, 2]
    assert len(_runs(tmp_path)) == 2


def test_a_sweep_shows_every_failure_and_keeps_the_others(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "nw-regression", "trainer.max_steps=1", "-m", "seed=-1,4,-2")
    assert result.exit_code == 2
    assert "seed=-1" in result.stderr and "seed=-2" in result.stderr
    assert len(_runs(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nw-regresion"], "no experiment named 'nw-regresion'; did you mean 'nw-regression'?"),
        (["nw-regression", "trainer.max_step=3"], "did you mean 'trainer.max_steps'?"),
        (["nw-regression", "++trainer.max_step=3"], "did you mean 'trainer.max_steps'?"),
        (["nw-regression", "attention=gausian"], "did you mean 'gaussian'?"),
        (["nw-regression", "attention=none"], "attention: this experiment cannot do without it"),
        (["nw-regression", "trainer.max_steps=0"], "trainer.max_steps=0: the value must be greater than 0"),
        (["nw-regression", "trainer.epochs=null", "trainer.max_steps=null"], "a training needs an end"),
        (["nw-regression", "runtime.device=cuda:97"], "no device 'cuda:97'"),
        (["nw-regression", "runtime.device=gpu"], "no device is called 'gpu'"),
        (["nw-regression", "data=csv", "data.path=none.csv", "data.x=a", "data.y=b"], "no file"),
        (["nw-regression", "data=csv"], "config key 'data.path' has no value"),
        (["nw-regression", "attention._target_=os.system"], "outside attnrun"),
        (["nw-regression", "module=os"], "outside attnrun"),
        (["nw-regression", "module=attnrun.errors"], "'attnrun.errors' is no experiment"),
        (["nw-regression", f"seed={2**63}"], "the value must be less than"),
        (["nw-regression", "attention=dot", "attention.width=2"], "with this choice attention takes no keys"),
        (["nw-regression", "hydra.run.dir=/proc/nowhere/x"], "cannot use /proc/nowhere"),
        (["nw-regression", "-m", "seed=-1,-2"], "seed=-1: the value must be greater"),
        (["nw-regression", "experiment=translation"], "the experiment is 'nw-regression' already"),
        (["nw-regression", "--resolve"], "give --cfg=job with it"),
        (["nw-regression", "--info", "foo"], "--info takes all, config, defaults"),
        (["nw-regression", "--trust", "nope"], "--trust nope: there is no such module"),
        (["translation", "attention=general", "model.hiden=3"], "did you mean 'model.hidden'?"),
        (["nw-regression", "--cfg", "jobs"], "--cfg takes job, hydra or all"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    cli: Cli, tmp_path: Path, words: list[str], message: str
) -> None:
    result = cli("train", *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 + 3 * ("-m" in words)  # two for each of two jobs
    assert not list(tmp_path.rglob("*")), "something was left behind"


def test_a_run_that_breaks_says_where_its_log_is(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"{x},{x % 3}e30\n" for x in range(20))
    (tmp_path / "huge.csv").write_text("a,b\n" + rows)  # its squares are no float32 numbers any more
    result = cli("train", "nw-regression", "data=csv", "data.path=huge.csv", "data.x=a", "data.y=b")
    assert result.exit_code == 1
    assert "not finite" in result.stderr and "job.log" in result.stderr
    (run,) = _runs(tmp_path)
    assert json.loads((run / "result.json").read_text())["status"] == "failed"


@pytest.mark.parametrize("again", [False, True])
def test_a_mistake_found_while_training_keeps_what_was_trained(cli: Cli, tmp_path: Path, again: bool) -> None:
    # The long half is too long to train on, and met when the model is evaluated.
    lines = [f"a{n % 5} b{n // 5}{' c' * (n % 2)}\tx{n % 5} y{n // 5}\n" for n in range(40)]
    (tmp_path / "mine.tsv").write_text("".join(lines))
    keys = ["attention=location", "attention.maximum_length=2", "max_length=2", "trainer.checkpoint_every=2"]
    keys += ["model.hidden=6", "model.embedding=5", "trainer.max_steps=5", "batch_size=3"]
    result = cli("train", "translation", "corpus=tsv", "corpus.path=mine.tsv", "corpus.valid=8", *keys)
    if again:
        result = cli("resume", "latest")
    assert result.exit_code == 1
    (run,) = _runs(tmp_path)
    (line,) = [line for line in result.stderr.splitlines() if "maximum_length" in line]
    assert "3 keys are more than attention.maximum_length=2" in line
    assert str(run.relative_to(tmp_path) / "job.log") in line
    assert load_newest(run).step >= 2
    found = json.loads((run / "result.json").read_text())
    assert found["status"] == "failed" and "maximum_length=2" in found["warnings"][-1]


def test_a_mistake_removes_nothing_of_the_users(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/mine.png").write_text("mine")
    result = cli(
        "train", "nw-regression", "hydra.run.dir=.", "data=csv", "data.path=no.csv", "data.x=a", "data.y=b"
    )
    assert result.exit_code == 2 and "no file" in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "figures/mine.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["seq2seq-textbook", "corpus=phrases"],
            "experiment 'seq2seq-textbook' sets corpus.valid, corpus.test, corpus.split for another choice "
            "of corpus; leave them out by ~corpus.valid ~corpus.test ~corpus.split",
        ),
        (["bahdanau-textbook", "attention=dot"], "leave it out by ~attention.hidden"),
        (["translation", "corpus=phrases", "+corpus.limt=3"], "did you mean 'corpus.limit'?"),
    ],
)
def test_what_the_experiment_sets_is_not_the_users_fault(cli: Cli, words: list[str], message: str) -> None:
    result = cli("train", *words)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


def test_a_sweep_has_a_row_for_each_choice_and_its_seeds_together(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "nw-regression", "trainer.max_steps=1", "-m", "seed=1,2", "data.samples=20,30"]
    documents = json.loads(cli(*words, "--json").stdout)
    assert [found["overrides"] for found in documents] == [
        [f"seed={seed}", f"data.samples={count}"] for seed in (1, 2) for count in (20, 30)
    ]
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli(*words).stdout.splitlines()
    row = next(line for line in shown if line.strip().startswith("data.samples=20"))
    name = next(line for line in shown if line.strip().startswith("run ")).split()[2]
    low, high = sorted(found["metrics"][name] for found in documents[::2])
    middle = (low + high) / 2
    assert f" 2   {middle:.4g} ({low:.4g} to {high:.4g})" in row
    assert all(len(line) <= 80 for line in shown if line.strip().startswith(("run ", "data.samples=")))


@pytest.mark.slow
def test_a_sweep_without_seeds_has_a_row_for_each_run(cli: Cli) -> None:
    words = ["train", "nw-regression", "trainer.max_steps=1", "-m", "data.samples=20,30"]
    shown = cli(*words).stdout
    row = next(line.split() for line in shown.splitlines() if line.strip().startswith("data.samples=30"))
    documents = json.loads(cli(*words, "--json").stdout)
    assert row[1] == f"{next(iter(documents[1]['metrics'].values())):.4g}" and "(" not in shown


@pytest.mark.slow
def test_a_key_that_only_the_swept_choices_have_is_set_in_each_job(cli: Cli) -> None:
    words = ["nw-regression", "-m", "attention=triangular,epanechnikov", "attention.width=2.5", "seed=0,1"]
    documents = json.loads(cli("train", *words, "--json").stdout)
    assert len(documents) == 4
    assert {RunRecord(Path(one["run"])).config["attention"]["width"] for one in documents} == {2.5}


@pytest.mark.slow
def test_a_sweep_over_seeds_has_medians(cli: Cli) -> None:
    shown = cli("train", "nw-regression", "trainer.max_steps=1", "-m", "seed=1,2").stdout
    assert "median" in shown and "seed=1 done: outputs" in shown


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_split_without_pairs_is_found_before_the_training(cli: Cli, tmp_path: Path, split: str) -> None:
    lines = [f"a{n % 5} b{n // 5}\tc{n % 5} d{n // 5}\n" for n in range(40)]
    (tmp_path / "mine.tsv").write_text("".join(lines))
    result = cli("train", "translation", "corpus=tsv", "corpus.path=mine.tsv", f"corpus.{split}=0")
    assert result.exit_code == 2
    assert f"no {split} pairs" in result.stderr and len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.tsv"]


@pytest.mark.parametrize("flags", [[], ["--resolve"]])
def test_showing_the_config_runs_nothing(cli: Cli, tmp_path: Path, flags: list[str]) -> None:
    result = cli("train", "nw-regression", "seed=41", "--cfg", "job", *flags)
    assert result.exit_code == 0, result.stderr
    assert "module: attnrun.experiments.nw_regression\n" in result.stdout and "seed: 41\n" in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("topic", ["defaults", pytest.param("all", marks=pytest.mark.slow)])
def test_showing_how_the_config_is_made_runs_nothing(tmp_path: Path, topic: str) -> None:
    # A process of its own: Hydra leaves a logging handler behind that writes to today's stdout.
    command = [sys.executable, "-m", "attnrun", "train", "nw-regression", "seed=41", "--info", topic]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "experiment/nw-regression" in result.stdout
    assert not _runs(tmp_path)


def test_a_config_dir_brings_choices_and_experiments_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "experiment").mkdir(parents=True)
    (mine / "attention").mkdir()
    (mine / "experiment/narrow.yaml").write_text(
        "# @package _global_\ndefaults:\n  - nw-regression\n  - override /attention: half\n  - _self_\n"
    )
    (mine / "attention/half.yaml").write_text("_target_: attnrun.attention.Boxcar\nwidth: 0.5\n")
    result = cli("train", "narrow", "--config-dir", str(mine), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["experiment"] == "narrow"
    assert "width: 0.5" in (_runs(tmp_path)[0] / "config.yaml").read_text()


def test_code_of_ones_own_needs_trust(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/their_scores.py").write_text(
        "from attnrun.attention import Uniform\n"
        "class Mine(Uniform):\n"
        "    def __init__(self, query_size, key_size, *, depth: int = 1):\n"
        "        super().__init__(query_size, key_size)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    (tmp_path / "mine/attention").mkdir(parents=True)
    (tmp_path / "mine/attention/mine.yaml").write_text("_target_: their_scores.Mine\ndepth: 2\n")
    words = ["train", "nw-regression", "attention=mine", "--config-dir", str(tmp_path / "mine"), "--json"]
    refused = cli(*words)
    assert refused.exit_code == 2 and "--trust their_scores" in refused.stderr
    result = cli(*words, "--trust", "their_scores")
    assert result.exit_code == 0, result.stderr
    metrics = json.loads(result.stdout)["metrics"]
    assert metrics["test_mse_learned"] == metrics["test_mse_average"]


TINY = [
    "corpus.limit=300",
    "corpus.held_out=30",
    "model.hidden=18",
    "model.embedding=13",
    "attention.hidden=11",
    "trainer.epochs=3",
]


def _train_in_a_process(place: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "attnrun", "train", *words, "trainer.checkpoint_every=2"]
    return subprocess.Popen(
        [*command, "runtime.threads=1", "runtime.watch=false", "trainer.log_every=1"],
        cwd=place,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for_steps(place: Path, count: int) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for rows in place.glob("outputs/*/*/metrics.jsonl"):
            if len(rows.read_text().splitlines()) >= count and list(
                rows.parent.glob("checkpoints/manifest.json")
            ):
                return rows.parent
        time.sleep(0.02)
    raise AssertionError("the training made no progress")


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_by_bit(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = _train_in_a_process(tmp_path / "whole", "translation", *TINY)
    _, stderr = whole.communicate(timeout=240)
    assert whole.returncode == 0, stderr
    killed = _train_in_a_process(tmp_path / "killed", "translation", *TINY)
    run = _wait_for_steps(tmp_path / "killed", 4)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (run / "result.json").exists()
    result = cli("resume", str(run))
    assert result.exit_code == 0, result.stderr
    (straight,) = _runs(tmp_path / "whole")
    first, second = load_newest(straight), load_newest(run)
    assert first.step == second.step
    for name, weight in first["model"].items():
        assert torch.equal(weight, second["model"][name]), name
    assert _without_time(straight) == _without_time(run)


def _without_time(run: Path) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "time"} for row in rows]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_saves_and_says_so(cli: Cli, tmp_path: Path, number: signal.Signals, code: int) -> None:
    small = ["data.train=300", "data.valid=5", "data.test=5", "data.longer=0", "model.hidden=14"]
    process = _train_in_a_process(tmp_path, "sequence", *small, "trainer.epochs=500")
    run = _wait_for_steps(tmp_path, 3)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in stderr and "is saved" in stderr.strip().splitlines()[-1]
    assert json.loads((run / "result.json").read_text())["status"] == "interrupted"


def test_resume_of_a_finished_run_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    cli("train", "nw-regression", "trainer.max_steps=1")
    (run,) = _runs(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    result = cli("resume", "latest")
    assert result.exit_code == 0 and "finished" in result.stderr
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_resume_of_nothing_is_a_mistake(cli: Cli) -> None:
    result = cli("resume", "latest")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_nonsensical_combination_of_settings_is_a_mistake(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "nw-regression", "trainer.patience=3")
    assert result.exit_code == 2
    assert "trainer.patience" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_sweep_without_jobs_is_a_mistake(cli: Cli) -> None:
    result = cli("train", "nw-regression", "-m", "seed=range(0)")
    assert result.exit_code == 2
    assert "there is no job in this sweep" in result.stderr
