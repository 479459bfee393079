"""Comparing runs on their test set, against sacreBLEU's own command line."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from attnrun.analysis import significance
from attnrun.errors import UserError

WORDS = ["a", "man", "and", "the", "woman", "in", "Red", "with", "Blue", "hats", "over", "grass", ".", ","]
LOWER = "nrefs:1|case:lc|eff:no|tok:none|smooth:exp|version:2.6.0"
CASED = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"


def sentences(count: int, noise: float = 0.0) -> list[str]:
    """Sentences that are always the same but for words that are swapped with the probability `noise`."""
    draw, swap = random.Random(count), random.Random(noise)
    lines = [[draw.choice(WORDS) for _ in range(draw.randint(3, 11))] for _ in range(count)]
    return [
        " ".join(swap.choice(WORDS) if swap.random() < noise else word for word in line) for line in lines
    ]


def run(place: Path, noise: float, count: int = 53, **changes: Any) -> Path:
    """A run that predicts the references but for noise, in both forms."""
    rows = [
        {"source": f"s {i}", "target": target.lower(), "prediction": found.lower()}
        | {"plain_source": f"S {i}", "plain_target": target, "plain_prediction": found}
        for i, (target, found) in enumerate(zip(sentences(count), sentences(count, noise), strict=True))
    ]
    metrics = {"bleu_signature": LOWER, "bleu_cased_signature": CASED}
    result = {"status": "done", "metrics": metrics} | changes
    (place / "samples").mkdir(parents=True)
    (place / "config.yaml").write_text("seed: 0\n")
    (place / "result.json").write_text(json.dumps(result))
    (place / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [run(tmp_path / f"run{noise}", noise) for noise in (0.4, 0.45, 0.1)]


def edit(directory: Path, line: int, **changes: Any) -> None:
    """Change a row of the test set of a run."""
    path = directory / "samples/test.jsonl"
    rows = path.read_text().splitlines()
    rows[line] = json.dumps(json.loads(rows[line]) | changes)
    path.write_text("\n".join(rows) + "\n")


def sacrebleu(place: Path, runs: list[Path], prefix: str, *words: str) -> list[list[float]]:
    """The figures that the command prints of these runs, a row each: those of BLEU, then those of chrF."""
    for number, directory in enumerate(runs):
        rows = [json.loads(line) for line in (directory / "samples/test.jsonl").read_text().splitlines()]
        for name, column in (("ref", "target"), (f"sys{number}", "prediction")):
            (place / name).write_text("".join(row[prefix + column] + "\n" for row in rows))
    systems = [f"sys{number}" for number in range(len(runs))]
    table = ["-m", "bleu", "chrf", "--format", "latex", "--width", "4", "--no-color"]
    environment = {name: value for name, value in os.environ.items() if name != "SACREBLEU_SEED"}
    done = subprocess.run(
        [sys.executable, "-m", "sacrebleu", "ref", "-i", *systems, *table, *words],
        cwd=place, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if re.search(r"sys\d &", line)]
    return [list(map(float, re.findall(r"\d+\.\d+", line))) for line in lines]


def printed(*figures: significance.Figure) -> list[float]:
    """The figures in the order in which the command prints them."""
    rows = ((one.score, one.mean, one.interval, one.p_value) for one in figures)
    return [value for row in rows for value in row if value is not None]


@pytest.mark.parametrize("place", [0, 1])
def test_the_bootstrap_equals_sacrebleus_command_line(
    tmp_path: Path, three: list[Path], place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    lowered = ["--lowercase", "--chrf-lowercase", "--tokenize", "none", "--force"]
    prefix, case, words = [("", "lc", lowered), ("plain_", "mixed", [])][place]
    found = significance.compare(three)[place]
    assert f"case:{case}|" in found.signatures["bleu"] and "bs:1000|seed:12345" in found.signatures["bleu"]
    rows = sacrebleu(tmp_path, three, prefix, "--paired-bs", *words)
    assert list(map(len, rows)) == [6, 8, 8]
    for row, figures in zip(rows, zip(*found.figures.values(), strict=True), strict=True):
        assert printed(*figures) == pytest.approx(row, abs=6e-5)


def test_randomisation_equals_sacrebleus_command_line(tmp_path: Path, three: list[Path]) -> None:
    found = significance.compare(three, "randomisation", 500)[1].figures["bleu"]
    rows = sacrebleu(tmp_path, three, "plain_", "--paired-ar", "--paired-ar-n", "500")
    assert [one.score for one in found] == pytest.approx([row[0] for row in rows], abs=6e-5)
    assert [one.p_value for one in found[1:]] == pytest.approx([row[1] for row in rows[1:]], abs=6e-5)
    close, far = (one.p_value or 0.0 for one in found[1:])
    assert far < 0.05 < close and found[0].interval > 0


def test_forms_are_not_mixed(three: list[Path], tmp_path: Path) -> None:
    assert [str(one.form) for one in significance.compare(three, samples=10)] == [
        "lower-cased tokens",
        "cased text",
    ]
    cased = run(tmp_path / "cased", 0.2, metrics={"bleu_cased_signature": CASED})
    (only,) = significance.compare([*three, cased], samples=10)
    assert str(only.form) == "cased text" and len(only.figures["chrf"]) == 4
    lower = run(tmp_path / "lower", 0.2, metrics={"bleu_signature": LOWER})
    with pytest.raises(UserError, match=r"no common form \(.*cased: cased text; .*: lower-cased tokens\)"):
        significance.compare([cased, lower])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "s 99"}, "differ: source of sentence 8: 's 7' and 's 99'"),
        ({"target": "x" * 999}, r"differ: target of sentence 8: .* and 'x{59}…'"),
        ({"plain_target": "\x1b[31m"}, r"differ: target of sentence 8: .* and '\\x1b\[31m'"),
    ],
)
def test_other_test_sets_are_refused(three: list[Path], change: dict[str, str], message: str) -> None:
    edit(three[2], 7, **change)
    with pytest.raises(UserError, match=message) as refused:
        significance.compare(three)
    assert str(three[0]) in str(refused.value) and str(three[2]) in str(refused.value)


def test_a_test_set_of_another_size_is_refused(three: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 53 sentences, that of .* 47"):
        significance.compare([three[0], run(tmp_path / "short", 0.1, count=47)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path / "result.json").unlink(), "is interrupted, not finished"),
        (lambda path: (path / "samples/test.jsonl").unlink(), "kept no test sentences"),
        (lambda path: (path / "samples/test.jsonl").write_text(""), "no source in samples/test.jsonl"),
        (lambda path: (path / "samples/test.jsonl").write_text("{}\n[\n"), "jsonl:2 is damaged"),
        (lambda path: (path / "samples/test.jsonl").write_text("[" * 3_000_000), "jsonl:1 is damaged"),
        (lambda path: (path / "samples/test.jsonl").write_text("[]\n"), "jsonl:1 is damaged"),
        (lambda path: os.truncate(path / "samples/test.jsonl", 2**27), "larger than 64 MiB"),
        (lambda path: edit(path, 3, prediction=3), "no prediction in samples/test.jsonl"),
        (lambda path: edit(path, 3, plain_target=None), "no plain_target in samples/test.jsonl"),
    ],
)
def test_damaged_runs_are_named(three: list[Path], spoil: Callable[[Path], None], message: str) -> None:
    spoil(three[1])
    with pytest.raises(UserError, match=message) as refused:
        significance.compare(three)
    assert str(three[1]) in str(refused.value)


@pytest.mark.parametrize("signature", ["", "case:lc", "case:lc|tok:spm", "case:x|tok:none", 3, None])
def test_only_signatures_that_runs_write_are_taken(tmp_path: Path, signature: Any) -> None:
    strange = run(tmp_path / "strange", 0.1, metrics={"bleu_signature": signature})
    with pytest.raises(UserError, match="no run has such a bleu_signature"):
        significance.read_forms(strange)


def test_what_needs_too_much_memory_is_refused(three: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"1000000 samples of 53 sentences .*; --samples 377358"):
        significance.compare(three, samples=1_000_000)
    monkeypatch.setenv("SACREBLEU_SEED", "x")
    with pytest.raises(UserError, match="SACREBLEU_SEED=x is no number"):
        significance.compare(three)


def call(*words: str) -> Result:
    from attnrun.cli.app import app

    return CliRunner().invoke(app, ["significance", *words])


def test_the_command(three: list[Path]) -> None:
    names = list(map(str, three))
    shown = call(*names, "--samples", "100")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.count("95 %") == 4 and "case:lc|" in shown.stdout and "case:mixed|" in shown.stdout
    assert shown.stdout.index("lower-cased tokens, 53") < shown.stdout.index("cased text, 53")
    document = json.loads(call(*names, "--samples", "100", "--json").stdout)
    first, second, third = document["forms"][0]["bleu"]["runs"]
    assert [first["run"], first["p_value"]] == [names[0], None]
    assert third["p_value"] < second["p_value"] and third["score"] > first["score"]
    assert {"score", "mean", "interval", "p_value"} < first.keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument"),
        (["latest"], "give two or more"),
        (["none", "none"], "no run 'none'"),
        (["a", "b", "--test", "bootstra"], "--test"),
        (["a", "b", "--samples", "9"], "--samples"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*words)
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.output
