"""What tests of every room share."""

import gzip
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import absl.logging
import pytest

# Before torch is imported: tensors this small gain nothing from a second thread, and wait for it where a core
# is busy with something else.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# TensorBoard brings absl, whose handler closes its stream when Hydra sets up logging, unless that stream is
# the interpreter's own; here it would be the one in which pytest captures everything.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

# What a page in a browser of a person would do; nothing of it may reach a network.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the directory of real data; skip with the reason where there is none."""
    given = os.environ.get("ATTNRUN_TEST_DATA")
    if not given:
        pytest.skip("ATTNRUN_TEST_DATA does not name a directory of real data")
    directory = Path(given).expanduser().resolve()
    if not directory.is_dir():
        pytest.skip(f"ATTNRUN_TEST_DATA={given} is not a directory")
    return directory


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """Let pictures that are made in this process be blank: most of a small run's time goes into drawing."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    def whole(figure: Figure, *_: Any, **__: Any) -> Bbox:
        return Bbox.from_bounds(0, 0, *figure.get_size_inches())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "draw", lambda *_: None)
        patch.setattr(Figure, "get_tightbbox", whole)
        yield


@pytest.fixture
def corpora(tmp_path: Path, real_data: Path) -> Path:
    """Put the corpora that download below `tmp_path`, as a user would by hand, and return where."""
    cache = tmp_path / "cache"
    (cache / "tatoeba").mkdir(parents=True)
    with zipfile.ZipFile(real_data / "fra-eng/fra-eng.zip") as archive:
        (cache / "tatoeba/fra.txt").write_bytes(archive.read("fra-eng/fra.txt"))
    (cache / "multi30k").mkdir()
    for packed in (real_data / "multi30k/tok").glob("*.gz"):
        (cache / "multi30k" / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    for raw in (real_data / "multi30k/raw").glob("*.gz"):
        shutil.copy(raw, cache / "multi30k")
    return cache


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium, where there is one and playwright to drive it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium to open a page in")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()
