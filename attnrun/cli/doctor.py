"""`attnrun doctor`: what this machine offers to a run."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson


def doctor(
    as_json: AsJson = False,
) -> None:
    """Show versions, devices, threads and where data is kept."""
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


def _facts() -> dict[str, Any]:
    import torch

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
        "runs": _place(Path("outputs").absolute()),
    }


def _place(path: Path) -> str:
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    state = "can be written" if os.access(nearest, os.W_OK) else "CANNOT be written"
    return f"{path} ({'exists' if path.exists() else 'made when needed'}, {state})"
