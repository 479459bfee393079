"""Language models of characters: how bits are counted, how texts go on, and what a run leaves."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attnrun.experiments.language_model import Writer, _cut, _lines

from attnrun.attention import Heads, Mechanism, Rotary, ScaledDot
from attnrun.data.vocabulary import BOS, Vocabulary
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_model
from attnrun.models.language_model import TransformerLanguageModel
from attnrun.models.ngram import NGrams
from attnrun.runs.find import RunRecord

LETTERS = "abcdefg "


def drawn(length: int, seed: int = 0) -> str:
    generator = np.random.default_rng(seed)
    words = ["abc", "gfe", "dd", "cab", "bag"]
    text = " ".join(words[number] for number in generator.integers(0, 5, length))
    return "".join(f"{text[at : at + 19]}\n" for at in range(0, length, 19))[:length]


def untrained(context: int = 7) -> Writer:
    torch.manual_seed(3)
    mechanism = Mechanism(attention=ScaledDot, position=Rotary, heads=Heads(3, projections=True))
    vocabulary = Vocabulary(LETTERS)
    model = TransformerLanguageModel(len(vocabulary), mechanism, size=12, layers=2, feedforward=13)
    return Writer(model.double().eval(), vocabulary, context, torch.device("cpu"), batch_size=3)


@pytest.mark.parametrize("length", [1, 7, 8, 40])
@pytest.mark.parametrize("context", [2, 7, 8])
def test_every_character_counts_once_with_half_a_context_at_least(length: int, context: int) -> None:
    writer, text = untrained(context), drawn(length).replace("\n", "e")
    stride, total = context - context // 2, 0.0
    for place in range(length):
        start = 0 if place < context else stride * ((place - context // 2) // stride)
        seen = [BOS, *writer.vocabulary.encode(text[start:place])]
        assert len(seen) > min(place, context // 2) and len(seen) <= context
        logits = writer.model(torch.tensor([seen]))[0, -1].detach()
        (number,) = writer.vocabulary.encode(text[place])
        total -= float(logits.log_softmax(-1)[number]) / math.log(2)
    assert writer.mean_bits(text) == pytest.approx(total / length, rel=1e-6)


def test_bits_by_place_are_those_of_windows_side_by_side() -> None:
    writer, text = untrained(), drawn(40).replace("\n", "e")
    found = writer.bits(writer.windows(text, 0))
    assert found.shape == (6, 7) and found[:5].isfinite().all() and found[5, 5:].isnan().all()
    alone = writer.bits(writer.windows(text[7:14], 0))
    torch.testing.assert_close(found[1], alone[0], rtol=1e-5, atol=1e-6)


def test_texts_of_any_length_go_on_as_they_do_alone() -> None:
    writer = untrained()
    texts = ["abc", "", "gfe dd cab bag", "cab", "d"]
    together = writer.predict(texts)
    assert together == [writer.predict([text])[0] for text in texts]
    assert all(len(text) == 10 + 2 * (len(prompt) + 1) for prompt, text in zip(texts, together, strict=True))


@pytest.mark.parametrize("text", ["\n" * 9, "abcdefgabc", "\n\nab\n\ncdefgabcd\n"])
def test_what_a_training_watches_fits_into_the_context(text: str) -> None:
    writer = untrained()
    lines = [_cut(writer, line) for line in _lines(text)]
    assert all(text.count(line) and 0 < len(line) <= 6 for line in lines)
    assert [len(found.keys) for found in writer.weights(lines)] == [len(line) + 1 for line in lines]


def test_the_map_is_of_the_text_and_what_stands_before_it() -> None:
    writer = untrained()
    (found,) = writer.weights(["bag é"])
    assert found.queries == found.keys == ["⊢", *"bag é"]
    assert found.weights.shape == (2, 3, 6, 6)
    assert np.allclose(found.weights.sum(-1), 1) and not np.triu(found.weights, 1).any()
    assert writer.unknown(["bag é", "éx"]) == ["é", "x"]
    with pytest.raises(UserError, match="a text of 7 characters; this model sees 6 at once"):
        writer.weights(["abc", "abcdefg"])


# A run and what it leaves


SMALL = [
    "data=text", "context=16", "batch_size=8", "ngram_order=4", "model.layers=1", "trainer.epochs=2",
    "search.length_offset=9", "runtime.threads=1",
]  # fmt: skip


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "text.txt").write_text(drawn(1900) + "drop é\n" + drawn(92, 1) + "\n", encoding="utf-8")
    return f"data.path={tmp_path / 'text.txt'}"


def execute_small(directory: Path, *words: str, name: str = "language-model") -> Report:
    size = ["model.size=32", "model.feedforward=48"] if name == "language-model" else []
    return execute(compose(name, [*SMALL, *size, *words]), directory)


def test_a_run_reports_bits_beside_n_grams_and_continues_beginnings(tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    report = execute_small(run, text, "minimum_frequency=2")
    assert report.status == "done", report.message
    metrics = RunRecord(run).result["metrics"]  # type: ignore[index]
    assert next(iter(metrics)) == "bits" and metrics["bits"] == report.primary
    assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits"])
    assert metrics["loss"] == pytest.approx(metrics["bits"] * math.log(2))
    whole = Path(text.partition("=")[2]).read_text(encoding="utf-8")
    assert metrics["test_characters"] == 100
    assert metrics["test_unknown"] == 4  # "ropé", which the text to learn from has not
    check_ngrams(metrics, whole)
    writer = open_model(run)
    test = whole[-100:]
    assert writer.mean_bits(test) == pytest.approx(metrics["bits"], rel=1e-6)
    rows = [json.loads(line) for line in (run / "samples/test.jsonl").read_text().splitlines()]
    assert len(rows) == 8 and all(row["source"] + row["target"] in test for row in rows)
    assert [row["prediction"] for row in rows] == writer.predict([row["source"] for row in rows])
    assert {len(row["prediction"]) for row in rows} == {9}
    assert {path.stem for path in (run / "figures").iterdir()} == {"loss", "context", "attention"}


def check_ngrams(metrics: dict[str, Any], whole: str) -> None:
    ends = len(whole) - 200, len(whole) - 100
    train, valid, test = whole[: ends[0]], whole[ends[0] : ends[1]], whole[ends[1] :]
    letters = sorted({one for one in train if train.count(one) > 1}, key=lambda one: (-train.count(one), one))
    vocabulary = Vocabulary(letters)
    numbers = [np.array(vocabulary.encode(part)) for part in (train, valid, test)]
    model = NGrams.fit(numbers[0], len(vocabulary), 4)
    best = int(model.bits(numbers[1]).mean(1).argmin())
    assert (metrics["ngram_order"], metrics["bits_ngram"]) == (
        best + 1,
        pytest.approx(model.bits(numbers[2])[best].mean()),
    )


def test_a_search_of_another_kind_continues_in_another_way(tmp_path: Path, text: str) -> None:
    execute_small(tmp_path / "run", text, "trainer.epochs=1")
    search = {"_target_": "attnrun.models.sampling.sample", "length_factor": 0.0, "length_offset": 23}
    first, again, other = (
        open_model(tmp_path / "run", search={**search, "seed": seed}).predict(["abc", "dd"])
        for seed in (1, 1, 2)
    )
    assert first == again != other and {len(text) for text in first} == {23}


@pytest.mark.slow
def test_one_seed_gives_one_result_and_another_another(tmp_path: Path, text: str) -> None:
    words = ["trainer.epochs=1", "model.hidden=13"]
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        report = execute_small(tmp_path / name, text, *words, f"seed={seed}", name="language-model-rnn")
        assert report.status == "done", report.message
    first, second, other = (
        RunRecord(tmp_path / name).result["metrics"]  # type: ignore[index]
        for name in ("first", "second", "other")
    )
    assert first == second != other
    assert first["bits_ngram"] == other["bits_ngram"]
    assert {path.stem for path in (tmp_path / "first/figures").iterdir()} == {"loss", "context"}
    with pytest.raises(UserError, match="no attention to show"):
        open_model(tmp_path / "first").weights(["abc"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=sine"], "takes running text, such as data=text"),
        (["position=learned", "position.maximum_length=15"], "context=16: the model knows places for 15"),
        (["model=gru"], "model: RnnSeq2Seq is for another experiment than this one"),
        (["attention=none"], "a Transformer cannot do without attention"),
        (["minimum_frequency=100000"], "minimum_frequency=100000 leaves no tokens; none occurs more than "),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, text: str
) -> None:
    own = ["context=16", "ngram_order=2", "data=text", text] if words != ["data=sine"] else []
    report = execute(compose("language-model", [*own, *words]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2), report.message
    assert message in report.message and "\n" not in report.message
    assert not (tmp_path / "run").exists()


def test_a_fault_of_the_text_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"fine\nb\xffd\n")
    report = execute_small(tmp_path / "run", f"data.path={tmp_path / 'bad.txt'}")
    assert report.exit_code == 2 and "bad.txt:2: not UTF-8 at byte 1" in report.message
