"""What a run leaves in its directory, however it ends."""

import json
import logging
import math
import random
import warnings

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure

from attnrun.errors import Interrupted, UserError
from attnrun.runs import opening
from attnrun.runs.device import Runtime
from attnrun.runs.find import RunRecord

KEYS = {
    "status",
    "experiment",
    "config_hash",
    "seed",
    "metrics",
    "primary",
    "device",
    "versions",
    "seconds",
    "warnings",
}


def events(directory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(directory), {"images": 0, "scalars": 0, "tensors": 0})
        found.Reload()
    return found


def scalars(directory, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(directory).Scalars(name)]


def result(directory):
    def refuse(word: str):
        raise ValueError(word)

    return json.loads((directory / "result.json").read_text(), parse_constant=refuse)


def test_done(open_run, tmp_path):
    with open_run(tmp_path / "a" / "b") as run:
        run.log(3, {"train/loss": 0.5}, epoch=1)
        run.finish({"test_loss": 0.25, "signature": "x|y", "curve": [1, 2]})
    found = result(tmp_path / "a" / "b")
    assert found.keys() == KEYS
    assert (found["status"], found["experiment"], found["config_hash"], found["seed"]) == (
        "done",
        "tiny",
        "abc",
        5,
    )
    assert found["metrics"] == {"test_loss": 0.25, "signature": "x|y", "curve": [1, 2]}
    assert found["primary"] == {"name": "test_loss", "goal": "min"}
    assert (found["device"], found["warnings"]) == ("cpu", [])
    assert found["versions"]["torch"] == torch.__version__


def test_directory_tells_everything(open_run, tmp_path):
    with open_run(tmp_path) as run:
        config = run.config
        run.finish({})
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == config
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert {"versions", "platform", "cpu", "device", "threads", "git"} <= environment.keys()
    assert "tiny" in (tmp_path / "job.log").read_text()
    assert not list(tmp_path.rglob("*.tmp.*"))


def test_environment_holds_no_environment_variables(open_run, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "sesame-7919")
    with open_run(tmp_path) as run:
        run.finish({})
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sesame-7919" not in written


def test_failed(open_run, tmp_path):
    with pytest.raises(ZeroDivisionError), open_run(tmp_path):
        1 / 0  # noqa: B018
    assert result(tmp_path)["status"] == "failed"
    assert "ZeroDivisionError: division by zero" in result(tmp_path)["warnings"]
    assert "division by zero" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize("error", [Interrupted("by SIGTERM", 15), KeyboardInterrupt(), SystemExit(-1)])
def test_interrupted(open_run, tmp_path, error):
    with pytest.raises(type(error)), open_run(tmp_path):
        raise error
    assert result(tmp_path)["status"] == "interrupted"


def test_leaving_without_a_result_is_a_failure(open_run, tmp_path):
    with open_run(tmp_path):
        pass
    assert result(tmp_path)["status"] == "failed"


def test_non_finite_values_become_null_and_a_warning(open_run, tmp_path):
    with open_run(tmp_path) as run:
        run.log(1, {"train/loss": math.nan, "train/rate": np.float32(0.5)})
        run.finish({"test_loss": math.inf, "nested": {"a": [1.0, -math.inf]}})
    found = result(tmp_path)
    assert found["metrics"] == {"test_loss": None, "nested": {"a": [1.0, None]}}
    assert found["warnings"] == [
        "train/loss was not a finite number",
        "metric test_loss is not a finite number",
        "metric nested.a[1] is not a finite number",
    ]
    row = RunRecord(tmp_path).metrics_rows()[0]
    assert (row["train/loss"], row["train/rate"]) == (None, 0.5)


def test_a_warning_is_kept_once(open_run, tmp_path):
    with open_run(tmp_path) as run:
        for text in ("odd", "odder", "odd"):
            run.warn(text)
        run.finish({})
    assert result(tmp_path)["warnings"] == ["odd", "odder"]


def test_rows_and_scalars_agree(open_run, tmp_path):
    with open_run(tmp_path) as run:
        for step in (1, 2, 5):
            run.log(step, {"train/loss": step / 4}, epoch=0)
        run.finish({"test_loss": 0.125})
    rows = RunRecord(tmp_path).metrics_rows()
    assert [(row["step"], row["epoch"], row["train/loss"]) for row in rows] == [
        (1, 0, 0.25),
        (2, 0, 0.5),
        (5, 0, 1.25),
    ]
    assert scalars(tmp_path, "train/loss") == [(1, 0.25), (2, 0.5), (5, 1.25)]
    assert scalars(tmp_path, "test_loss") == [(5, 0.125)]


def test_hparams_without_a_run_of_their_own(open_run, tmp_path):
    from tensorboard.plugins.hparams import metadata

    with open_run(tmp_path) as run:
        run.log(1, {"train/loss": 1.0})
        run.finish({"test_loss": 0.125})
    assert len(list(tmp_path.rglob("*tfevents*"))) == 1
    found = events(tmp_path).summary_metadata
    assert {metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG} <= found.keys()
    assert metadata.EXPERIMENT_TAG not in found
    content = metadata.parse_session_start_info_plugin_data(
        found[metadata.SESSION_START_INFO_TAG].plugin_data.content
    )
    assert content.hparams["optim.lr"].number_value == 0.25
    assert not [name for name in content.hparams if name.startswith("runtime")]


def test_figure_text_and_samples(open_run, tmp_path):
    with open_run(tmp_path) as run:
        figure = Figure(figsize=(2, 3), dpi=50)
        figure.subplots().plot([1, 4])
        run.step = 7
        path = run.figure("maps/layer_0", figure)
        run.text("notes", "**bold**")
        run.samples("plain", "a\nb")
        run.samples("sound", b"RIFF\0")
        run.samples("rows", [{"text": "\ud800 é", "loss": math.nan}])
        run.finish({})
    assert path == tmp_path / "figures" / "maps" / "layer_0.png"
    image = events(tmp_path).Images("maps/layer_0")[0]
    assert (image.step, image.width, image.height) == (7, 100, 150)
    assert image.encoded_image_string == path.read_bytes()
    assert "notes/text_summary" in events(tmp_path).Tags()["tensors"]
    assert (tmp_path / "samples" / "plain.txt").read_text() == "a\nb\n"
    assert (tmp_path / "samples" / "sound.wav").read_bytes() == b"RIFF\0"
    assert json.loads((tmp_path / "samples" / "rows.jsonl").read_text()) == {"text": "\ud800 é", "loss": None}


@pytest.mark.parametrize("name", ["", "../x", "/x", "a//b", "a/", "A", "a b", "a.b", ".", "é", "a\n"])
def test_odd_names_are_refused(open_run, tmp_path, name):
    with open_run(tmp_path / "run") as run:
        for write in (
            lambda: run.samples(name, "x"),
            lambda: run.save_json(name, {}),
            lambda: run.text(name, "x"),
        ):
            with pytest.raises(ValueError, match="is no name"):
                write()
        run.finish({})


def test_save_json_leaves_the_result_alone(open_run, tmp_path):
    with open_run(tmp_path) as run:
        run.save_json("points", {"x": [1.5, math.nan]})
        with pytest.raises(ValueError, match=r"result\.json"):
            run.save_json("result", {})
        run.finish({})
    assert json.loads((tmp_path / "points.json").read_text()) == {"x": [1.5, None]}


def test_seeds_follow_from_the_seed(open_run, tmp_path):
    def draws(name: str, seed: int) -> tuple:
        with open_run(tmp_path / name, seed=seed) as run:
            run.finish({})
            return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draws("a", 5) == draws("b", 5)
    assert all(one != other for one, other in zip(draws("c", 5), draws("d", 6), strict=True))


def test_resume_cuts_rows_and_events(open_run, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with open_run(tmp_path) as run:
        (tmp_path / "checkpoints" / "manifest.json").write_text("{}")
        run.log(1, {"train/loss": 1.0})
        position = run.position()
        run.log(1, {"valid/loss": 9.0})  # after the checkpoint, at the same step
        run.log(2, {"train/loss": 9.0})
        run.interrupt()
    with open_run(tmp_path) as run:
        run.truncate(1, position)
        run.log(2, {"train/loss": 2.0})
        run.finish({})
    assert [row.get("train/loss") for row in RunRecord(tmp_path).metrics_rows()] == [1.0, 2.0]
    assert scalars(tmp_path, "train/loss") == [(1, 1.0), (2, 2.0)]


def test_without_a_checkpoint_nothing_old_stays(open_run, tmp_path):
    for value in (1.0, 2.0):
        with open_run(tmp_path) as run:
            run.log(1, {"train/loss": value})
            run.interrupt()
    assert [row["train/loss"] for row in RunRecord(tmp_path).metrics_rows()] == [2.0]
    assert scalars(tmp_path, "train/loss") == [(1, 2.0)]


def test_a_run_of_another_configuration_is_refused(open_run, tmp_path):
    with open_run(tmp_path) as run:
        run.finish({"test_loss": 1.0})
    before = (tmp_path / "result.json").read_bytes()
    with pytest.raises(UserError, match="another configuration"):
        open_run(tmp_path, config_hash="abd")
    assert (tmp_path / "result.json").read_bytes() == before


def test_an_absent_device_leaves_no_directory(open_run, tmp_path):
    with pytest.raises(UserError, match="cuda:93"):
        open_run(tmp_path / "new", runtime=Runtime(device="cuda:93"))
    assert not (tmp_path / "new").exists()


def test_a_failed_opening_lets_the_lock_go(open_run, tmp_path):
    before = list(logging.getLogger("attnrun").handlers)
    with pytest.raises(UserError), open_run(tmp_path) as run:
        run.finish({})
        open_run(tmp_path)
    with open_run(tmp_path) as run, pytest.raises(ValueError, match="min"):
        run.finish({})
        open_run(tmp_path / "other", primary=("loss", "least"))
    assert logging.getLogger("attnrun").handlers == before


@pytest.mark.parametrize("step", ["write_environment", "write_identity", "write_config"])
def test_a_run_that_cannot_begin_leaves_nothing(open_run, tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError("no room")

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/job.log").write_text("mine")
    with open_run(tmp_path / "begun") as run:
        run.finish({})
    monkeypatch.setattr(opening, step, fail)
    for name in ("new", "mine", "begun"):
        with pytest.raises(OSError, match="no room"):
            open_run(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "mine"]
    assert (tmp_path / "begun/config.yaml").is_file()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["job.log"]


def test_discard_removes_what_is_ours(open_run, tmp_path):
    directory = tmp_path / "run"
    with open_run(directory) as run:
        run.log(1, {"train/loss": 1.0})
        run.samples("a/b", "x")
        run.save_json("points", {})
        run.discard()
    assert not directory.exists()
    directory.mkdir()
    (directory / "thesis.tex").write_text("mine")
    with open_run(directory) as run:
        run.discard()
    assert [path.name for path in directory.iterdir()] == ["thesis.tex"]


def test_discard_keeps_what_was_there_before(open_run, tmp_path):
    (tmp_path / "figures").mkdir()
    mine = [tmp_path / name for name in ("figures/mine.png", "job.log", "events.out.tfevents.1.mine")]
    for path in mine:
        path.write_text("mine")
    with open_run(tmp_path) as run:
        run.figure("curves", Figure(figsize=(2, 3), dpi=50))
        run.samples("plain", "a")
        run.discard()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(mine)


@pytest.mark.parametrize("name", ["config.yaml", "result.json", "metrics.jsonl"])
def test_no_run_is_written_over_files_of_something_else(open_run, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"is no run and holds {name}"):
        open_run(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}
