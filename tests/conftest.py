"""What tests of every room share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the directory of real data; skip with the reason where there is none."""
    given = os.environ.get("ATTNRUN_TEST_DATA")
    if not given:
        pytest.skip("ATTNRUN_TEST_DATA does not name a directory of real data")
    directory = Path(given).expanduser().resolve()
    if not directory.is_dir():
        pytest.skip(f"ATTNRUN_TEST_DATA={given} is not a directory")
    return directory
