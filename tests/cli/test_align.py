"""`attnrun align` as a user calls it: files of links, and runs whose attention aligns."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from attnrun.launch.config import compose
from attnrun.launch.job import execute
from tests.experiments.small import aligned_corpus

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


@pytest.fixture
def files(cli: Cli, tmp_path: Path) -> Path:
    """Gold links of three pairs, and links found for them; the command runs where they are."""
    (tmp_path / "gold").write_text("0-0 1-1 2p1\n1-0\n0-0 0p1\n")
    (tmp_path / "found").write_text("0-0 2-1\n0-0\n0-0 0-1\n")
    (tmp_path / "text").write_text("a b c ||| x y\na b ||| x\na\tx y\n")
    return tmp_path


def test_links_against_links(cli: Cli, files: Path) -> None:
    found = json.loads(cli("align", "--hypothesis", "found", "--gold", "gold", "--json").stdout)
    # A: 5 links, of which (0,0) (0,0) are sure, (2,1) (0,1) possible and (0,0) of the second wrong; |S| = 4
    assert found["aer"] == pytest.approx(1 - (2 + 4) / (5 + 4))
    assert (found["precision"], found["recall"]) == (pytest.approx(4 / 5), pytest.approx(2 / 4))
    assert found["f1"] == pytest.approx(2 / (5 / 4 + 2))
    counts = {"links": 5, "sure": 4, "possible": 2, "pairs": 3, "gold_base": 0, "hypothesis_base": 0}
    assert counts.items() <= found.items()
    shown = cli("align", "--hypothesis", "found", "--gold", "gold").stdout
    assert "aer" in shown and "0.3333" in shown


def test_links_outside_the_text_are_counted_named_and_left_out(cli: Cli, files: Path) -> None:
    (files / "found").write_text("0-0 2-1 8-1\n0-0\n0-0 0-1 1-0\n")
    result = cli("align", "--hypothesis", "found", "--gold", "gold", "--text", "text", "--json")
    assert json.loads(result.stdout)["links"] == 5
    assert "found: 2 links beyond the sentences left out: found:1 8-1, found:3 1-0" in result.stderr


@pytest.mark.parametrize(
    ("system", "aer"),
    [
        ("enfr.awesome-align.out", 0.0407),
        ("fastalign.test.enfr.grow-diagonal.talp", 0.1048),
        ("giza.test.enfr.grow-diagonal.talp", 0.0594),
    ],
)
def test_the_hansards_have_the_published_error_rates(
    cli: Cli, real_data: Path, system: str, aer: float
) -> None:
    place = real_data / "hansards-en-fr"
    words = ["align", "--hypothesis", str(place / system), "--gold", str(place / "enfr.gold"), "--json"]
    result = cli(*words)
    found = json.loads(result.stdout)
    assert found["aer"] == pytest.approx(aer, abs=5e-5)
    assert (found["pairs"], found["gold_base"], found["hypothesis_base"]) == (447, 1, 0)
    assert "the first is number 1; --gold-base says otherwise" in result.stderr
    within = cli(*words, "--text", str(place / "enfr.src-tgt"))
    assert json.loads(within.stdout)["aer"] == found["aer"] and "beyond" not in within.stderr


def test_a_wrong_base_is_noticed_without_much_text(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("".join(f"{n}-{n + 1} {n + 1}-{n}\n" for n in range(1, 12)))
    (tmp_path / "found").write_text("".join(f"{n - 1}-{n} {n}-{n - 1}\n" for n in range(1, 12)))
    result = cli("align", "--hypothesis", "found", "--gold", "gold", "--gold-base", "0")
    assert "would be 0.0000 with --gold-base 1" in result.stderr
    assert "--hypothesis-base" not in result.stderr  # which cannot be: a link names a token 0
    assert "would be" not in cli("align", "--hypothesis", "found", "--gold", "gold").stderr


def test_a_wrong_base_is_noticed(cli: Cli, real_data: Path) -> None:
    place = real_data / "hansards-en-fr"
    files = ["--hypothesis", str(place / "enfr.awesome-align.out"), "--gold", str(place / "enfr.gold")]
    result = cli("align", *files, "--gold-base", "0", "--json")
    assert json.loads(result.stdout)["aer"] == pytest.approx(0.437, abs=5e-4)
    told = "the error rate is 0.4372 with --gold-base 0, and would be 0.0407 with --gold-base 1"
    assert told in result.stderr
    refused = cli("align", *files, "--hypothesis-base", "1")
    assert refused.exit_code == 2 and "enfr.awesome-align.out:1: a link names a token 0" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a RUN, or --hypothesis"),
        (["latest", "--hypothesis", "found"], "give a RUN, or --hypothesis"),
        (["--hypothesis", "found"], "--hypothesis needs --gold"),
        (["--hypothesis", "found", "--gold", "gold", "--reverse", "x"], "--reverse is for a RUN"),
        (["--hypothesis", "found", "--gold", "gold", "--symmetrise", "union"], "--symmetrise is for a RUN"),
        (["--hypothesis", "found", "--gold", "gold", "--development", "0.5"], "--development is for a RUN"),
        (["latest", "--symmetrise", "union"], "--symmetrise needs --reverse"),
        (["latest", "--gold-base", "1"], "--gold-base needs --gold"),
        (["latest", "--hypothesis-base", "1"], "--hypothesis-base is for --hypothesis"),
        (["--hypothesis", "found", "--gold", "missing"], "missing"),
        (["--hypothesis", "short", "--gold", "gold"], "gold has 3 lines, but short has 2"),
        (["--hypothesis", "gold", "--gold", "short"], "gold has 3 lines, but short has 2"),
        (["--hypothesis", "found", "--gold", "text"], "text:1: 'a' is no link; write i-j, or ipj"),
        (["--hypothesis", "found", "--gold", "gold", "--text", "gold"], "gold:1: no tab and no |||"),
        (["latest"], "no run"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, files: Path, words: list[str], message: str) -> None:
    (files / "short").write_text("0-0\n0-0\n")
    result = cli("align", *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with outputs/: a Transformer of two steps, and IBM Model 1, of one aligned corpus."""
    place = tmp_path_factory.mktemp("runs")
    corpus = aligned_corpus(place)
    small = [
        "model.size=16",
        "model.feedforward=16",
        "model.layers=2",
        "heads.count=2",
        "runtime.watch=false",
    ]
    for name, words in {
        "transformer": [*small, "trainer.max_steps=2"],
        "ibm-model-1": ["corpus.valid=7", "iterations=8"],
    }.items():
        report = execute(compose(name, [*corpus, *words]), place / "outputs" / name / "one")
        assert report.status == "done", report.message
    turned = ["corpus.source=2", "corpus.target=1", "corpus.alignment_column=null"]
    report = execute(compose("ibm-model-1", [*corpus, *turned]), place / "outputs/ibm-model-1/turned")
    assert report.status == "done", report.message
    return place


def test_layer_head_and_shift_are_chosen_on_other_pairs(
    cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    result = cli("align", "outputs/transformer/one", "--json")
    found = json.loads(result.stdout)
    heads = found["development"]["heads"]
    assert len(heads) == 2 * (1 + 2 * 2) and found["development"]["pairs"] == 7 and found["pairs"] == 23
    assert found["chosen"] == heads[0] and heads[0]["aer"] == min(row["aer"] for row in heads)
    shown = cli("align", "outputs/transformer/one")
    assert "to write the word" in shown.stdout and "chosen: " in shown.stderr


def test_ibm_model_1_aligns_what_goes_together(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    found = json.loads(cli("align", "outputs/ibm-model-1/one", "--json", "-o", "links.txt").stdout)
    result = json.loads((runs / "outputs/ibm-model-1/one/result.json").read_text())
    assert found["aer"] == pytest.approx(result["metrics"]["aer"])
    assert found["aer"] < 0.2
    lines = (runs / "links.txt").read_text().splitlines()
    assert len(lines) == 23 and sum(len(line.split()) for line in lines) == found["links"]
    answered = cli("predict", "outputs/ibm-model-1/one", "a k e ||| ex kx ax")
    assert answered.stdout == "2-0 1-1 0-2\n"
    assert "expected a source" in cli("predict", "outputs/ibm-model-1/one", "a k e").stderr


def test_two_directions_join(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    words = ["align", "outputs/ibm-model-1/one", "--reverse", "outputs/ibm-model-1/turned", "--json"]
    found = {
        how: json.loads(cli(*words, "--symmetrise", how).stdout)
        for how in ("intersection", "union", "grow-diagonal")
    }
    links = [found[how]["links"] for how in ("intersection", "grow-diagonal", "union")]
    assert links == sorted(links)
    assert found["union"]["recall"] >= found["intersection"]["recall"]
    assert "reverse_chosen" in found["union"]


def test_links_of_ones_own_in_the_place_of_the_corpus_s(
    cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    pairs = [(f"{a} {b}", f"{b}x {a}x") for a in "abcd" for b in "klmno"]
    (runs / "own.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    (runs / "own.links").write_text("2-1 1-2\n" * len(pairs))
    result = cli("align", "outputs/ibm-model-1/one", "--text", "own.tsv", "--gold", "own.links", "--json")
    found = json.loads(result.stdout)
    assert found["pairs"] + found["development"]["pairs"] == 20
    assert found["aer"] < 0.2 and "the first is number 1" in result.stderr
    own = ["align", "outputs/ibm-model-1/one", "--text", "own.tsv"]
    few = cli(*own, "--gold", "own.links", "--development=0.01")
    assert few.exit_code == 2 and "too few to choose by a share of 0.01" in few.stderr
    short = cli(*own)
    assert short.exit_code == 2 and "--text needs --gold" in short.stderr


def test_the_links_of_all_pairs_are_written(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    (runs / "some.tsv").write_text("".join(f"{a} k\tkx {a}x\n" for a in "abcdefghi"))
    (runs / "some.links").write_text("0-1 1-0\n\n" * 4 + "0-1\n")
    words = [
        "align",
        "outputs/ibm-model-1/one",
        "--text",
        "some.tsv",
        "--gold",
        "some.links",
        "-o",
        "all.links",
    ]
    found = json.loads(cli(*words, "--development", "0.4", "--json").stdout)
    assert found["pairs"] + found["development"]["pairs"] == 5  # those with gold links
    assert len((runs / "all.links").read_text().splitlines()) == 9
    refused = cli("align", "outputs/ibm-model-1/one", "--development", "0.4")
    assert refused.exit_code == 2 and "the validation split has links" in refused.stderr


def test_what_aligns_nothing_says_so(
    cli: Cli, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    execute(compose("nw-regression", ["trainer.max_steps=1"]), runs / "outputs/nw-regression/one")
    result = cli("align", "outputs/nw-regression/one")
    assert result.exit_code == 2 and "has no corpus of sentence pairs" in result.stderr
    result = cli("align", "outputs/ibm-model-1/turned")
    assert result.exit_code == 2 and "has no gold links; --gold brings those of its test" in result.stderr
