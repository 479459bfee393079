"""What TensorBoard sees of attention while any task trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.analysis.head_figures import head_figures
from attnrun.data.corpus import Pair
from attnrun.errors import Interrupted
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.launch.matrix import tasks
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord
from attnrun.training import seq2seq
from tests.experiments.small import aligned_corpus
from tests.training.outcome import curves, equal, outcome

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the protobuf that reads events
TRANSFORMER = [
    "model.size=12", "model.feedforward=13", "heads.count=3", "trainer.epochs=3", "batch_size=16",
    "runtime.threads=1",
]  # fmt: skip
SMALL = {"embedding": 16, "hidden": 16, "size": 16, "feedforward": 16, "layers": 1}
WITHOUT_EVALUATIONS = {"nw-regression", "ibm-model-1"}


def attention_curves(directory: Path) -> dict[str, list[tuple[int, float]]]:
    return {tag: found for tag, found in curves(directory).items() if tag.startswith("attention_")}


def images(directory: Path) -> dict[str, list[tuple[int, bytes]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory), {"images": 0}).Reload()
    return {
        tag: [(one.step, one.encoded_image_string) for one in events.Images(tag)]
        for tag in events.Tags()["images"]
        if tag.startswith("heads")
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return aligned_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: list[str]) -> Path:
    place = tmp_path_factory.mktemp("whole") / "run"
    report = execute(compose("transformer", [*corpus, *TRANSFORMER]), place)
    assert report.status == "done", report.message
    return place


def test_every_head_of_every_side_has_its_curves_and_its_place_in_a_picture(whole: Path) -> None:
    expected = {
        f"attention_{name}_{side}/layer{layer}-head{head}"
        for name in ("entropy", "entropy_share", "largest", "distance")
        for side in ("cross", "source", "target")
        for layer in range(2)
        for head in range(3)
    }
    found = attention_curves(whole)
    assert found.keys() == expected
    evaluated = [row["step"] for row in RunRecord(whole).metrics_rows() if "valid/bleu" in row]
    assert len(evaluated) == 3
    assert all([step for step, _ in points] == evaluated for points in found.values())
    assert {tag: [step for step, _ in one] for tag, one in images(whole).items()} == dict.fromkeys(
        ("heads_cross", "heads_source", "heads_target"), evaluated
    )
    pictures = images(whole)["heads_cross"]
    assert len({png for _, png in pictures}) == 3
    assert not any("attention_" in name for row in RunRecord(whole).metrics_rows() for name in row)


def test_the_curves_end_where_the_trained_model_is(whole: Path, corpus: list[str]) -> None:
    """Of the best epoch; and no padding counts: pairs of two and three words are looked at one by one."""
    best = RunRecord(whole).metrics_rows()
    step = max((row for row in best if "valid/bleu" in row), key=lambda row: row["valid/bleu"])["step"]
    model = open_model(whole, device="cpu")
    config: Any = check(RunRecord(whole).config).config
    pairs = config.corpus().valid
    assert {len(pair.source.split()) for pair in pairs} == {2, 3}
    alone = [model.looks([pair]) for pair in pairs]
    found = attention_curves(whole)
    for side in ("cross", "source", "target"):
        figures = head_figures([one[side][0] for one in alone])
        for name, values in figures.items():
            for layer, head in np.ndindex(2, 3):
                at = dict(found[f"attention_{name}_{side}/layer{layer}-head{head}"])[step]
                assert at == pytest.approx(values[layer, head], abs=1e-5)
    for side, maps in model.looks([Pair("a k e", "ex kx ax")]).items():
        rows = ["a", "k", "e"] if side == "source" else ["ex", "kx", "ax"]
        rows = {"cross": [*rows, "<eos>"], "source": rows, "target": ["<bos>", *rows]}[side]
        assert maps[0].queries == rows


def test_the_projector_gets_an_embedding_of_each_side(whole: Path) -> None:
    model = open_model(whole, device="cpu")
    for side in ("source", "target"):
        vectors = np.loadtxt(whole / f"embeddings/{side}_embedding.tsv", delimiter="\t")
        weight = getattr(model.model, f"{side}_embedding").weight.detach().numpy()
        np.testing.assert_allclose(vectors, weight, rtol=1e-4, atol=1e-6)
        labels = (whole / f"embeddings/{side}_embedding_labels.tsv").read_text().split("\n")[:-1]
        assert labels == getattr(model, side).labels(range(len(weight)))


def test_without_it_the_same_is_learned_and_nothing_of_it_is_written(
    whole: Path, corpus: list[str], tmp_path: Path
) -> None:
    plain = compose("transformer", [*corpus, *TRANSFORMER, "runtime.watch=false"])
    assert execute(plain, tmp_path / "run").status == "done"
    assert equal(outcome(tmp_path / "run"), outcome(whole))
    assert RunRecord(tmp_path / "run").config_hash == RunRecord(whole).config_hash
    assert not attention_curves(tmp_path / "run") and not images(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").rglob("*")}
    assert not {name for name in names if "heads" in name or "projector" in name or "embedding" in name}


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3])
def test_interrupted_and_resumed_shows_everything_once(
    number: int, whole: Path, corpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the evaluation before it, or while it looks: the evaluation is made again."""
    looks, calls = seq2seq.looks, 0

    def interrupted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise Interrupted("interrupted by SIGTERM", 15)
        return looks(*args)

    plain = compose("transformer", [*corpus, *TRANSFORMER])
    monkeypatch.setattr(seq2seq, "looks", interrupted)
    assert execute(plain, tmp_path / "run").status == "interrupted"
    monkeypatch.undo()
    assert execute(plain, tmp_path / "run").status == "done"
    assert equal(outcome(tmp_path / "run"), outcome(whole))
    assert attention_curves(tmp_path / "run") == attention_curves(whole)
    assert images(tmp_path / "run") == images(whole)


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for task in tasks() if task.name not in WITHOUT_EVALUATIONS])
def test_every_task_that_attends_is_seen(task: Any, tmp_path: Path) -> None:
    words = [*task.smoke.split(), "trainer.max_steps=1", "runtime.threads=1"]
    plain = compose(task.name, words)
    words += [f"model.{key}={size}" for key, size in SMALL.items() if key in plain["model"]]
    attends = plain["attention"]["_target_"] is not None
    if task.needs:
        pytest.importorskip(task.needs)
    assert execute(compose(task.name, words), tmp_path / "run").status == "done"
    found = attention_curves(tmp_path / "run")
    assert bool(found) == attends == bool(images(tmp_path / "run"))
    assert all(len(points) == 1 and points[0][1] >= 0 for points in found.values())
    assert (tmp_path / "run/embeddings").exists() == (task.name not in ("vision", "forecasting"))
