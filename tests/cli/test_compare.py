"""`attnrun compare` over runs that are only said to have ended."""

import csv
import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from attnrun.cli.complete import complete_run_or_sweep
from attnrun.launch.config import compose
from tests.analysis.conftest import HOSTILE

Cli = Callable[..., Result]
SWEEP = Path("outputs/nw-regression/sweep-2026-01-01")
SCORES = {"average": (0.9, 0.92, 0.89), "gaussian": (0.41, 0.43, 0.4), "boxcar": (0.5, 0.31, 0.49)}
PLAIN = compose("nw-regression", [])


def attention(name: str) -> Any:
    return compose("nw-regression", [f"attention={name}"])["attention"]


CHOICES = {name: attention(name) for name in SCORES}


def made(directory: Path, config: dict[str, Any], seed: int, value: float | None, **changes: Any) -> Path:
    """A run of `config` that ended with `value`."""
    directory.mkdir(parents=True)
    identity = {"experiment": config["experiment"], "config_hash": f"{directory}", "seed": seed}
    primary = {"name": "test_mse_learned", "goal": "min"}
    result = {**identity, "status": "done", "primary": primary, "seconds": 2.5, "warnings": []}
    result |= {"metrics": {"test_mse_learned": value, "r2": value and 1 - value, "kind": "x"}} | changes
    (directory / "config.yaml").write_text(yaml.safe_dump(config | {"seed": seed}, sort_keys=False))
    started = f"2026-01-01T00:00:{seed:02}+00:00"
    (directory / "run.json").write_text(json.dumps(identity | {"started": started}))
    (directory / "result.json").write_text(json.dumps(result))
    return directory


@pytest.fixture
def sweep(cli: Cli) -> Path:
    runs = [(name, seed, value) for name, values in SCORES.items() for seed, value in enumerate(values)]
    for place, (name, seed, value) in enumerate(runs):
        made(SWEEP / f"{place}", PLAIN | {"attention": CHOICES[name]}, seed, value)
    return SWEEP


def told(cli: Cli, *words: str) -> dict[str, Any]:
    """What `--json` says of the first metric, by group."""
    result = cli("compare", *words, "--json")
    assert result.exit_code == 0, result.stderr
    (first, *_) = json.loads(result.stdout)["metrics"]
    return {group.pop("group"): group for group in first["groups"]}


def test_mechanisms_over_their_seeds(cli: Cli, sweep: Path) -> None:
    groups = told(cli, "latest")
    assert list(groups) == ["attention=gaussian", "attention=boxcar", "attention=average"]
    best, near, far = groups.values()
    assert best["best"] and best["difference"] is None and best["seeds"] == 3
    assert best["mean"] == pytest.approx(0.41333, abs=1e-5) and best["sd"] == pytest.approx(
        0.015275, abs=1e-6
    )
    assert (best["low"], best["high"]) == pytest.approx((0.37539, 0.45128), abs=1e-5)
    assert far["decided"] and far["paired"] and far["seeds_needed"] is None
    assert not near["decided"] and near["difference_low"] < 0 < near["difference_high"]
    assert near["seeds_needed"] > 3
    assert [run["seed"] for run in best["runs"]] == [0, 1, 2] and best["runs"][0]["value"] == 0.41


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_the_table_fits_the_terminal(
    cli: Cli, sweep: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = cli("compare", str(sweep))
    assert result.exit_code == 0 and result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= max(71, int(width))
    for text in (
        "best",
        "decided",
        "undecided",
        "0.4133",
        "0.3754 to 0.4513",
        "paired",
    ):
        assert text in " ".join(result.stdout.split())


def test_a_page_and_a_spreadsheet_have_the_same_figures(cli: Cli, sweep: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("compare", str(sweep), "--csv").stdout)))
    page = cli("compare", str(sweep), "--md").stdout
    groups = told(cli, str(sweep))
    assert [row["group"] for row in rows] == list(groups)
    for row, group in zip(rows, groups.values(), strict=True):
        assert float(row["mean"]) == group["mean"] and row["seeds"] == "3"
        assert row["decided"] == ("" if group["decided"] is None else str(group["decided"]))
    head, line, first, *_ = page.splitlines()
    assert head.startswith("| `test_mse_learned` | seeds | mean |") and set(line) == set("| -:")
    assert first.startswith("| `attention=gaussian` | 3 | 0.4133 | 0.01528 |") and first.endswith("| best |")


def test_runs_and_sweeps_may_be_named_together(cli: Cli, sweep: Path) -> None:
    config = PLAIN | {"attention": CHOICES["boxcar"], "reduction": "sum"}
    other = made(Path("outputs/nw-regression/alone"), config, 0, 0.7)
    groups = told(cli, str(sweep), "alone", str(other), "sweep-2026-01-01/3")
    assert groups["attention=boxcar reduction=sum"]["seeds"] == 1
    assert groups["attention=gaussian reduction=mean"]["seeds"] == 3
    one = groups["attention=boxcar reduction=sum"]
    assert (one["low"], one["difference_low"], one["decided"], one["paired"]) == (None, None, False, False)
    assert "one seed has no interval" in cli("compare", str(sweep), "alone").stdout


def test_by_one_key_says_what_it_puts_together(cli: Cli, sweep: Path) -> None:
    for seed in range(3):
        config = PLAIN | {"attention": CHOICES["gaussian"], "reduction": "sum"}
        made(sweep / f"sum{seed}", config, seed, 0.45 + seed / 100)
    assert len(told(cli, str(sweep))) == 4
    groups = told(cli, str(sweep), "--by", "attention")
    assert groups["attention=gaussian"]["seeds"] == 6 and not groups["attention=boxcar"]["paired"]
    result = cli("compare", str(sweep), "--by", "attention")
    assert "--by attention puts runs into one group that differ in reduction" in result.stderr
    assert "runs" in result.stdout.splitlines()[1] and "seeds" not in result.stdout.splitlines()[1]


def test_seeds_alone_are_one_group(cli: Cli) -> None:
    for seed, value in enumerate((0.1, 0.2)):
        made(SWEEP / f"{seed}", PLAIN, seed, value)
    (group,) = told(cli, str(SWEEP)).values()
    assert group["mean"] == pytest.approx(0.15) and group["best"]
    shown = cli("compare", str(SWEEP)).stdout
    assert "nw-regression" in shown and "difference" not in shown


def test_runs_that_are_not_done_are_named(cli: Cli, sweep: Path) -> None:
    config = PLAIN | {"attention": CHOICES["average"]}
    made(sweep / "failed", config, 7, None, status="failed", metrics={})
    made(sweep / "torn", config, 8, 0.1)
    (sweep / "torn/result.json").write_text('{"status": "do')
    made(sweep / "half", config, 9, 0.1)
    (sweep / "half/config.yaml").write_text("a: [")
    result = cli("compare", str(sweep), "--json")
    document = json.loads(result.stdout)
    found = {Path(one["run"]).name: one["status"] for one in document["left_out"]}
    assert found == {"failed": "failed", "torn": "interrupted", "half": "unreadable"}
    line = result.stderr.strip()
    assert (
        "not compared: " in line and "1 failed" in line and "1 interrupted" in line and "1 unreadable" in line
    )
    assert all(str(sweep / name) in line for name in found) and document["notes"] == [line[9:]]
    assert sum(group["seeds"] for group in document["metrics"][0]["groups"]) == 9


def test_the_same_config_counts_once(cli: Cli, sweep: Path) -> None:
    again = sweep / "again"
    shutil.copytree(sweep / "3", again)
    result = json.loads((again / "result.json").read_text())
    (again / "result.json").write_text(json.dumps(result | {"metrics": {"test_mse_learned": 0.3}}))
    identity = json.loads((again / "run.json").read_text())
    (again / "run.json").write_text(json.dumps(identity | {"started": "2026-02-01T00:00:00+00:00"}))
    groups = told(cli, str(sweep))
    assert groups["attention=gaussian"]["seeds"] == 3
    assert 0.3 in [run["value"] for run in groups["attention=gaussian"]["runs"]]
    assert f"the newest counts, not: {sweep / '3'}" in cli("compare", str(sweep)).stderr


def test_a_seed_with_other_data_counts_beside_the_first(cli: Cli, sweep: Path) -> None:
    made(sweep / "changed", PLAIN | {"attention": CHOICES["gaussian"]}, 0, 0.5)
    groups = told(cli, str(sweep))
    assert groups["attention=gaussian"]["seeds"] == 4
    assert "attention=gaussian: several runs of seed 0 all count" in cli("compare", str(sweep)).stderr


def test_other_metrics_and_their_goals(cli: Cli, sweep: Path) -> None:
    groups = told(cli, str(sweep), "--metric", "r2")
    assert not any(group["best"] for group in groups.values())
    groups = told(cli, str(sweep), "--metric", "r2", "--goal", "max")
    assert next(iter(groups)) == "attention=gaussian" and groups["attention=gaussian"]["best"]
    every = json.loads(cli("compare", str(sweep), "--all-metrics", "--json").stdout)["metrics"]
    assert {one["name"]: one["goal"] for one in every} == {
        "test_mse_learned": "min", "r2": None, "seconds": "min",
    }  # fmt: skip
    reference = [group["group"] for group in every[1]["groups"] if group["difference"] is None]
    assert reference == ["attention=gaussian"]  # the best by the primary metric


def test_values_that_are_none_are_told(cli: Cli, sweep: Path) -> None:
    made(sweep / "nan", PLAIN | {"attention": CHOICES["gaussian"]}, 5, None)
    result = cli("compare", str(sweep))
    assert f"without a finite test_mse_learned, and so not counted: {sweep / 'nan'}" in result.stderr
    assert told(cli, str(sweep))["attention=gaussian"]["seeds"] == 3


def test_figures_of_other_signatures_are_not_comparable(cli: Cli) -> None:
    for seed, signature in enumerate(("tok:13a", "tok:none")):
        metrics = {"test_mse_learned": 0.5, "bleu_signature": signature}
        made(SWEEP / f"{seed}", PLAIN, seed, 0.5, metrics=metrics)
    assert "not comparable: bleu_signature is tok:13a or tok:none" in cli("compare", str(SWEEP)).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "no run 'nowhere'"),
        (["latest", "--by", "atention"], "no config key 'atention' in these runs; did you mean 'attention'"),
        (["latest", "--by", "seed"], "--by seed: "),
        (["latest", "--metric", "r3"], "no run gave a finite 'r3'; did you mean 'r2'"),
        (["latest", "--metric", "kind"], "no run gave a finite 'kind'"),
        (["latest", "--json", "--csv"], "give one of them"),
        (["latest", "--md", "--csv"], "give one of them"),
        (["latest", "--goal", "max"], "--goal is about --metric"),
        (["latest", "--all-metrics", "--metric", "r2"], "--all-metrics takes no --metric"),
        (["latest", "--plot", "x.gif"], "x.gif"),
        (["latest", "--translations", "--md"], "without --csv and --md"),
        (["latest", "--translations"], "have a test set with BLEU"),
    ],
)
def test_mistakes_are_told_in_one_line(cli: Cli, sweep: Path, words: list[str], message: str) -> None:
    result = cli("compare", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_sweeps_are_offered(cli: Cli, sweep: Path) -> None:
    made(Path("outputs/nw-regression/single"), PLAIN, 0, 0.5)
    assert complete_run_or_sweep("s") == ["single", sweep.name]


def test_the_commands_that_the_page_shows_run(cli: Cli) -> None:
    page = (Path(__file__).parents[2] / "docs/comparing.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    attnrun (compare .*?)(?: > .*)?$", page, re.MULTILINE)
    assert len(commands) >= 8
    for seed in range(2):
        metrics = {"test_mse_learned": seed / 7, "test_mse_oracle": 0.5}
        for place in (SWEEP.parent / f"single-{seed}", SWEEP / f"{seed}"):
            run = made(place, PLAIN, seed, None, metrics=metrics)
            (run / "metrics.jsonl").write_text('{"step": 1, "train/loss": 0.5}\n')
    for command in commands:
        result = cli(*shlex.split(command, comments=True))
        wanted = 2 if "--translations" in command or "--lengths" in command else 0  # these runs have none
        assert result.exit_code == wanted, result.stderr


def test_runs_of_several_primary_metrics_need_a_choice(cli: Cli, sweep: Path) -> None:
    made(sweep / "x", PLAIN | {"experiment": "other"}, 0, 0.5, primary={"name": "r2", "goal": "max"})
    message = "several primary metrics: r2, test_mse_learned; choose by --metric"
    assert message in cli("compare", "latest").stderr
    groups = told(cli, str(sweep), "--metric", "r2")
    assert "experiment=other attention=gaussian-learned" in groups
    assert groups["experiment=nw-regression attention=average"]["mean"] < 0.2


def test_nothing_finished(cli: Cli) -> None:
    made(SWEEP / "0", PLAIN, 0, None, status="failed", metrics={})
    result = cli("compare", str(SWEEP))
    assert result.exit_code == 2 and "none of these runs is finished: 1 failed: " in result.stderr


@pytest.mark.parametrize("name", ["means.png", "means.svg"])
def test_a_picture(cli: Cli, sweep: Path, name: str) -> None:
    assert cli("compare", str(sweep), "--plot", f"figures/{name}").exit_code == 0
    begin = Path("figures", name).read_bytes()[:200]
    assert begin.startswith(b"\x89PNG") or b"<?xml" in begin


def test_hostile_values_are_shown_as_they_are(cli: Cli) -> None:
    texts = [text for text in HOSTILE if "\ud83d" not in text] + ["=1+1", "a|b", "`x`", "| x |"]
    for place, text in enumerate(texts):
        made(SWEEP / f"{place}", PLAIN | {"reduction": text, f"=k{place}": 1}, place, place / 7)
    for form in ([], ["--csv"], ["--md"], ["--json"], ["--by", "reduction"]):
        result = cli("compare", str(SWEEP), *form)
        assert result.exit_code == 0, result.output
        assert not [letter for letter in result.stdout if letter < " " and letter != "\n"]
        assert "\u202e" not in result.stdout and "\x9b" not in result.stdout
    rows = list(csv.reader(io.StringIO(cli("compare", str(SWEEP), "--csv").stdout)))
    assert {len(row) for row in rows} == {len(rows[0])} and len(rows) == 1 + len(texts)
    assert not [row for row in rows if row[2].startswith(("=", "+", "@"))]
    page = [line for line in cli("compare", str(SWEEP), "--md").stdout.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in page}) == 1 and len(page) == 2 + len(texts)


@pytest.mark.parametrize(
    "result",
    [
        {"metrics": [1], "primary": 3, "seed": [1], "config_hash": {"a": 1}},
        {"metrics": {"test_mse_learned": 10**400}, "seconds": "x"},
        {"metrics": {"test_mse_learned": True}, "primary": {"name": ["x"], "goal": 7}},
    ],
)
def test_a_result_that_no_run_writes(cli: Cli, sweep: Path, result: dict[str, Any]) -> None:
    odd = made(sweep / "odd", PLAIN, 3, 0.5) / "result.json"
    odd.write_text(json.dumps(json.loads(odd.read_text()) | result))
    shown = cli("compare", str(sweep), "--metric", "test_mse_learned")
    assert shown.exit_code == 0 and "Traceback" not in shown.output, shown.exception
    assert f"without a finite test_mse_learned, and so not counted: {sweep / 'odd'}" in shown.stderr


def translated(directory: Path, config: dict[str, Any], seed: int, noise: int) -> None:
    metrics = {
        "bleu": 50.0 - noise,
        "bleu_signature": "nrefs:1|case:lc|eff:no|tok:none|smooth:exp|version:2.6.0",
    }
    primary = {"name": "bleu", "goal": "max"}
    made(directory, config, seed, None, metrics=metrics, primary=primary)
    target = "a b c d e f"
    found = [target if place % 7 > noise else "f e a" for place in range(30)]
    rows = [{"source": "s", "target": target, "prediction": prediction} for prediction in found]
    (directory / "samples").mkdir()
    (directory / "samples/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_translations_are_for_significance(cli: Cli) -> None:
    for place, name in enumerate(("average", "gaussian")):
        for seed in (3, 4):
            config = PLAIN | {"attention": CHOICES[name]}
            translated(SWEEP / f"{name}{seed}", config, seed, 2 * place)
    result = cli("compare", str(SWEEP))
    command = f"attnrun significance {SWEEP}/average3 {SWEEP}/gaussian3"
    assert command in result.stderr
    shown = cli("compare", str(SWEEP), "--translations")
    assert "chrF" in shown.stdout and "sentences" in shown.stdout and command not in shown.stderr
    document = json.loads(cli("compare", str(SWEEP), "--translations", "--json").stdout)
    same = json.loads(cli(*command.split()[1:], "--json").stdout)
    assert document["translations"] == same["forms"]


@pytest.fixture
def writers(sweep: Path) -> Iterator[None]:
    """Somebody who makes, changes and removes runs of the sweep all the time."""
    stop = threading.Event()

    def write() -> None:
        draw, place = random.Random(3), sweep / "busy"
        while not stop.is_set():
            made(place, PLAIN | {"attention": CHOICES["average"]}, draw.randrange(9), 0.9)
            for name in draw.sample(["config.yaml", "result.json", "run.json"], 2):
                whole = (place / name).read_bytes()
                (place / name).write_bytes(whole[: draw.randrange(len(whole))])
            (place / draw.choice(["config.yaml", "result.json"])).unlink()
            shutil.rmtree(place)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_runs_that_come_and_go_meanwhile_do_no_harm(cli: Cli, writers: None) -> None:
    for _ in range(25):
        result = cli("compare", str(SWEEP), "--json")
        assert result.exit_code == 0, result.stderr
        groups = json.loads(result.stdout)["metrics"][0]["groups"]
        assert [group["seeds"] for group in groups[:2]] == [3, 3]


@pytest.mark.faults
def test_two_thousand_runs_take_less_than_five_seconds(cli: Cli, tmp_path: Path) -> None:
    for place in range(2000):
        config = PLAIN | {"optim": PLAIN["optim"] | {"lr": 1 + place // 5}}
        made(SWEEP / f"{place}", config, place % 5, place / 1000 + place % 5)
    took = []
    for _ in range(3):
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "attnrun", "compare", str(SWEEP)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        took.append(time.monotonic() - begun)
        assert done.returncode == 0 and "optim.lr=400" in done.stdout, done.stderr
    print(took, os.getloadavg())  # noqa: T201
    assert min(took) < 5
