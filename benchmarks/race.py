"""A training in a process of its own that is watched from outside until it reaches a score."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LOOK = 0.2  # seconds between looks at the scores
_LEAVE = 30.0  # seconds that a process has to end when it is told to


@dataclass(frozen=True)
class Race:
    """A command, the file to which it writes the score of each validation, and how it writes it."""

    place: Path  # working directory; its output is kept there as output.log
    command: list[str]
    file: Path
    score: str  # a pattern with the score as its group

    def scores(self) -> list[float]:
        """Return the scores so far."""
        if not self.file.is_file():
            return []
        return [float(found) for found in re.findall(self.score, self.file.read_text(encoding="utf-8"))]


@dataclass(frozen=True)
class Reached:
    """When a race reached the score, and after how many validations."""

    seconds: float
    score: float
    validations: int


def run(race: Race, goal: float) -> Reached | str:
    """Run the command until a score is at least `goal`; return when it was, or why it never was."""
    race.place.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    log = race.place / "output.log"
    with log.open("wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            race.command, cwd=race.place, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            return _watched(race, goal, process, start) or _why(race, process, log)
        finally:
            _end(process)


def _watched(race: Race, goal: float, process: subprocess.Popen[bytes], start: float) -> Reached | None:
    running = True
    while running:
        running = process.poll() is None
        for number, score in enumerate(race.scores(), 1):
            if score >= goal:
                return Reached(time.monotonic() - start, score, number)
        time.sleep(_LOOK if running else 0)
    return None


def _why(race: Race, process: subprocess.Popen[bytes], log: Path) -> str:
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"ended with status {process.returncode}: {lines[-1][:150] if lines else 'no output'}"
    return f"never reached it; best {max(race.scores(), default=0.0):.1f}"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
