"""Downloads in several processes, some of which are killed: every one gets the file, and no debris stays."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from attnrun.data.download import fetch
from tests.data.small_package import LONG, fetching, files, package, start


def kill_while_downloading(process: subprocess.Popen[str], cache: Path) -> None:
    while not [part for part in cache.glob("small/.partial-*/*") if part.stat().st_size]:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_after_a_kill_the_next_fetch_gives_the_file_and_no_debris(server: Any, cache: Path) -> None:
    url = server.serve("/x.txt", LONG, pause=0.05)
    with start(fetching(url)) as process:
        kill_while_downloading(process, cache)
    assert not (cache / "small/x.txt").exists()
    server.serve("/x.txt", LONG)
    fetch(package(url, LONG))
    assert (cache / "small/x.txt").read_bytes() == LONG
    assert files(cache) == {"small/x.txt", "small/LICENCE.txt"}
    assert not list(cache.rglob(".partial-*"))


def test_ctrl_c_leaves_nothing(server: Any, cache: Path) -> None:
    with start(fetching(server.serve("/x.txt", LONG, pause=0.05))) as process:
        while not list(cache.glob("small/.partial-*/*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == -signal.SIGINT
    assert not files(cache)


def test_eight_at_once_with_one_killed_all_have_the_file_from_two_requests(
    server: Any, cache: Path, tmp_path: Path
) -> None:
    url = server.serve("/x.txt", LONG, pause=0.5)
    killed = start(fetching(url))
    while not list(cache.glob("small/.partial-*")):
        time.sleep(0.01)
    logs = [tmp_path / f"stderr.{number}" for number in range(8)]
    others = [start(fetching(url), log) for log in logs[:7]]
    while not all(
        "another process is downloading small; waiting for it" in log.read_text() for log in logs[:7]
    ):
        time.sleep(0.05)
    kill_while_downloading(killed, cache)
    server.replies["/x.txt"].pause = 0.0
    others.append(start(fetching(url), logs[7]))  # the killed one, started again
    assert [process.wait() for process in others] == [0] * 8
    killed.communicate()
    assert (cache / "small/x.txt").read_bytes() == LONG
    assert files(cache) == {"small/x.txt", "small/LICENCE.txt"}
    assert not list(cache.rglob(".partial-*"))
    assert server.asked["/x.txt"] == 2
    assert sum("licence: CC0" in log.read_text() for log in logs) == 1
