"""`attnrun compare --curves` and `--lengths`: what is drawn, and what is refused."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from typer.testing import Result

from tests.analysis.conftest import HOSTILE
from tests.cli.test_compare import CHOICES, PLAIN, SWEEP, made

Cli = Callable[..., Result]
Values = Mapping[int, Any]
Answer = tuple[str, str, str]  # source, target, prediction
AVERAGE, BOXCAR = "attention=average", "attention=boxcar"


def logged(directory: Path, tags: Mapping[str, Values]) -> None:
    """Write metrics.jsonl: a row a value, in order of the steps."""
    rows = sorted(((step, tag, value) for tag, values in tags.items() for step, value in values.items()))
    lines = [json.dumps({"step": step, "epoch": 0, "time": 0.5, tag: value}) for step, tag, value in rows]
    (directory / "metrics.jsonl").write_text("\n".join([*lines, ""]))


def curves_made(group: str, *seeds: Mapping[str, Values]) -> None:
    config = PLAIN | {"attention": CHOICES[group]}
    for seed, tags in enumerate(seeds):
        logged(made(SWEEP / f"{group}{seed}", config, seed, seed / 7 + len(group)), tags)


@pytest.fixture
def sweep(cli: Cli) -> Path:
    loss = {"train/loss": {5: 0.3, 10: 0.2}}
    primary = "valid/test_mse_learned"
    curves_made(
        "average",
        loss | {primary: {10: 0.9, 20: 0.5, 30: None, 40: 0.3}},
        loss | {primary: {10: 0.7, 20: 0.6, 30: 0.2}},
        loss | {primary: {10: 0.8, 20: 0.1, 30: 0.2, 40: 0.1}},
    )
    curves_made("boxcar", loss | {primary: {10: 0.4, 15: 0.2}}, loss | {primary: {10: 0.2, 15: 0.4}})
    return SWEEP


def drawn(cli: Cli, *words: str) -> dict[str, Any]:
    result = cli("compare", str(SWEEP), "--json", *words)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_curves_are_means_at_the_steps_that_all_seeds_have(cli: Cli, sweep: Path) -> None:
    document = drawn(cli, "--curves", "figures/curves.svg")
    assert document["curves"]["metric"] == "valid/test_mse_learned"
    average, boxcar = sorted(document["curves"]["groups"], key=lambda group: str(group["group"]))
    assert average == {
        "group": AVERAGE, "runs": 3, "steps": [10, 20],
        "mean": pytest.approx([0.8, 0.4]), "low": [0.7, 0.1], "high": [0.9, 0.6],
    }  # fmt: skip
    assert boxcar["steps"] == [10, 15] and boxcar["low"] == [0.2, 0.2] and boxcar["high"] == [0.4, 0.4]
    (note,) = document["notes"]
    assert note.endswith(f"only at steps that all runs of a group have: 2 of 4 of {AVERAGE}")
    assert note in cli("compare", str(SWEEP), "--curves", "again.png").stderr
    assert "<?xml" in Path("figures/curves.svg").read_text(encoding="utf-8")[:100]
    assert Path("again.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("one", "other", "tag"),
    [
        (("valid/test_mse_learned", "valid/loss", "train/loss"), ("valid/test_mse_learned",), None),
        (("valid/loss", "train/loss"), ("train/loss", "valid/loss"), "valid/loss"),
        (("valid/loss", "train/loss"), ("train/loss",), "train/loss"),  # which both have
    ],
)
def test_without_a_choice_the_most_telling_is_drawn(
    cli: Cli, one: Iterable[str], other: Iterable[str], tag: str | None
) -> None:
    curves_made("average", {name: {1: 0.5, 2: 0.4} for name in one})
    curves_made("boxcar", {name: {1: 0.5, 2: 0.4} for name in other})
    found = drawn(cli, "--curves", "x.svg")["curves"]
    assert found["metric"] == (tag or "valid/test_mse_learned") and len(found["groups"]) == 2


def test_a_tag_is_drawn_beside_the_table_of_the_primary_metric(cli: Cli, sweep: Path) -> None:
    document = drawn(cli, "--curves", "x.svg", "--metric", "train/loss")
    assert document["curves"]["metric"] == "train/loss"
    assert document["curves"]["groups"][0]["mean"] == pytest.approx([0.3, 0.2])
    assert document["metrics"][0]["name"] == "test_mse_learned" and document["metrics"][0]["goal"] == "min"


def test_a_metric_is_drawn_by_its_validation_part(cli: Cli, sweep: Path) -> None:
    logged(SWEEP / "boxcar0", {"valid/r2": {1: 0.1}, "train/loss": {1: 3}})
    document = drawn(cli, "--curves", "x.svg", "--metric", "r2")
    (group,) = document["curves"]["groups"]
    assert document["metrics"][0]["name"] == "r2" and document["curves"]["metric"] == "valid/r2"
    assert (group["group"], group["runs"], group["steps"]) == (BOXCAR, 1, [1])
    (note,) = document["notes"]
    assert "logged no finite valid/r2" in note and "boxcar0" not in note and "average2" in note


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--metric", "train/los"], "no run logged 'train/los'; did you mean 'train/loss'? They logged: "),
        (["--metric", "los"], "no run logged 'los'; did you mean 'train/loss'? They logged: "),
        (["--metric", "zzz"], "'zzz'; they logged: train/loss, valid/test_mse_learned"),
        (["--metric", "r2"], "no run logged 'r2'"),
        (["--metric", "train/loss", "--goal", "min"], "'train/loss' is only drawn"),
        (["--all-metrics"], "--all-metrics takes no --curves"),
        (["--plot", "./x.svg"], "--plot and --curves draw a file each"),
        (["--lengths", "y.gif"], "y.gif"),
        (["--lengths", "d.svg"], "--lengths d.svg is a directory"),
        (["--lengths", "y.svg"], "is a run of nw-regression, whose test set has no BLEU"),
    ],
)
def test_mistakes_are_told_in_one_line(cli: Cli, sweep: Path, words: list[str], message: str) -> None:
    Path("d.svg").mkdir()
    result = cli("compare", str(SWEEP), "--curves", "x.svg", *words)
    assert (result.exit_code, result.stderr.count("\n"), result.stdout) == (2, 1, "")
    assert message in result.stderr and not Path("x.svg").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, "these runs logged nothing over their steps"),
        ([{"step": 1, "note": "x", "flag": True, "train/loss": None}], "these runs logged nothing"),
        (
            [{"step": 10**400, "train/loss": 1.0}, {"step": 1, "train/loss": 10**400}],
            "these runs logged nothing",
        ),
        (
            [{"step": 1, "average/loss": 0.5}],
            "no run logged valid/test_mse_learned or valid/loss or train/loss; ",
        ),
    ],
)
def test_runs_that_logged_nothing_to_draw(cli: Cli, rows: list[Any] | None, message: str) -> None:
    run = made(SWEEP / "0", PLAIN, 0, 0.5)
    if rows is not None:
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 9')
    result = cli("compare", str(SWEEP), "--curves", "x.svg")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1) and message in result.stderr


def test_seeds_without_a_common_step_have_no_curve(cli: Cli) -> None:
    curves_made("average", {"train/loss": {1: 0.5}}, {"train/loss": {2: 0.5}})
    assert "no group have a step in common" in cli("compare", str(SWEEP), "--curves", "x.svg").stderr
    curves_made("boxcar", {"train/loss": {1: 0.5}})
    document = drawn(cli, "--curves", "x.svg")
    assert [group["group"] for group in document["curves"]["groups"]] == [BOXCAR]
    assert f"0 of 2 of {AVERAGE}" in document["notes"][0]


def translated(directory: Path, config: dict[str, Any], seed: int, answers: list[Answer]) -> None:
    metrics = {
        "bleu": 7.0 + seed,
        "bleu_signature": "nrefs:1|case:lc|eff:no|tok:none|smooth:exp|version:2.6.0",
    }
    made(directory, config, seed, None, metrics=metrics, primary={"name": "bleu", "goal": "max"})
    rows = [dict(zip(("source", "target", "prediction"), answer, strict=True)) for answer in answers]
    (directory / "samples").mkdir()
    (directory / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def answers(wrong: int, count: int = 29) -> list[Answer]:
    """Sources of 1 to `count` words, one of each, of which every `wrong`-th word is translated as another."""
    found = []
    for length in range(1, count + 1):
        words = [f"W{place}" for place in range(length)]
        said = ["x" if (place + length) % wrong == 0 else word.lower() for place, word in enumerate(words)]
        found.append(("s " * length, " ".join(words), " ".join(said)))
    return found


def bleu(answers: list[Answer]) -> float:
    _, right, said = (list(column) for column in zip(*answers, strict=True))
    how: dict[str, Any] = {"lowercase": True, "tokenize": "none", "force": True}
    return float(sacrebleu.corpus_bleu(said, [right], **how).score)


def test_bleu_by_length_is_sacrebleus_of_the_sentences_in_each_bin(cli: Cli) -> None:
    wrongs = {"average": (3, 5), "boxcar": (7, 11)}
    for group, given in wrongs.items():
        for seed, wrong in enumerate(given):
            config = PLAIN | {"attention": CHOICES[group]}
            translated(SWEEP / f"{group}{seed}", config, seed, answers(wrong))
    found = drawn(cli, "--lengths", "figures/lengths.png")["lengths"]
    bins = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 29))
    assert found["sentences"] == [last - first + 1 for first, last in bins]
    assert found["form"] == "lower-cased tokens"
    for group in found["groups"]:
        first, second = wrongs[group["group"].removeprefix("attention=")]
        expected = [[bleu(answers(wrong)[a - 1 : b]) for wrong in (first, second)] for a, b in bins]
        assert group["words"] == ["1 to 5", "6 to 10", "11 to 15", "16 to 20", "21 to 30"]
        assert group["mean"] == pytest.approx([sum(both) / 2 for both in expected])
        assert group["low"] == pytest.approx(list(map(min, expected)))
        assert group["high"] == pytest.approx(list(map(max, expected))) and group["low"] != group["high"]
    assert Path("figures/lengths.png").read_bytes().startswith(b"\x89PNG")


def test_test_sets_that_differ_have_no_common_lengths(cli: Cli) -> None:
    translated(SWEEP / "0", PLAIN, 0, answers(3))
    translated(SWEEP / "1", PLAIN, 1, answers(3, count=23))
    result = cli("compare", str(SWEEP), "--lengths", "x.svg")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"{SWEEP / '0'} has 29 sentences, that of {SWEEP / '1'} 23" in result.stderr


def test_scores_of_other_forms_have_no_common_lengths(cli: Cli) -> None:
    for seed in range(2):
        translated(SWEEP / f"{seed}", PLAIN, seed, answers(3))
    result = SWEEP / "1/result.json"
    result.write_text(result.read_text().replace("case:lc", "case:mixed"))
    said = cli("compare", str(SWEEP), "--lengths", "x.svg")
    assert said.exit_code == 2 and said.stderr.count("\n") == 1
    assert "scored in no common form" in said.stderr and "cased tokens" in said.stderr


def test_hostile_names_are_drawn(cli: Cli) -> None:
    texts = [text for text in HOSTILE if "\ud83d" not in text][:12]
    for place, text in enumerate(texts):
        config = PLAIN | {"reduction": text, f"_{text[:3]}": place}
        translated(SWEEP / f"{place}", config, place, answers(3 + place))
        logged(SWEEP / f"{place}", {"valid/bleu": {1: place}, f"x/{text}": {1: 1.0, 2: 2.0}})
    for more in ([], ["--metric", f"x/{texts[3]}"]):
        result = cli("compare", str(SWEEP), "--curves", "c.png", "--lengths", "l.svg", *more)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output and "\x9b" not in result.output
    assert Path("c.png").is_file() and Path("l.svg").is_file()
