"""An experiment as a user trains it: in a process of its own."""

import json
import os
import subprocess
import sys
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
