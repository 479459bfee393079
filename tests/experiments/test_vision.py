"""Images into classes: what a run reports, what its model says of files, and the figures of the config."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attnrun.experiments.vision import Seer
from PIL import Image

from attnrun.attention import Heads, LearnedPositions, Mechanism, ScaledDot
from attnrun.data.examples import Examples
from attnrun.data.images import Form
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_development, open_model
from attnrun.models.vision import VisionTransformer
from attnrun.runs.find import RunRecord

Train = Callable[..., Any]
NAMES = ["[a]", "b"]
SMALL = ["data=image-folder", "data.size=6", "data.valid=0.3", "data.test=0.3", "trainer.epochs=2",
         "runtime.threads=1", "batch_size=7"]  # fmt: skip
VIT = ["model.size=12", "model.layers=2", "model.feedforward=13"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 colour images: of class [a] with a bright patch somewhere, of class b without."""
    place = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(1)
    for number in range(120):
        pixels = generator.integers(0, 90, (6, 6, 3), dtype=np.uint8)
        if number % 2 == 0:
            row, column = 2 * generator.integers(0, 3, 2)
            pixels[row : row + 2, column : column + 2] += 160
        path = place / NAMES[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return place


def execute_small(experiment: str, folder: Path, directory: Path, *words: str) -> Report:
    return execute(compose(experiment, [*SMALL, f"data.path={folder}", *words]), directory)


def untrained(pooling: str = "token") -> Seer:
    torch.manual_seed(3)
    mechanism = Mechanism(attention=ScaledDot, position=LearnedPositions, heads=Heads(3, projections=True))
    model = VisionTransformer(
        3, 2, mechanism, patch=2, pooling=pooling, size=12, layers=2, feedforward=13, dropout=0.3
    )
    form = Form(NAMES, (3, 6, 10), [0.3, 0.4, 0.5], [0.2, 0.25, 0.3])
    return Seer(model.double().eval(), form, torch.device("cpu"), batch_size=5)


def some(count: int = 7) -> Examples:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, 6, 10), generator=generator, dtype=torch.uint8)
    return Examples(images, torch.arange(count) % 2)


# The model


def test_answers_and_loss_equal_those_of_single_images():
    seer, given = untrained(), some()
    judged = seer.judge(given)
    total = 0.0
    for image, target, (answer,) in zip(given.inputs, given.targets.tolist(), judged.answers, strict=True):
        mean, spread = (torch.tensor(values)[:, None, None] for values in (seer.form.mean, seer.form.spread))
        logits = seer.model(((image / 255 - mean) / spread)[None])[0].detach().numpy()
        total -= float(logits[target] - np.log(np.exp(logits).sum()))
        assert answer == logits.argmax()
    assert judged.loss == pytest.approx(total / 7, rel=1e-6)
    assert judged.right == [[n % 2] for n in range(7)]


@pytest.mark.parametrize("pooling", ["token", "mean"])
def test_what_is_seen_stands_where_the_patches_do(pooling: str):
    seer = untrained(pooling)
    (looks,) = seer.looks(some(1))
    places = 15 + (pooling == "token")
    assert looks is not None and looks.shape == (2, 3, places, places)
    rows = np.arange(places**2, dtype=float).reshape(places, places)
    found = seer.over_patches(rows)
    assert found.shape == (3, 5)
    if pooling == "token":
        assert found[2, 1] == rows[0, 1 + 2 * 5 + 1]
    else:
        assert found[2, 1] == rows[:, 2 * 5 + 1].mean()


def test_files_are_named_and_their_maps_labelled(tmp_path: Path):
    seer, given = untrained(), some(7)
    files = []
    for number, image in enumerate(given.inputs):
        files.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(files[-1])
    assert seer.predict(files) == [NAMES[number] for (number,) in seer.judge(given).answers]
    maps = seer.weights(files)
    for found, file, looks in zip(maps, files, seer.looks(given), strict=True):
        assert found.title == file and np.array_equal(found.weights, looks)
        assert found.keys == found.queries and found.keys[:3] == ["class", "r1c1", "r1c2"]
        assert found.keys[-1] == "r3c5" and len(found.keys) == 16
    assert seer.weights(files[:1], layers=[1], heads=[0, 2])[0].weights.shape == (1, 2, 16, 16)
    assert untrained("mean").weights(files[:1])[0].keys[0] == "r1c1"
    assert seer.predict([]) == [] and seer.weights([]) == []
    for bad, message in (("none.png", "no file"), (str(tmp_path), "a directory")):
        with pytest.raises(UserError, match=message):
            seer.predict([files[0], bad])
    with pytest.raises(UserError, match="no layer 2"):
        seer.weights(files, layers=[2])


# A run and what it leaves


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        ("vision", VIT),
        ("vision", [*VIT, "model.pooling=mean", "attention=max", "mask=window"]),
        ("vision-convolutional", ["model.width=5", "model.layers=2"]),
    ],
)
def test_a_run_reports_what_its_samples_hold(
    tmp_path: Path, folder: Path, experiment: str, words: list[str]
) -> None:
    run = tmp_path / "run"
    report = execute_small(experiment, folder, run, *words)
    assert report.status == "done", report.message
    metrics, rows = RunRecord(run).result["metrics"], read_rows(run / "samples/test.jsonl")
    assert metrics["test_images"] == len(rows) and 20 < len(rows) < 50
    assert [row["image"] for row in rows] == list(range(len(rows)))
    right = [row["prediction"] == row["class"] for row in rows]
    assert metrics["accuracy"] == report.primary == pytest.approx(sum(right) / len(rows))
    worst = min(
        np.mean([hit for hit, row in zip(right, rows, strict=True) if row["class"] == name]) for name in NAMES
    )
    assert metrics["accuracy_worst_class"] == pytest.approx(worst)
    assert 0 <= metrics["accuracy_linear"] <= 1
    attends = experiment == "vision"
    figures = {path.stem for path in (run / "figures").iterdir()}
    assert figures == {"loss", "confusion"} | ({"attention"} if attends else set())
    assert any("valid/loss" in row for row in read_rows(run / "metrics.jsonl"))
    seer = open_model(run)
    files = [str(file) for name in NAMES for file in sorted((folder / name).iterdir())]
    answers = seer.predict(files)
    assert set(answers) <= set(NAMES) and len(answers) == 120
    if attends:
        assert seer.weights(files[:1])[0].weights.shape[0] == 2
    else:
        with pytest.raises(UserError, match="no attention to show"):
            seer.weights(files[:1])


def test_data_of_other_classes_or_another_size_are_no_development_of_a_run(
    tmp_path: Path, folder: Path
) -> None:
    place, run = tmp_path / "images", tmp_path / "run"
    shutil.copytree(folder, place)
    assert execute_small("vision", place, run, *VIT, "trainer.max_steps=1").status == "done"
    assert open_development(run).evaluate()["accuracy"] >= 0
    (place / NAMES[1]).rename(place / "0")  # which stands before the other: each would be the other's number
    with pytest.raises(UserError, match="data: the classes are not those of the training: 0, b"):
        open_development(run)
    (place / "0").rename(place / NAMES[1])
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("  size: 6\n", "  size: 8\n"))
    with pytest.raises(UserError, match="images of 3 x 8 x 8 and no longer 3 x 6 x 6"):
        open_development(run)


@pytest.mark.slow
def test_one_seed_gives_one_result_and_the_splits_are_those_of_every_seed(
    tmp_path: Path, folder: Path
) -> None:
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        assert execute_small("vision", folder, tmp_path / name, *VIT, f"seed={seed}").status == "done"
    first, second, other = (
        RunRecord(tmp_path / name).result["metrics"] for name in ("first", "second", "other")
    )
    assert first == second != other
    assert first["accuracy_linear"] == other["accuracy_linear"]
    rows = [read_rows(tmp_path / name / "samples/test.jsonl") for name in ("first", "other")]
    assert [row["class"] for row in rows[0]] == [row["class"] for row in rows[1]]


@pytest.mark.figures
def test_a_bright_patch_anywhere_is_learned(tmp_path: Path, folder: Path) -> None:
    words = [*VIT, "trainer.epochs=30", "augment.shift=0", "augment.turn=0", "augment.zoom=0"]
    report = execute_small("vision", folder, tmp_path / "run", *words)
    assert report.primary is not None and report.primary >= 0.9, report.message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=sine"], "data: this experiment takes images, such as data=digits"),
        (["data=digits", "model.patch=3"], "model.patch=3 does not divide images of 8 x 8 pixels"),
        (["data=digits", "position.maximum_length=16"], "makes 17 places of 8 x 8 pixels"),
        (["data=image-folder", "data.path=/none"], "data.path='/none': no folder"),
        (["attention=none"], "or experiment vision-convolutional"),
        (["mask=block"], "set model.pooling=mean, or mask=full"),
        (["mask=local-p", "model.pooling=mean"], "choose mask=full"),
        (
            ["model=gru", "position=none", "mask=full", "heads=single"],
            "model: RnnSeq2Seq is for another experiment",
        ),
        (["model=convolutional-small"], "has no attention; set attention=none"),
        (["attention=none", "model=convolutional-small"], "takes no positions; set position=none"),
        (["augment.zoom=1"], "augment.zoom=1"),
        (["augment.shift=-1"], "augment.shift=-1"),
        (["augment=3"], "augment=3: this is no value but a node; its keys are augment.shift, augment.turn"),
        (["augment.flop=true"], "no config key 'augment.flop'"),
        (["data=digits", "data.test=0"], "none for the split 'test'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_run(tmp_path: Path, words: list[str], message: str) -> None:
    try:
        report = execute(compose("vision", words), tmp_path / "run")
        assert (report.status, report.exit_code) == ("refused", 2)
        said = report.message
    except UserError as error:
        said = str(error)
    assert message in said and "\n" not in said
    assert not (tmp_path / "run").exists()


def test_a_model_of_images_is_refused_where_there_are_none(tmp_path: Path) -> None:
    report = execute(compose("translation", ["model=vit"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert "model: VisionTransformer is for another experiment" in report.message


# The figures of the config


@pytest.mark.figures
@pytest.mark.timeout(1800)
def test_the_digits_are_read_as_stated(train: Train) -> None:
    runs = train("vision", "runtime.threads=1", "-m", "seed=0,1,2")
    assert len(runs) == 3
    assert min(run["metrics"]["accuracy"] for run in runs) >= 0.97
    assert all(run["metrics"]["accuracy"] > run["metrics"]["accuracy_linear"] for run in runs)
