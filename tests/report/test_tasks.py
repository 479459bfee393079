"""A page of every task: what its runs keep is enough to show where the model looked."""

from pathlib import Path

import pytest

from attnrun.analysis.packing import unpack
from attnrun.launch.config import compose
from attnrun.launch.job import execute
from tests.report.conftest import call, data_of, written

FEW = ["trainer.max_steps=2", "runtime.threads=1"]
TASKS = {
    "vision": FEW,
    "forecasting": FEW,
    "sequence": [*FEW, "data.test=40", "data.train=200"],
    "ibm-model-1": ["corpus.limit=300", "iterations=1"],
    "tagging": FEW,
    "classification": FEW,
    "qa": FEW,
    "summarisation": FEW,
    "speech": FEW,
    "language-model": FEW,
}
QUICK = ("vision", "sequence")


@pytest.mark.parametrize(
    "task", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in TASKS]
)
def test_a_run_of_every_task_has_maps_of_what_it_kept(tmp_path: Path, task: str) -> None:
    report = execute(compose(task, TASKS[task]), tmp_path / "outputs" / task / "one")
    assert report.status == "done", report.message
    data = data_of(written(tmp_path, f"outputs/{task}/one", "--sentences", "5"))
    assert data["whys"] == [None] and 1 <= len(data["items"]) <= 5
    for item in data["items"]:
        found = unpack(item["views"][0]["maps"][0])
        assert found.weights.size == 0 or found.weights.max() > 0
        assert (item["picture"] is not None) is (task == "vision")
    assert data["samples"]["best"]
    shown = call(tmp_path, "show", f"outputs/{task}/one", "--json")
    assert shown.exit_code == 0, shown.stderr


def test_links_of_a_sequence_lie_over_answers_that_are_right(tmp_path: Path) -> None:
    words = ["data=copy", "data.train=50", "data.valid=10", "data.test=10", *FEW]
    assert execute(compose("sequence", words), tmp_path / "run").status == "done"
    file = tmp_path / "run/samples/test.jsonl"
    data = data_of(written(tmp_path, "run"))
    for item in data["items"]:
        (view,) = item["views"]
        right = item["answers"] == [item["target"]]
        length = len(item["target"].split())
        assert view["links"] == ([[place, place, 1] for place in range(length)] if right else None)
    assert '"links": "0-0 1-1' in file.read_text()
