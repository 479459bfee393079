"""An experiment as a user trains it: in a process of its own."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Any]:
    """Call `attnrun train` with these words below `tmp_path`; return what it printed as JSON."""

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "attnrun", "train", *words, "--json"]
        environment = {**os.environ, "ATTNRUN_DATA": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def corpora(tmp_path: Path, real_data: Path) -> Path:
    """Put the corpora that download into the cache of `train`, as a user without a network would by hand."""
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
