"""Sweeps as users start them, and a Slurm that knows no partition."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SMALL = ("trainer.max_steps=1", "runtime.threads=1")
TOO_LARGE = "1e+38"  # a learning rate that no weight survives

Metrics = dict[str, dict[str, Any]]


def attnrun(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call `attnrun train` in a process of its own, in `place`."""
    command = [sys.executable, "-m", "attnrun", "train", *words]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=240)


def metrics_by_words(text: str) -> Metrics:
    """The metrics of the runs that are done, by the words that are theirs alone."""
    runs = [run for run in json.loads(text) if run["status"] == "done"]
    return {" ".join(run["overrides"]): run["metrics"] for run in runs}


_SBATCH = """#!/bin/sh
cp "$1" script.sh
echo "sbatch: error: invalid partition specified: gpu" >&2
exit 1
"""


def refusing_slurm(place: Path) -> str:
    """Return a PATH that begins with commands of Slurm, of which sbatch keeps the script and refuses it."""
    for name, text in (("sbatch", _SBATCH), ("srun", "#!/bin/sh\n")):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    return f"{place}{os.pathsep}{os.environ['PATH']}"


def sbatch_options(script: str) -> dict[str, str]:
    """The options that an sbatch script sets."""
    lines = [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]
    return {key: value for key, _, value in (line.partition("=") for line in lines)}
