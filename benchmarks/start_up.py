"""How long a command line takes to say anything, each time in a new process."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.works import Bench
from benchmarks.comparison import Builder, Comparison, Found, Target, with_peers
from benchmarks.peers.common import PLACE

TORCH = "import torch"
# .2, .3 and .35 s where importing torch takes 1.2 s
COMMANDS = {"--help": 6.0, "list": 4.0, "train --help": 3.4}
PEERS: Mapping[str, tuple[str | Path, ...]] = {
    "JoeyNMT": (sys.executable, "-m", "joeynmt", "--help"),
    "OpenNMT-py": (PLACE / "venv_onmt/bin/onmt_train", "--help"),
    "Eole": (PLACE / "venv_eole/bin/eole", "--help"),
}


def compare(bench: Bench) -> Found:
    """Time each command beside what importing torch takes, the first also beside the help of others."""
    del bench
    for words, floor in COMMANDS.items():
        ours = _row(sys.executable, "-m", "attnrun", *words.split())
        rows = {OURS: ours, TORCH: _row(sys.executable, "-c", TORCH)}
        name = f"start-up-{words.replace('--', '').replace(' ', '-')}"
        table = Table(name, f"attnrun {words}, in a new process", "", rows)
        peers: dict[str, Builder] = {}
        if words == "--help":
            peers = {peer: partial(_row, *command) for peer, command in PEERS.items()}
        yield Comparison(with_peers(table, peers), [Target((TORCH,), floor=floor)])


def _row(*command: str | Path) -> Row:
    call = partial(_run, [str(word) for word in command])
    call()  # for the first time, from a cold disk; says here if there is no such command
    return Row(call)


def _run(command: list[str]) -> None:
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(command, cwd=empty, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {(done.stderr.splitlines() or ['nothing said'])[-1]}")
