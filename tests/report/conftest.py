"""Small trained runs, their pages, and how a browser opens them."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from attnrun.launch.config import compose
from attnrun.launch.job import execute
from tests.experiments.small import TINY, aligned_corpus

TRANSFORMER = [
    "model.size=12", "model.feedforward=16", "model.layers=2", "heads.count=3", "trainer.max_steps=2",
    "runtime.threads=1",
]  # fmt: skip
RUNS = {
    "transformer": ("transformer", TRANSFORMER),
    "other": ("transformer", [*TRANSFORMER, "seed=1", "model.layers=1", "model.decoder_layers=3"]),
    "rnn": ("translation", TINY),
    "blind": ("translation", [*TINY, "attention=none"]),
    "points": ("nw-regression", ["trainer.max_steps=2", "runtime.threads=1"]),
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with outputs/NAME/one for each of RUNS, trained for a few steps."""
    place = tmp_path_factory.mktemp("runs")
    corpus = aligned_corpus(place)
    for name, (experiment, words) in RUNS.items():
        chosen = words if experiment == "nw-regression" else [*corpus, *words]
        report = execute(compose(experiment, chosen), place / "outputs" / name / "one")
        assert report.status == "done", report.message
    return place


def call(place: Path, *words: str) -> Result:
    """Call `attnrun` with these words in a directory."""
    from attnrun.cli.app import app

    before = Path.cwd()
    os.chdir(place)
    try:
        return CliRunner().invoke(app, list(words), prog_name="attnrun")
    finally:
        os.chdir(before)


def written(place: Path, *words: str) -> str:
    """Call `attnrun report` with these words in a directory; return the page."""
    result = call(place, "report", *words)
    assert result.exit_code == 0, result.stderr
    return (place / result.stdout.strip()).read_text("utf-8")


def data_of(page: str) -> Any:
    """Return what a page holds."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


@pytest.fixture(scope="session")
def pages(runs: Path) -> dict[str, Path]:
    """The pages of each run, and of two: `both`, and `twins`, which are Transformers."""
    found = {}
    several = {"both": ["transformer", "rnn"], "twins": ["transformer", "other"]}
    for name, words in {**{name: [name] for name in RUNS if name != "other"}, **several}.items():
        found[name] = runs / f"{name}.html"
        written(runs, *(f"outputs/{word}/one" for word in words), "-o", str(found[name]))
    return found


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file in a new window; at the end no error was told, no dialog opened, nothing else loaded."""
    contexts, faults = [], list[str]()

    def open_page(path: Path, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda said: faults.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: _note_request(request.url, path, faults))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def _note_request(url: str, path: Path, faults: list[str]) -> None:
    if url != path.as_uri() and not url.startswith("data:image/png;base64,"):
        faults.append(f"request: {url}")
