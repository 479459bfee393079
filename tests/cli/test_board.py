"""`attnrun board`: a real TensorBoard on this machine."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from attnrun.launch.config import compose
from attnrun.launch.job import execute

pytestmark = pytest.mark.usefixtures("blank_pictures")
Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("board")
    first = place / "outputs/nw-regression/one"
    assert execute(compose("nw-regression", ["trainer.max_steps=1"]), first).status == "done"
    shutil.copytree(first, first.with_name("two"))
    return place


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"nw-regression/one", "nw-regression/two"}),
        (["outputs/nw-regression/two"], {"."}),
        (["one", "two"], {"1-one", "2-two"}),
    ],
)
def test_it_serves_the_runs_that_are_named(runs: Path, words: list[str], expected: set[str]) -> None:
    command = [sys.executable, "-m", "attnrun", "board", "--port", "0", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=runs, **pipes) as process:
        assert process.stdout is not None
        try:
            link = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", link)
            found = set()
            for _ in range(60):
                with urllib.request.urlopen(f"{link}data/runs") as answer:
                    found = set(json.load(answer))
                if found == expected:
                    break
                signal.sigtimedwait([], 0.5)
            assert found == expected
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_one_line(runs: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["board", "--port", str(taken.getsockname()[1])]
        result = subprocess.run(
            [sys.executable, "-m", "attnrun", *words], cwd=runs, capture_output=True, text=True
        )
    assert result.returncode == 2 and "attnrun: TensorBoard does not start: " in result.stderr
    assert "Traceback" not in result.stderr


def test_without_runs_there_is_nothing_to_serve(cli: Cli) -> None:
    result = cli("board")
    assert result.exit_code == 2 and "there is no ./outputs here" in result.stderr
