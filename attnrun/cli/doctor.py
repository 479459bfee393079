"""`attnrun doctor`: what this machine offers to a run."""

import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson
from attnrun.errors import RunFailed
from attnrun.runs.layout import OUTPUTS

if TYPE_CHECKING:
    from attnrun.launch.determinism import Verdict


def doctor(
    determinism: Annotated[
        bool, typer.Option("--determinism", help="Train twice from one seed, and compare the weights.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show versions, devices, threads, and where data are kept."""
    if determinism:
        _show_determinism(as_json)
        return
    facts = _facts()
    if as_json:
        echo_json(facts)
        return
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table

    table = new_table("what", "here")
    for name, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        table.add_row(literal(name), literal(", ".join(shown) if isinstance(shown, list) else shown))
    Console(highlight=False).print(table)


def _show_determinism(as_json: bool) -> None:
    from attnrun.launch.determinism import verdicts

    found = verdicts()
    if as_json:
        echo_json([asdict(verdict) | {"equal": not verdict.differs} for verdict in found])
    else:
        _print_verdicts(found)
    differing = [f"{one.experiment}: {' and '.join(one.differs)}" for one in found if one.differs]
    if differing:
        raise RunFailed(f"one seed gave two results; {'; '.join(differing)} differ")


def _print_verdicts(found: "list[Verdict]") -> None:
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table

    table = new_table("experiment", "device", "weights", "metrics", "two trainings")
    for one in found:
        pairs = (one.weights, one.metrics)
        digests = [" ".join(digest[:12] for digest in dict.fromkeys(pair)) for pair in pairs]
        verdict = "differ" if one.differs else "equal"
        table.add_row(*map(literal, (one.experiment, one.device, *digests, verdict)))
    Console(highlight=False).print(table)


def _facts() -> dict[str, Any]:
    import torch

    from attnrun.data.download import cache_directory
    from attnrun.runs.device import present_devices, resolve_device
    from attnrun.runs.environment import versions

    return {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "versions": versions(),
        "devices": present_devices(),
        "device=auto": str(resolve_device("auto")),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "runs": _place(OUTPUTS.absolute()),
        "downloads": _place(cache_directory()),
    }


def _place(path: Path) -> str:
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    state = "can be written" if os.access(nearest, os.W_OK) else "CANNOT be written"
    return f"{path} ({'exists' if path.exists() else 'made when needed'}, {state})"
