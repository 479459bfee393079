"""What tests of every room share."""

import os
import sys
from pathlib import Path

import absl.logging
import pytest

# Before torch is imported: tensors this small gain nothing from a second thread, and wait for it where a core
# is busy with something else.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# TensorBoard brings absl, whose handler closes its stream when Hydra sets up logging, unless that stream is
# the interpreter's own; here it would be the one in which pytest captures everything.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__


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
