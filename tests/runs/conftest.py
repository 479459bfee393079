"""`open_run(directory, **changes)`: a run of an experiment called tiny, as the bridge opens it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnrun.runs.device import Runtime
from attnrun.runs.run import Run


@pytest.fixture
def open_run() -> Callable[..., Run]:
    def opened(directory: Path, **changes: Any) -> Run:
        settings = {
            "experiment": "tiny",
            "config": {
                "seed": 5,
                "optim": {"lr": 0.25, "warm": None},
                "runtime": {"device": "cpu"},
                "names": ["é", 1],
            },
            "config_hash": "abc",
            "seed": 5,
            "runtime": Runtime(device="cpu"),
            "primary": ("test_loss", "min"),
        }
        return Run.open(directory, **(settings | changes))

    return opened
