"""The sequence tasks: how answers and alignments are judged, and the figures that the configs state."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attnrun.experiments.sequence import Solver
from torch import nn

from attnrun.analysis.alignment import alignment_scores, links
from attnrun.analysis.maps import NoAttention
from attnrun.attention import Additive, Heads, Mechanism, ScaledDot
from attnrun.data.synthetic import SequenceData, sequences
from attnrun.data.vocabulary import BOS, EOS
from attnrun.errors import UserError
from attnrun.launch.config import compose
from attnrun.launch.job import Report, execute
from attnrun.launch.trained import open_model
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.transformer import Transformer
from attnrun.runs.find import RunRecord

Train = Callable[..., Any]
SMALL = [
    "data.symbols=5", "data.minimum_length=2", "data.maximum_length=6", "data.train=800", "data.valid=31",
    "data.test=67", "data.longer=23", "model.hidden=18", "model.embedding=13", "trainer.epochs=2",
    "runtime.threads=1",
]  # fmt: skip


def data_of(task: str) -> SequenceData:
    sizes = {"train": 29, "valid": 11, "test": 13, "longer": 7}
    return sequences(1, task=task, symbols=5, minimum_length=2, maximum_length=7, **sizes)


def untrained(data: SequenceData, attention: Any = Additive) -> Solver:
    torch.manual_seed(3)
    sizes = len(data.source), len(data.target)
    mechanism = Mechanism(attention=attention)
    model = RnnSeq2Seq(*sizes, mechanism, embedding=11, hidden=14, dropout=0.3).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # so that the weights of attention differ
    return Solver(model, data.source, data.target, torch.device("cpu"), batch_size=5)


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# How it is judged


def test_a_transformer_shows_what_each_side_has_of_itself() -> None:
    data = data_of("reverse")
    torch.manual_seed(3)
    mechanism = Mechanism(attention=ScaledDot, heads=Heads(2, projections=True))
    model = Transformer(len(data.source), len(data.target), mechanism, size=14, layers=3, feedforward=11)
    solver = Solver(model, data.source, data.target, torch.device("cpu"), batch_size=2)
    texts = ["a b c", "b", "c a b e d"]
    for text, found in zip(texts, solver.self_weights(texts, "source"), strict=True):
        assert found.queries == found.keys == text.split()
        ids = torch.tensor([solver.source.encode(text.split())])
        with torch.no_grad():
            expected = model.source_weights(ids, torch.tensor([ids.shape[1]]))[0]
        np.testing.assert_allclose(found.weights, expected, atol=1e-6)
    answers = solver.answers([solver.source.encode(text.split()) for text in texts])
    for answer, found in zip(answers, solver.self_weights(texts, "target", [2], [1]), strict=True):
        assert found.queries == found.keys == solver.target.labels([BOS, *answer])
        assert found.weights.shape == (1, 1, len(answer) + 1, len(answer) + 1)
        assert not np.triu(found.weights[0, 0], 1).any()
    with pytest.raises(NoAttention, match="no self-attention"):
        untrained(data).self_weights(texts, "source")


@pytest.mark.parametrize("task", ["reverse", "counting"])
def test_loss_and_alignment_equal_those_of_single_steps(task: str):
    data = data_of(task)
    solver = untrained(data)
    judged = solver.judge(data.test, align=True)
    solver.model.eval()
    total, count, weights = 0.0, 0, []
    for example in data.test:
        source = torch.tensor([example.source])
        memory = solver.model.encode(source, torch.tensor([len(example.source)]))
        state, rows = solver.model.start(memory), []
        for last, right in zip((BOS, *example.target), (*example.target, EOS), strict=True):
            state, output, looks = solver.model.step(memory, state, torch.tensor([last]))
            logits = solver.model.project(output)[0].detach().numpy()
            total -= float(logits[right] - np.log(np.exp(logits).sum()))
            count += 1
            rows.append(looks[0, 0, 0].detach().numpy())
        weights.append(np.stack(rows[:-1])[None, None])
    assert judged["loss"] == pytest.approx(total / count, rel=1e-12)
    expected = alignment_scores(weights, [example.links for example in data.test])
    assert len({place for one in weights for place, _ in links(one)}) > 2
    assert judged == {"loss": judged["loss"], **expected}
    assert set(solver.judge(data.test)) == {"loss"}


def test_the_alignment_is_of_the_mean_over_layers_and_heads():
    class Fixed(nn.Module):
        """One example of three tokens; two layers of two heads that disagree."""

        def encode(self, source: Any, lengths: Any) -> Any:
            return source

        def states(self, memory: Any, target_in: Any, need_weights: bool = False) -> Any:
            # Not the first or last head, nor one layer, nor the largest weight, has its maximum at place 1.
            heads = [[0.9, 0.1, 0.0], [0.0, 0.6, 0.4], [0.0, 0.6, 0.4], [0.0, 0.3, 0.7]]
            weights = torch.tensor(heads)
            weights = weights.view(1, 2, 2, 1, 3).expand(1, 2, 2, target_in.shape[1], 3)
            return target_in.new_zeros(*target_in.shape, 9).float(), weights

        def project(self, states: Any) -> Any:
            return states

    data = sequences(0, task="copy", symbols=5, minimum_length=3, maximum_length=3, train=1, valid=1, test=1)
    solver = Solver(Fixed(), data.source, data.target, torch.device("cpu"))
    judged = solver.judge([replace(data.test[0], links=((1, 0), (1, 1), (0, 2)))], align=True)
    assert judged["loss"] == pytest.approx(np.log(9))
    assert judged["alignment_accuracy"] == pytest.approx(2 / 3)


def test_answers_do_not_depend_on_their_batch():
    data = data_of("reverse")
    solver = untrained(data)
    sources = [example.source for example in data.test]
    assert solver.answers(sources) == [solver.answers([source])[0] for source in sources]
    assert len({len(source) for source in sources}) > 2


def test_without_attention_there_is_no_alignment():
    data = data_of("copy")
    solver = untrained(data, None)
    assert set(solver.judge(data.test, align=True)) == {"loss"}
    with pytest.raises(UserError, match="no attention to show"):
        solver.weights(["a b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a A b", r"this task has no token 'A'; did you mean|this task has no token 'A'; choose from: a, b"),
        ("a <pad>", "no token '<pad>'"),
        (" ", "a sequence is empty; its tokens are a b c d e"),
    ],
)
def test_what_is_no_sequence_of_the_task_is_refused(text: str, message: str):
    with pytest.raises(UserError, match=message) as caught:
        untrained(data_of("dictionary")).predict(["a", text])
    assert "\n" not in str(caught.value)


# A run and what it leaves


def execute_small(directory: Path, *words: str) -> Report:
    return execute(compose("sequence", [*SMALL, *words]), directory)


@pytest.mark.parametrize(
    ("task", "attention"),
    [("sort", "dot"), ("dictionary", "additive"), ("copy", "none"), ("counting", "general")],
)
def test_a_run_reports_what_its_samples_hold(tmp_path: Path, task: str, attention: str) -> None:
    run = tmp_path / "run"
    report = execute_small(run, f"data={task}", f"attention={attention}", "data.symbols=5")
    assert report.status == "done", report.message
    metrics, rows = RunRecord(run).result["metrics"], read_rows(run / "samples/test.jsonl")
    middle = 4 if task != "counting" else 10  # lengths 2 to 6, of counting with the question's 6 words
    assert metrics["test_sequences"] == len(rows) == 67
    right = [row["prediction"] == row["target"] for row in rows]
    assert metrics["accuracy"] == report.primary == pytest.approx(sum(right) / 67)
    long = [row["prediction"] == row["target"] for row in rows if len(row["source"].split()) > middle]
    assert metrics["accuracy_long"] == pytest.approx(sum(long) / len(long))
    assert metrics["token_accuracy"] == pytest.approx(token_accuracy(rows))
    assert 0 <= metrics["accuracy_longer"] <= metrics["token_accuracy_longer"] <= 1
    attends = attention != "none"
    assert {path.stem for path in (run / "figures").iterdir()} == {"loss"} | (
        {"attention"} if attends else set()
    )
    assert ("aer" in metrics) is ("alignment_accuracy" in metrics) is attends
    check_model(run, rows, attends)


def token_accuracy(rows: list[dict[str, str]]) -> float:
    right = total = 0
    for row in rows:
        target, prediction = row["target"].split(), row["prediction"].split()
        total += max(len(target), len(prediction))
        for place in range(min(len(target), len(prediction))):
            right += target[place] == prediction[place]
    return right / total


def check_model(run: Path, rows: list[dict[str, str]], attends: bool) -> None:
    solver = open_model(run)
    sources = [row["source"] for row in rows]
    assert solver.unknown([*sources, "no such no"]) == ["no", "such"]
    assert solver.predict(sources) == [row["prediction"] for row in rows]
    if not attends:
        return
    for source, row, found in zip(sources, rows, solver.weights(sources), strict=True):
        assert (found.keys, found.queries) == (source.split(), row["prediction"].split())
        assert found.title == source
        assert found.weights.shape == (1, 1, len(found.queries), len(found.keys))
        assert np.allclose(found.weights.sum(-1), 1, atol=1e-5)
    with pytest.raises(UserError, match="no head 1"):
        solver.weights(sources[:1], heads=[1])


@pytest.mark.slow
def test_one_seed_gives_one_result(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        execute_small(tmp_path / name, "data=reverse", "trainer.epochs=1", f"seed={seed}")
    first, second, other = (
        RunRecord(tmp_path / name).result["metrics"] for name in ("first", "second", "other")
    )
    assert first == second != other


def test_without_longer_sequences_none_are_tested(tmp_path: Path) -> None:
    execute_small(tmp_path / "run", "data.longer=0", "trainer.max_steps=2")
    metrics = RunRecord(tmp_path / "run").result["metrics"]
    assert "accuracy" in metrics and not [name for name in metrics if "longer" in name]


def test_data_of_another_kind_are_refused(tmp_path: Path) -> None:
    words = [word for word in SMALL if not word.startswith("data.")]
    report = execute(compose("sequence", [*words, "data=sine"]), tmp_path / "run")
    assert (report.status, report.exit_code) == ("refused", 2)
    assert "such as data=reverse" in report.message
    assert not (tmp_path / "run").exists()


# The figures of the config


@pytest.mark.figures
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("task", "names"), [("copy", "additive,scaled-dot"), ("reverse", "dot,cosine")])
def test_scores_by_content_learn_the_task_and_longer_ones(
    train: Train, task: str, names: str, tmp_path: Path
) -> None:
    runs = train("sequence", f"data={task}", "runtime.threads=1", "-m", f"attention={names}")
    assert len(runs) == 2
    for run in runs:
        (found,) = open_model(tmp_path / run["run"]).weights(["q e d a k i t"])
        diagonal = list(range(7)) if task == "copy" else list(range(6, -1, -1))
        assert found.weights[0, 0].argmax(-1).tolist() == diagonal
    assert min(run["metrics"]["accuracy"] for run in runs) >= 0.98
    assert min(run["metrics"]["accuracy_longer"] for run in runs) > 0.15


@pytest.mark.figures
@pytest.mark.timeout(1800)
def test_places_without_content_fail_beyond_the_lengths_seen_and_a_fixed_context_before(train: Train) -> None:
    location, none = train("sequence", "runtime.threads=1", "-m", "attention=location,none")
    assert location["metrics"]["accuracy"] >= 0.98
    assert location["metrics"]["accuracy_longer"] < 0.02
    assert none["metrics"]["accuracy_long"] < 0.75
    assert none["metrics"]["accuracy_long"] < none["metrics"]["accuracy"] - 0.1
