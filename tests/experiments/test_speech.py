"""Speech as a user runs it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.data.recordings import spoken_digits
from attnrun.data.wav import to_wav
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from attnrun.launch.trained import open_model
from attnrun.runs.find import RunRecord
from attnrun.training.answers import edits

SMALL = [
    "data.train=160", "data.valid=10", "data.test=12", "data.speakers=2", "data.minimum_digits=2",
    "data.maximum_digits=2", "features.hop=0.02", "features.filters=20", "model.hidden=32", "model.pyramid=2",
    "trainer.epochs=4", "batch_size=8", "optim.lr=0.01", "runtime.threads=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run") / "speech"
    report = execute(compose("speech", SMALL), place)
    assert report.status == "done", report.message
    return place


def rows_of(run: Path) -> list[dict[str, str]]:
    return [json.loads(row) for row in (run / "samples/test.jsonl").read_text().splitlines()]


def test_figures_are_those_of_the_answers(trained: Path) -> None:
    metrics, rows = RunRecord(trained).metrics, rows_of(trained)
    assert len(rows) == 12 == metrics["test_recordings"]
    both = [(row["prediction"].split(), row["target"].split()) for row in rows]
    assert metrics["accuracy"] == sum(found == right for found, right in both) / 12
    wrong = sum(edits(*pair) for pair in both) / sum(len(right) for _, right in both)
    assert metrics["token_error_rate"] == pytest.approx(wrong)
    assert 0 <= metrics["monotonicity"] <= 1
    names = {path.name for path in (trained / "figures").iterdir()}
    assert names == {"attention.png", "loss.png", "spectrogram.png"}
    logged = RunRecord(trained).metrics_rows()
    seen = [row["train/epoch_loss"] for row in logged if "train/epoch_loss" in row]
    assert len(seen) == 4 and seen[-1] < 0.8 * seen[0]


def test_a_recording_that_the_run_kept_is_heard_again_as_in_the_test(trained: Path) -> None:
    rows, model = rows_of(trained), open_model(trained)
    kept = [row for row in rows if "recording" in row]
    assert [row["recording"] for row in kept] == [f"test-{n}.wav" for n in range(10)]
    paths = [str(trained / "samples" / row["recording"]) for row in kept]
    assert model.predict(paths) == [row["prediction"] for row in kept]
    (look,) = model.weights(paths[:1])
    assert look.queries == rows[0]["prediction"].split() and look.keys[:3] == ["0.00", "0.08", "0.16"]
    np.testing.assert_allclose(look.weights.sum(-1), 1, atol=1e-5)
    original = spoken_digits(0, train=1, valid=1, test=12, speakers=2, minimum_digits=2, maximum_digits=2)
    frames = 1 + (len(original.test[0].samples) - 200) // 160
    assert len(look.keys) == -(-frames // 4)
    for name in ("none.wav", "config.yaml"):
        with pytest.raises(UserError, match=name):
            model.predict([str(trained / name)])
    assert model.predict([]) == []


def tones(folder: Path, labels: Callable[[int], str]) -> None:
    """Recordings of a low and a high tone, at 11,025 samples a second, a folder for each."""
    for number in range(30):
        hertz, seconds = 300 + 900 * (number % 2), 0.3 + 0.01 * number
        time = np.arange(int(11025 * seconds)) / 11025
        noise = np.random.default_rng(number).normal(0, 0.02, len(time))
        loudness = 0.5 * (time > 0.1)  # what sounds all the time has no mark in normalised features
        path = folder / labels(number % 2) / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_wav(loudness * np.sin(2 * np.pi * hertz * time) + noise, 11025))


@pytest.mark.parametrize("attention", ["dot", "none"])
def test_a_folder_of_ones_own_spelled_in_letters(attention: str, tmp_path: Path) -> None:
    tones(tmp_path / "mine", lambda high: "high" if high else "low")
    words = [word for word in SMALL if not word.startswith("data.")]
    words += ["data=wav-folder", f"data.path={tmp_path / 'mine'}", "tokeniser=characters", "search=beam"]
    words += ["search.length_factor=0.5", f"attention={attention}", "trainer.epochs=8", "batch_size=4"]
    words += ["trainer.evaluate_every=8"]  # so that the last weights are kept
    report = execute(compose("speech", words), tmp_path / "run")
    assert report.status == "done", report.message
    metrics = RunRecord(tmp_path / "run").metrics
    assert metrics["accuracy"] == 1 and ("monotonicity" in metrics) == (attention == "dot")
    model = open_model(tmp_path / "run")
    assert model.predict([str(tmp_path / "mine/low/0.wav"), str(tmp_path / "mine/high/1.wav")]) == [
        "low",
        "high",
    ]
    assert (tmp_path / "run/figures/attention.png").exists() == (attention == "dot")
    if attention == "none":
        with pytest.raises(UserError, match="has no attention"):
            model.weights([str(tmp_path / "mine/low/0.wav")])


@pytest.mark.parametrize(
    "words, message",
    [
        (["data=sine"], "takes recordings, such as data=spoken-digits"),
        (["position=sinusoidal"], "takes no positions"),
        (["data=wav-folder", "data.path=/none"], "data.path='/none': no folder"),
        (["batch_tokens=100"], "batch_size and batch_tokens are both given"),
        (
            ["features.filters=200", "data.train=3", "data.valid=1", "data.test=1", "data.speakers=1"],
            "features.filters=200: some lie between",
        ),
        (["attention=none", "heads=multi"], "without attention there is nothing for it to do"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str, tmp_path: Path) -> None:
    report = execute(compose("speech", words), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2) and message in report.message


@pytest.mark.figures
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("words, least, most", [([], 0.95, 1), (["attention=none"], 0, 0.95)])
def test_speakers_never_heard_are_understood(
    train: Callable[..., Any], words: list[str], least: float, most: float
) -> None:
    metrics = train("speech", *words)["metrics"]
    assert least <= metrics["accuracy"] <= most
    assert not least or metrics["monotonicity"] > 0.95
