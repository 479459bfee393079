"""What a command is to run a model on: words, lines from stdin, or test samples that a run keeps."""

import os
import select
import stat
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from attnrun.errors import UserError
from attnrun.runs.layout import SAMPLES
from attnrun.runs.samples import read_samples

_FILES = ("recording", "picture", "series")  # keys of samples that name a file beside them
_PATIENCE = 0.2  # seconds for a writer at the other end of a pipe to start; a silent pipe is taken as empty


@dataclass(frozen=True)
class Inputs:
    """Texts, numbers or files, as the task takes them; `many` where they came as lines, to be answered so."""

    lines: list[str]
    many: bool = False


def read_inputs(words: list[str]) -> Inputs:
    """Take the inputs from the words, else from a stdin that has some; never wait on an empty one.

    Raises UserError for a blank word, a - without lines, and lines that are not UTF-8.
    """
    if words == ["-"]:
        lines = _lines()
        if not lines:
            raise UserError("stdin holds no line of text")
        return Inputs(lines, many=True)
    if words:
        empty = [word for word in words if not word.strip()]
        if empty:
            raise UserError(f"TEXT {empty[0]!r} has no words in it")
        return Inputs(words)
    lines = _lines() if _has_input() else []
    return Inputs(lines, many=bool(lines))


def _has_input() -> bool:
    """Say whether stdin is a file, or a pipe with something in it."""
    try:
        descriptor = sys.stdin.fileno()
        if os.isatty(descriptor):
            return False
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return True
        return bool(select.select([descriptor], [], [], _PATIENCE)[0])
    except (OSError, ValueError, AttributeError):
        return False  # closed, or no stdin at all


def _lines() -> list[str]:
    raw = sys.stdin.buffer.read()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(f"stdin:{line}: not UTF-8 at byte {error.start}") from None
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


def sample(directory: Path, count: int = 3) -> list[dict[str, str]]:
    """Return the first test sentences of a run, with their references."""
    try:
        return [_shown(row) for row in islice(read_samples(directory, "test"), count)]
    except KeyError as error:
        hint = "give TEXT to translate"
        raise UserError(f"{directory}/samples/test.jsonl is damaged: no {error}; {hint}") from None
    except UserError as error:
        raise UserError(f"{error}; give TEXT to translate") from None


def kept_inputs(directory: Path, count: int) -> list[str]:
    """Return what the first test samples of a run are of: texts, or files in the run.

    Raises UserError where the run keeps none.
    """
    try:
        return [_input(directory, row) for row in islice(read_samples(directory, "test"), count)]
    except (KeyError, UserError):
        raise UserError(f"{directory} keeps no inputs to show; give INPUT") from None


def kept_file(directory: Path, row: dict[str, Any]) -> Path | None:
    """Return the file in the run that a sample is of, None where it is of a text."""
    named = (row[key] for key in _FILES if key in row)
    return next((directory / SAMPLES / Path(str(name)).name for name in named), None)


def plain(row: dict[str, Any], side: str) -> str:
    """Return the "source", "target" or "prediction" of a sample, in plain text where it is of tokens.

    Raises KeyError where it has none.
    """
    return str(row[f"plain_{side}" if f"plain_{side}" in row else side])


def _input(directory: Path, row: dict[str, Any]) -> str:
    file = kept_file(directory, row)
    return plain(row, "source") if file is None else str(file)


def _shown(row: dict[str, str]) -> dict[str, str]:
    return {"source": plain(row, "source"), "reference": plain(row, "target")}
