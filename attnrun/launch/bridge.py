"""From the command line's words through `hydra.main` to jobs, and back to their reports."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attnrun.launch.explain import explained, search_path
from attnrun.launch.hydra_words import check_words, of_each_job
from attnrun.launch.job import Job, Report, remove_sweep
from attnrun.launch.plugins import of_plugins
from attnrun.launch.targets import check_trust


def launch(
    experiment: str,
    overrides: Sequence[str],
    flags: Sequence[str] = (),
    *,
    trust: tuple[str, ...] = (),
    config_dir: Path | None = None,
) -> list[Report]:
    """Run the jobs that the overrides and Hydra's own flags ask for; report them as they ended.

    The list is empty where the words only ask to show something (`--cfg`, `--info`).
    `flags` are `--multirun`, `--cfg=job` and their like; `--experimental-rerun`, which loads a pickle, is not
    to be among them.

    Raises UserError where nothing can be composed, Interrupted where a signal ends the jobs.
    """
    import hydra

    from attnrun.launch.config import version_base

    config_dir = config_dir and config_dir.absolute()  # a job may run elsewhere
    check_trust(trust)
    check_words(overrides, trust)
    # Flags first: Hydra's parser takes no flag between two overrides.
    words = [*flags, f"experiment={experiment}", *search_path(config_dir, trust)]
    if "--multirun" in flags:
        with explained(experiment, overrides, config_dir):
            words += of_plugins(experiment, overrides, trust, config_dir)
        words += of_each_job(overrides)
    else:
        words += overrides
    with tempfile.TemporaryDirectory(prefix="attnrun-") as outbox:
        main = hydra.main(config_path="pkg://attnrun.configs", config_name="config", **version_base())
        with _command_line(words), explained(experiment, overrides, config_dir):
            main(Job(outbox, trust, config_dir))()
        reports = _reports(Path(outbox))
    if not any(report.directory for report in reports):
        for sweep in {Path(report.place).parent for report in reports}:
            remove_sweep(sweep)
    return reports


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
