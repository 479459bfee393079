"""`attnrun claim`: statements, measured."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from attnrun.claims.catalog import read_claim
from attnrun.claims.measuring import measure
from attnrun.claims.pages import embed, page, read_results, table
from attnrun.launch import catalog

Cli = Callable[..., Result]
NAMES = catalog.names("claim")
KEPT = Path(__file__).parents[2] / "docs/claims"
TRAINED = [
    name
    for name in NAMES
    if read_claim(name).function.__module__.endswith(("training", "looking", "reordering"))
]
QUICK = [name for name in NAMES if name not in TRAINED]
# What the fast form gives; those of times are left to the machine.
FAST = {
    "learned-width": "HOLDS",
    "nearer-weighs-more": "DEPENDS",
    "consistency": "DEPENDS",
    "own-key": "HOLDS",
    "distribution": "DEPENDS",
    "different-sizes": "HOLDS",
    "dot-variance": "HOLDS",
    "softmax-saturates": "HOLDS",
    "scaling-harms": "HOLDS",
    "order-blind": "HOLDS",
    "worked-scores": "HOLDS",
    "cues": "HOLDS",
    "counting": "DEPENDS",
    "printed-mask": "FAILS",
    "path-lengths": "HOLDS",
}


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in QUICK]
)
def test_a_fast_form_measures_what_its_conditions_are_about(name: str) -> None:
    found = measure(read_claim(name), fast=True)
    assert found.verdict == FAST.get(name, found.verdict)
    assert set(read_claim(name).claim.published) <= set(found.figures)
    json.dumps(found.plain(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TRAINED)
def test_a_fast_form_trains_and_uses_its_runs_again(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "multi30k" in str(read_claim(name).claim.keys):
        monkeypatch.setenv("ATTNRUN_DATA", str(request.getfixturevalue("corpora")))
    found = measure(read_claim(name), fast=True)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("outputs/*/claims/*/result.json")}
    keys = read_claim(name).keys(fast=True)
    assert len(times) == len(keys.get("variants", "1")) * len(keys.get("over", "1"))
    assert measure(read_claim(name), fast=True).figures == found.figures
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_training_keeps_its_state(tmp_path: Path, jobs: int) -> None:
    command = [sys.executable, "-m", "attnrun", "claim", "query-free", "--seeds", "3", "--jobs", str(jobs)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 200
    try:
        while sum(path.read_text().count("step") > 2 for path in tmp_path.rglob("metrics.jsonl")) < jobs:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        _, stderr = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):  # where all of them have ended, as they should
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130 and "Traceback" not in stderr
    assert ("its state is saved in outputs/sequence/claims/" in stderr) == (jobs == 1)
    results = list(tmp_path.glob("outputs/sequence/claims/*/result.json"))
    assert len(results) == jobs  # no further seed has begun
    assert {json.loads(path.read_text())["status"] for path in results} == {"interrupted"}


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_says_what_and_whence_in_two_languages(name: str) -> None:
    read = read_claim(name)
    assert read.entry.what and read.entry.source and read.claim.statement
    assert any("一" <= letter <= "鿿" for letter in read.claim.zh)
    assert read.claim.depends or FAST.get(name, "HOLDS") != "DEPENDS"


def test_one_claim_is_told_with_its_picture(cli: Cli, tmp_path: Path) -> None:
    result = cli("claim", "dot-variance", "--fast", "--seeds", "3")
    assert result.exit_code == 0, result.stderr
    assert "HOLDS (3 seeds, fast form)" in result.stdout
    assert "holds: q·k has variance d: 0.95 < ratio < 1.05" in result.stdout
    assert (tmp_path / "outputs/claims/dot-variance.png").read_bytes()[:4] == b"\x89PNG"
    cli("claim", "cues", "--fast", "--plot", "own.svg")
    assert (tmp_path / "own.svg").read_text().startswith("<?xml")


def test_a_table_has_a_row_a_variant(cli: Cli, own: Path) -> None:
    yaml = YAML.replace("own_claims.seven", "own_claims.grid").replace("least < seven", "least < a_x < a_y")
    own.write_text(yaml)
    words = ["claim", "seven", "--config-dir", "own", "--trust", "own_claims"]
    printed = cli(*words, "--write", "kept")
    assert printed.exit_code == 0, printed.stderr
    rows = [line.split() for line in printed.stdout.splitlines()]
    assert ["x", "y"] in rows and ["b", "6", "±", "2.5", "7", "±", "2.5"] in rows
    assert "a_x" not in rows
    page = (own.parents[2] / "kept/seven.md").read_text()
    assert "| | x | y |\n|---|---|---|\n| a | 4 ± 2.5 | 5 ± 2.5 |\n| b | 6 ± 2.5 | 7 ± 2.5 |\n" in page
    assert "| `least` |  | 3 |" in page and "`a_x` |" not in page.replace("`least < a_x < a_y` |", "")


@pytest.mark.slow
def test_seeds_side_by_side_are_those_one_by_one(cli: Cli, own: Path) -> None:
    words = ["claim", "seven", "--config-dir", "own", "--trust", "own_claims", "--json"]
    alone, beside = cli(*words), cli(*words, "--jobs", "2")
    assert beside.exit_code == 0, beside.stderr
    assert json.loads(beside.stdout) == json.loads(alone.stdout)
    own.write_text(YAML.replace("own_claims.seven", "own_claims.bad"))
    failed = cli(*words, "--jobs", "2")
    assert failed.exit_code == 1 and "own_claims.bad fails for seed 0: ZeroDivisionError" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_all_are_measured_though_one_fails(
    cli: Cli, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own.parent / "bad.yaml").write_text(YAML.replace("own_claims.seven", "own_claims.bad"))
    monkeypatch.setattr(catalog, "names", lambda *_: ["bad", "seven"])
    result = cli("claim", "--all", "--config-dir", "own", "--trust", "own_claims", "--json")
    assert [one["claim"] for one in json.loads(result.stdout)] == ["seven"]
    assert result.exit_code == 1 and "1 of 2 claims were not measured, or not kept: bad" in result.stderr
    assert "bad: claim bad: own_claims.bad fails for seed 0: ZeroDivisionError" in result.stderr


def test_claims_are_listed(cli: Cli) -> None:
    assert {one["name"] for one in json.loads(cli("claim", "--list", "--json").stdout)} == set(NAMES)
    assert "printed-mask" in cli("claim", "--list").stdout


def test_results_become_pages(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n<!-- claims -->\nold\n<!-- end of claims -->\nmore\n")
    assert cli("claim", "cues", "--write", "kept").exit_code == 0
    assert cli("claim", "counting", "--write", "kept", "--seeds", "2").exit_code == 0
    results = json.loads((tmp_path / "kept/results.json").read_text())
    assert set(results) == {"cues", "counting"} and results["counting"]["seeds"] == 2
    assert "| [cues](cues.md) |" in (tmp_path / "kept/README.md").read_text()
    readme = (tmp_path / "README.md").read_text()
    assert "| [cues](kept/cues.md) |" in readme and "| HOLDS |\n<!-- end of claims -->\nmore\n" in readme
    assert readme.startswith("# Mine\n<!-- claims -->\n|") and "old" not in readme
    text = (tmp_path / "kept/counting.md").read_text()
    assert text.startswith("# counting: DEPENDS\n") and "It depends on the normaliser" in text
    assert (tmp_path / "kept/counting.png").exists()


def test_other_files_than_results_are_left_as_they_are(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/results.json").write_text('{"cues": {"verd')
    for place, said in (
        (".", "README.md is another page than the table of claims; choose a directory for the results"),
        ("torn", "torn/results.json is damaged, or holds no results of claims; move it away"),
        ("README.md", "cannot write results to README.md: File exists"),
        ("/proc/none", "cannot write results to /proc/none: No such file or directory"),
    ):
        result = cli("claim", "cues", "--write", place)
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"attnrun: {said}\n")
    assert (tmp_path / "README.md").read_text() == "# Mine\n"
    assert (tmp_path / "torn/results.json").read_text() == '{"cues": {"verd'
    (tmp_path / "folder.png").mkdir()
    result = cli("claim", "cues", "--plot", "folder.png")
    assert result.exit_code == 2 and "--plot folder.png: this is a directory" in result.stderr


def test_figures_that_are_not_finite_are_told(cli: Cli, own: Path) -> None:
    own.write_text(YAML.replace("own_claims.seven", "own_claims.nothing"))
    result = cli("claim", "seven", "--config-dir", "own", "--trust", "own_claims", "--fast")
    assert result.exit_code == 0 and "undecided" in result.stdout and "nan" in result.stdout, result.stderr


@pytest.mark.slow
def test_a_dead_process_is_one_line(cli: Cli, own: Path) -> None:
    own.write_text(YAML.replace("own_claims.seven", "own_claims.dies"))
    result = cli("claim", "seven", "--config-dir", "own", "--trust", "own_claims", "--jobs", "2")
    said = "claim seven: a process died that measured seed 0 or a later one, for want of memory perhaps"
    assert result.exit_code == 1 and result.stderr == f"attnrun: {said}; try fewer --jobs\n"


def test_a_page_older_than_its_claim_says_so() -> None:
    claim, result = read_claim("cues"), read_results(KEPT)["cues"]
    assert "has been changed" not in page(claim, result)
    older = result | {"conditions": result["conditions"][:1]}
    assert "The claim has been changed since it was measured" in page(claim, older)


def test_the_pages_of_the_docs_are_those_of_their_data() -> None:
    """`attnrun claim NAME --write docs/claims` makes them."""
    results = read_results(KEPT)
    assert results
    claims = [read_claim(name) for name in NAMES if name in results]
    assert [claim.name for claim in claims] == sorted(results)
    for claim in claims:
        found = results[claim.name]
        assert (KEPT / f"{claim.name}.md").read_text() == page(claim, found), (
            "attnrun claim NAME --write docs/claims"
        )
        assert (KEPT / f"{claim.name}.png").exists()
        assert found["form"] == "full" and found["seeds"] == claim.claim.seeds
        conditions = {one["when"]: one["condition"] for one in found["conditions"]}
        assert conditions == claim.claim.holds
    assert (KEPT / "README.md").read_text() == table(claims, results)
    readme = (KEPT.parents[1] / "README.md").read_text()
    assert f"| [{claims[0].name}](docs/claims/{claims[0].name}.md) |" in readme
    assert readme == embed(readme, claims, results, Path("docs/claims"))


YAML = """\
# what: a claim of one's own
# source: nobody
statement: Seven is more than three.
zh: 七大于三。
measure: own_claims.seven
seeds: 3
keys: {least: 3}
holds: {always: least < seven}
"""
CODE = """\
from attnrun.claims.trial import Trial

def seven(seed: int, *, least: int) -> Trial:
    return Trial({"seven": 7.0 + seed, "least": float(least)})

def grid(seed: int, *, least: int) -> Trial:
    cells = {"a_x": 3.0 + seed, "a_y": 4.0 + seed, "b_x": 5.0 + seed, "b_y": 6.0 + seed}
    return Trial(cells | {"least": float(least)}, columns=("x", "y"))

def bad(seed: int, *, least: int) -> Trial:
    1 / 0

def nothing(seed: int, *, least: int) -> Trial:
    return Trial({"seven": float("nan") if seed else 7.0, "least": float(least)})

def dies(seed: int, *, least: int) -> Trial:
    import os
    os._exit(1)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of configs with one claim, beside the module that it names."""
    (tmp_path / "own/claim").mkdir(parents=True)
    (tmp_path / "own/claim/seven.yaml").write_text(YAML)
    (tmp_path / "own_claims.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_claims", raising=False)
    return tmp_path / "own/claim/seven.yaml"


def test_a_claim_of_one_s_own_is_a_file_and_a_function(cli: Cli, own: Path) -> None:
    words = ["claim", "seven", "--config-dir", "own", "--trust", "own_claims"]
    document = json.loads(cli(*words, "--json").stdout)
    assert document["verdict"] == "HOLDS" and document["figures"]["seven"]["mean"] == 8.0
    own.write_text(YAML.replace("least: 3", "least: 900"))
    assert json.loads(cli(*words, "--json").stdout)["verdict"] == "FAILS"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("least: 3", "most: 3", "no config key 'keys.most'"),
        ("least: 3", "least: few", "keys.least=few: the value must be a valid integer"),
        ("seeds: 3", "sedes: 3", "no config key 'sedes'; did you mean 'seeds'?"),
        ("least < seven", "least = seven", "holds.always: 'least = seven' is no inequality"),
        ("least < seven", "least < sevn", "no figure 'sevn' was measured; did you mean 'seven'?"),
        ("own_claims.seven", "own_claims.eight", "measure: own_claims has no class or function 'eight'"),
        ("own_claims.seven", "os.getcwd", "measure: 'os' is outside attnrun"),
        ("{always: least < seven}", "{}", "holds: a claim needs a condition"),
        ("seeds: 3", "seeds: 3\nfast: {seeds: few}", "fast.seeds=few: the value must be a whole number"),
    ],
)
def test_a_mistake_in_a_claim_is_one_line(cli: Cli, own: Path, old: str, new: str, message: str) -> None:
    own.write_text(YAML.replace(old, new))
    result = cli("claim", "seven", "--config-dir", "own", "--trust", "own_claims")
    assert result.exit_code == 2, result.output
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("7.0 + seed", "1 / seed", 1, "own_claims.seven fails for seed 0: ZeroDivisionError"),
        ("7.0 + seed", "'7'", 2, "claim seven: the figure 'seven' is no number"),
        ("Trial(", "dict(figures=", 2, "own_claims.seven gives no Trial with figures"),
        ('"seven": ', '"seven" + "!" * seed: ', 2, "the figures of two seeds have different names"),
        (
            "float(least)})",
            'float(least)}, {f"of {seed}": []})',
            2,
            "the curves of two seeds have different names",
        ),
    ],
)
def test_a_mistake_in_a_function_is_one_line(
    cli: Cli, own: Path, tmp_path: Path, old: str, new: str, code: int, message: str
) -> None:
    (tmp_path / "own_claims.py").write_text(CODE.replace(old, new))
    result = cli("claim", "seven", "--config-dir", "own", "--trust", "own_claims")
    assert (result.exit_code, len(result.stderr.splitlines())) == (code, 1), result.output
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("translation 'x", 'keys.variants.one: "translation \'x": no closing quotation'),
        ("", "keys.variants.one: give an experiment"),
        ("nope", "no experiment named 'nope'"),
        ("nw-regression data.nose=1", "no config key 'data.nose'; did you mean 'data.noise'?"),
        ("nw-regression trainer.max_steps=1", "no metric 'bleu'"),
    ],
)
def test_a_mistake_in_a_variant_is_one_line(cli: Cli, own: Path, text: str, message: str) -> None:
    keys = json.dumps({"variants": {"one": text}, "metrics": ["bleu"]})
    yaml = YAML.replace("own_claims.seven", "attnrun.claims.training.variants")
    own.write_text(yaml.replace("{least: 3}", keys).replace("least < seven", "0 < bleu_one"))
    result = cli("claim", "seven", "--config-dir", "own")
    assert result.exit_code == 2 and message in result.stderr.splitlines()[-1], result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give the NAME of a claim, or --all, or --list"),
        (["cues", "--all"], "give the NAME of a claim, or --all, or --list"),
        (["que"], "no claim named 'que'"),
        (["cues", "--fast", "--write", "kept"], "--write keeps results"),
        (["--list", "--fast"], "--list measures nothing"),
        (["--all", "--plot", "x.png"], "--plot is of one claim"),
        (["cues", "--plot", "x.txt"], "cannot draw 'x.txt'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(cli: Cli, words: list[str], message: str) -> None:
    result = cli("claim", *words)
    assert result.exit_code == 2 and message in result.stderr
    assert len(result.stderr.splitlines()) == 1
