"""One writer a run, seen from other processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attnrun.errors import UserError
from attnrun.runs.lock import RunLock, is_locked

HOLD = """
import sys
from pathlib import Path
from attnrun.runs.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path until it is killed."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_loser_is_told_who_holds_it(tmp_path, holder):
    assert is_locked(tmp_path)
    with pytest.raises(UserError, match=f"pid {holder.pid} on "):
        RunLock(tmp_path)


def test_a_dead_process_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path)
    RunLock(tmp_path).release()


def test_asking_does_not_give_the_lock_up(tmp_path):
    lock = RunLock(tmp_path)
    assert is_locked(tmp_path)
    with pytest.raises(UserError, match="already open in this process"):
        RunLock(tmp_path / ".." / tmp_path.name)
    place = str(tmp_path)
    asking = (
        f"from pathlib import Path; from attnrun.runs import lock; print(lock.is_locked(Path({place!r})))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    told = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, env=environment)
    assert told.stdout == "True\n"
    lock.release()
    assert not is_locked(tmp_path)


def test_a_forked_child_neither_holds_nor_frees_it(tmp_path):
    lock = RunLock(tmp_path)
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0 if is_locked(tmp_path) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert is_locked(tmp_path)
    lock.release()


def test_no_directory_is_not_locked(tmp_path):
    assert not is_locked(tmp_path / "none")


def test_torch_is_not_needed():
    code = "import sys, attnrun.runs.find, attnrun.runs.run; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
