"""A page of every task: what its runs keep is enough to show where the model looked."""

import json
from pathlib import Path

import pytest

from attnrun.analysis.packing import unpack
from attnrun.launch import catalog
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from tests.experiments.small import rows_of
from tests.report.conftest import call, data_of, written

TASKS = [
    "vision", "forecasting", "sequence", "ibm-model-1", "tagging", "classification", "qa", "summarisation",
    "speech", "language-model",
]  # fmt: skip
FEW = ["trainer.max_steps=2", "runtime.threads=1"]


def small(task: str) -> list[str]:
    words = next(entry for entry in catalog.entries("experiment") if entry.name == task).smoke.split()
    return words if task == "ibm-model-1" else [*words, *FEW]


@pytest.mark.parametrize(
    "task", [one if one == "vision" else pytest.param(one, marks=pytest.mark.slow) for one in TASKS]
)
def test_a_run_of_every_task_has_maps_of_what_it_kept(tmp_path: Path, task: str) -> None:
    report = execute(compose(task, small(task)), tmp_path / "outputs" / task / "one")
    assert report.status == "done", report.message
    data = data_of(written(tmp_path, f"outputs/{task}/one", "--sentences", "5"))
    assert data["whys"] == [None] and 1 <= len(data["items"]) <= 5
    found = [unpack(item["views"][0]["maps"][0]).weights for item in data["items"]]
    assert any(weights.size for weights in found)
    assert all(weights.max() > 0 for weights in found if weights.size)
    for item in data["items"]:
        assert (item["picture"] is not None) is (task == "vision")
    assert data["samples"]["best"]
    shown = call(tmp_path, "show", f"outputs/{task}/one", "--json")
    assert shown.exit_code == 0, shown.stderr
    measured_again(tmp_path, task)


def measured_again(place: Path, task: str) -> None:
    """`attnrun evaluate` of the run as it is gives the figures and the answers that it has."""
    run = f"outputs/{task}/one"
    result = call(place, "evaluate", run, "-o", "answers.jsonl", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    found, then = document["metrics"], document["in_the_run"]
    assert set(found) <= set(then) and len(found) > 1
    assert all(then[name] == pytest.approx(value, rel=1e-6) for name, value in found.items())
    kept = rows_of(place / run)
    answers = [json.loads(line) for line in (place / "answers.jsonl").read_text().splitlines()]
    if task == "forecasting":  # keeps the last ones, whose last digits depend on the batch
        assert {row["source"] for row in kept} <= {row["source"] for row in answers}
        return
    assert [{name: one[name] for name in row} for one, row in zip(kept, answers, strict=True)] == answers


def test_links_of_a_sequence_lie_over_answers_that_are_right(tmp_path: Path) -> None:
    assert execute(compose("sequence", small("sequence")), tmp_path / "run").status == "done"
    rows = rows_of(tmp_path / "run")
    for row in rows[::2]:
        row["prediction"] = row["target"]
    file = tmp_path / "run/samples/test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    over = 0
    for item in data_of(written(tmp_path, "./run"))["items"]:
        (view,) = item["views"]
        links = [[*map(int, link.split("-")), 1] for link in rows[item["place"]]["links"].split()]
        queries = len(view["maps"][0]["queries"])
        fits = all(target < queries for _, target, _ in links)
        is_right = item["answers"] == [item["target"]]
        assert view["links"] == (links if is_right and fits else None)
        over += view["links"] is not None
    assert 0 < over < len(rows)
