"""From the command line's words through `hydra.main` to jobs, and back to their reports."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attnrun.errors import UserError
from attnrun.launch.explain import explained
from attnrun.launch.job import Job, Report

# Hydra reads a pickle where this flag points, and a pickle can run anything.
_REFUSED_FLAGS = ("--experimental-rerun",)


def launch(
    experiment: str, words: Sequence[str], trust: tuple[str, ...] = (), config_dir: Path | None = None
) -> list[Report]:
    """Run the jobs that `words` (Hydra's flags and overrides) ask for, in the order of their directories.

    The list is empty where the words only ask to show something (`--cfg`, `--info`).
    Raises UserError where nothing can be composed, Interrupted where a signal ends the jobs.
    """
    import hydra

    from attnrun.launch.config import version_base

    for word in words:
        if word.split("=")[0] in _REFUSED_FLAGS:
            raise UserError(f"{word.split('=')[0]} is refused: it would load a pickle, which can run any code")
    flags = [] if config_dir is None else [f"--config-dir={config_dir.absolute()}"]
    with tempfile.TemporaryDirectory(prefix="attnrun-") as outbox:
        main = hydra.main(config_path="pkg://attnrun.configs", config_name="config", **version_base())
        with _command_line([*flags, f"experiment={experiment}", *words]), explained(experiment, config_dir):
            main(Job(outbox, trust))()
        return _reports(Path(outbox))


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Let `hydra.main` read `words` as the command line, and raise its errors instead of printing them."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["attnrun", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _reports(outbox: Path) -> list[Report]:
    files = sorted(outbox.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [Report(**json.loads(path.read_text(encoding="utf-8"))) for path in files]
