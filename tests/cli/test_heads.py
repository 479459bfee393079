"""`attnrun heads` as a user calls it."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from attnrun.analysis.head_lab import Lab
from attnrun.cli.ends import echo_json
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_development
from attnrun.runs.find import RunRecord
from tests.experiments.small import TINY, aligned_corpus

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]
SIDES = ("source", "target", "cross")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with outputs/: a Transformer of 3 heads, an RNN of one, and one of none."""
    place = tmp_path_factory.mktemp("runs")
    corpus = aligned_corpus(place)
    small = ["model.size=12", "model.feedforward=16", "model.layers=1", "heads.count=3", "trainer.epochs=2",
             "runtime.watch=false"]  # fmt: skip
    for name, experiment, words in (
        ("several", "transformer", [*small, "optim.lr=0.02", "runtime.threads=1"]),
        ("one", "translation", TINY),
        ("none", "translation", [*TINY, "attention=none"]),
    ):
        report = execute(compose(experiment, [*corpus, *words]), place / "outputs" / experiment / name)
        assert report.status == "done", report.message
    points = compose("nw-regression", ["trainer.max_steps=1"])
    assert execute(points, place / "outputs/nw-regression/points").status == "done"
    return place


@pytest.fixture
def here(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(runs)
    return cli


def best_of(directory: Path) -> dict[str, float]:
    """The evaluation of the weights that were kept."""
    rows = [row for row in RunRecord(directory).metrics_rows() if "valid/bleu" in row]
    best = max(rows, key=lambda row: row["valid/bleu"])
    return {name[6:]: value for name, value in best.items() if name.startswith("valid/")}


def test_every_head_is_measured_and_the_curve_begins_where_the_training_ended(here: Cli, runs: Path) -> None:
    result = here("heads", "several", "--steps", "3", "--json", "-o", "curve.svg")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    heads = [(row["side"], row["layer"], row["head"]) for row in document["heads"]]
    assert sorted(heads) == sorted((side, 0, head) for side in SIDES for head in range(3))
    best = best_of(runs / "outputs/transformer/several")
    assert document["development"] == pytest.approx(best, rel=1e-6)
    assert [point["removed"] for point in document["curve"]] == [0, 3, 6, 9]
    assert document["curve"][0] == {"removed": 0, **document["development"]}
    slopes = {(row["side"], row["head"]): row["gradient"] for row in document["heads"]}
    for side in SIDES:
        assert sum(slopes[side, head] ** 2 for head in range(3)) == pytest.approx(1)
    ordered = [slopes[one["side"], one["head"]] for one in document["order"]]
    assert ordered == sorted(ordered) and len(ordered) == 9
    assert document["metric"] == "bleu" and document["experiment"] == "transformer"
    assert result.stderr == "attnrun: written: curve.svg\n"
    assert (runs / "curve.svg").read_text().count("<svg") == 1


@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.3, 1.0])
def test_what_is_removable_is_the_last_point_of_the_curve_before_too_much_is_lost(
    here: Cli, tolerance: float
) -> None:
    result = here("heads", "several", "--steps", "9", "--tolerance", str(tolerance), "--json")
    document = json.loads(result.stdout)
    curve = [(point["removed"], point["bleu"]) for point in document["curve"]]
    expected = 0
    for removed, bleu in curve:
        if curve[0][1] - bleu > tolerance * curve[0][1]:
            break
        expected = removed
    assert document["removable"] == expected


def test_by_ablation_the_head_whose_loss_costs_least_goes_first(here: Cli) -> None:
    document = json.loads(here("heads", "several", "--by", "ablation", "--steps", "9", "--json").stdout)
    by_name = {(row["side"], row["head"]): row for row in document["heads"]}
    first, second = (by_name[one["side"], one["head"]] for one in document["order"][:2])
    assert (-first["bleu_change"], first["loss_change"]) == min(
        (-row["bleu_change"], row["loss_change"]) for row in document["heads"]
    )
    one = document["curve"][1]
    assert one["loss"] - document["development"]["loss"] == pytest.approx(first["loss_change"], abs=1e-9)
    assert first is not second


def test_the_terminal_and_a_table_of_values(here: Cli) -> None:
    shown = here("heads", "several", "--steps", "1", "--tolerance", "1")
    assert shown.exit_code == 0
    for word in ("side", "Δ bleu", "Δ loss", "gradient", "removed", "at least 9 of 9 heads can go"):
        assert word in shown.stdout
    rows = list(csv.DictReader(here("heads", "several", "--steps", "1", "--csv").stdout.splitlines()))
    assert len(rows) == 9
    assert list(rows[0]) == ["side", "layer", "head", "bleu_change", "loss_change", "gradient"]


def test_one_head_is_worth_what_the_model_loses_without_attention(here: Cli) -> None:
    result = here("heads", "one", "--json")
    document = json.loads(result.stdout)
    assert "this model has one head: it is measured with it and without attention" in result.stderr
    ((row,), (first, last)) = document["heads"], document["curve"]
    assert (row["side"], row["layer"], row["head"], row["gradient"]) == ("cross", 0, 0, pytest.approx(1))
    assert (first["removed"], last["removed"]) == (0, 1)
    assert last["loss"] - first["loss"] == pytest.approx(row["loss_change"]) != 0
    shown = here("heads", "one", "--tolerance", "1")
    assert shown.exit_code == 0 and "at least 1 of 1 heads can go" in shown.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "this model has no attention, and so no heads"),
        (["points"], "is a run of nw-regression, whose heads cannot be measured"),
        (["nothing-of-this-name"], "nothing-of-this-name"),
        (["several", "--json", "--csv"], "two forms of one output"),
        (["several", "-o", "curve.txt"], "ends in .png, .svg or .pdf"),
    ],
)
def test_what_cannot_be_is_one_line(here: Cli, words: list[str], message: str) -> None:
    result = here("heads", *words)
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert message in line


def test_a_run_whose_identity_is_damaged_is_measured_by_its_result_or_refused(
    here: Cli, runs: Path, tmp_path: Path
) -> None:
    place = tmp_path / "copy"
    shutil.copytree(runs / "outputs/transformer/several", place)
    (place / "run.json").write_text("{")
    result = here("heads", str(place), "--steps", "1", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["metric"] == "bleu", result.stderr
    told = json.loads((place / "result.json").read_text())
    (place / "result.json").write_text(json.dumps(told | {"primary": None}))
    result = here("heads", str(place))
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2 and "is damaged: neither result.json nor run.json names its metric" in line


def test_a_data_file_that_has_changed_is_told_of(cli: Cli, tmp_path: Path) -> None:
    """New labels are left out: the model has no number for them. What is left is worth something else."""
    file, place = tmp_path / "texts.tsv", tmp_path / "run"
    lines = [f"{'ab'[n % 2]}{n % 7}{n % 11}{n % 13}\t{'left' if n % 2 else 'right'}" for n in range(300)]
    file.write_text("\n".join(dict.fromkeys(lines)) + "\n")
    words = ["model=transformer-classifier", "model.size=12", "model.feedforward=13", "heads.count=3",
             "data=labelled", f"data.path={file}", "trainer.epochs=2", "runtime.threads=1"]  # fmt: skip
    report = execute(compose("classification", words), place)
    assert report.status == "done", report.message
    result = cli("heads", str(place), "--steps", "1", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    expected = json.loads(result.stdout)["development"]
    file.write_text(file.read_text() + "".join(f"{n}{n % 5}\tapart\n" for n in range(90)))
    again = cli("heads", str(place), "--steps", "1", "--json")
    assert again.exit_code == 0 and json.loads(again.stdout)["development"] == expected
    swapped = {"left": "right", "right": "left"}
    rows = [line.split("\t") for line in file.read_text().splitlines()]
    file.write_text("".join(f"{text}\t{swapped.get(label, label)}\n" for text, label in rows))
    again = cli("heads", str(place), "--steps", "1", "--json")
    (line,) = again.stderr.splitlines()
    assert again.exit_code == 0 and f"and was {expected['accuracy']:.4g} when the training chose" in line
    file.write_text("".join(f"{text}\t{label}er\n" for text, label in rows))
    again = cli("heads", str(place))
    assert again.exit_code == 2 and "none is left for the split 'valid'" in again.stderr


def test_json_holds_no_figure_that_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"a": [float("nan"), 1.5], "b": float("-inf")})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"a": [None, 1.5], "b": None}


_LONGER = [
    pytest.param(task, marks=pytest.mark.slow)
    for task in ("tagging", "language-model", "vision", "speech", "summarisation")
]


@pytest.mark.parametrize("task", ["sequence", "classification", "qa", "forecasting", *_LONGER])
def test_a_run_is_measured_on_what_it_chose_by_as_it_was_in_training(task: str, tmp_path: Path) -> None:
    import torch

    from attnrun.launch.matrix import tasks

    entry = next(one for one in tasks() if one.name == task)
    if entry.needs:
        pytest.importorskip(entry.needs)
    plain = compose(
        task, [*entry.smoke.split(), "trainer.max_steps=2", "runtime.threads=1", "runtime.watch=false"]
    )
    assert execute(plain, tmp_path / "run").status == "done"
    (row,) = [one for one in RunRecord(tmp_path / "run").metrics_rows() if "valid/loss" in one]
    found = open_development(tmp_path / "run")
    again = {f"valid/{name}": value for name, value in found.evaluate().items()}
    assert again == pytest.approx({name: row[name] for name in again}, rel=1e-6)
    total = count = 0.0
    with torch.no_grad():
        for indices in found.batches.sequential():
            loss, number = found.loss(found.batches.collate(indices).to(found.device))
            total, count = total + float(loss), count + float(number)
    assert total / count == pytest.approx(row["valid/loss"], rel=1e-4)
    record = RunRecord(tmp_path / "run")
    lab = Lab(found, *record.primary)
    silent = lab.measure(range(len(lab.heads)))
    assert silent.metrics["loss"] != pytest.approx(row["valid/loss"], rel=1e-6)
    slopes = lab.gradients()
    layers = {(head.side, head.layer) for head in lab.heads}
    assert (slopes >= 0).all() and (slopes**2).sum() == pytest.approx(len(layers))
