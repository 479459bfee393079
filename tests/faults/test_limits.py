"""What is made to exhaust a machine is refused within 2 s and 300 MiB; a dead worker is seen within 10 s."""

import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from attnrun.errors import RunFailed
from attnrun.training.batches import iterate
from tests.data.test_bombs import MIB, ROWS, zipped
from tests.launch.test_foreign import BOMBS, own
from tests.training.test_workers import Deadly

# What reads a file, in a process of its own that says how long that took and how much memory beyond the
# imports it came to need.
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from attnrun.data import text
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def corpus():
    text.tsv(path=sys.argv[2])
def config():
    words, path = ["attention=mine"], Path(sys.argv[2])
    check(compose("nw-regression", words, path), (), words, path)
check(compose("nw-regression", []), ())
before, began, message = peak(), time.process_time(), ""
try:
    globals()[sys.argv[1]]()
except UserError as error:
    message = str(error)
print(json.dumps({"message": message, "seconds": time.process_time() - began, "MiB": peak() - before}))
"""
pytestmark = pytest.mark.faults


def measured(kind: str, path: Path) -> str:
    """Read the config or corpus at `path`, within the limits; return what it is refused with."""
    command = [sys.executable, "-c", MEASURED, kind, str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(found)
    assert found["seconds"] < 2 and found["MiB"] < 300
    return str(found["message"])


@pytest.mark.parametrize("packing", ["gzip", "zip", "lines"])
def test_a_gigabyte_of_text_in_a_small_file(tmp_path: Path, packing: str) -> None:
    block, copies = (ROWS, 1024) if packing != "lines" else (b"a" * MIB, 1024)
    if packing == "zip":
        bomb = zipped(block, zipfile.ZIP_DEFLATED, copies)
    else:
        file = io.BytesIO()
        with gzip.open(file, "wb", 1) as out:
            for _ in range(copies):
                out.write(block)
        bomb = file.getvalue()
    (tmp_path / "bomb").write_bytes(bomb)
    assert measured("corpus", tmp_path / "bomb")


@pytest.mark.parametrize("files", BOMBS.values(), ids=BOMBS)
def test_a_config_that_is_a_bomb(tmp_path: Path, files: dict[str, str]) -> None:
    assert measured("config", own(tmp_path, **files))


def test_ten_dead_workers() -> None:
    for _ in range(10):
        began = time.monotonic()
        with pytest.raises(RunFailed, match="SIGKILL") as held:  # which holds the frames, and so the loader
            list(iterate(Deadly(3), seed=3, epoch=0, workers=2))
        took = time.monotonic() - began
        print(f"seen after {took:.1f} s")
        assert held and took < 10
