"""What a run ran on: versions, hardware and the git state of the user's code; no environment variables."""

import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attnrun
from attnrun.processor import told

if TYPE_CHECKING:
    import torch

    from attnrun.runs.device import Runtime

PACKAGES = (
    "torch",
    "numpy",
    "hydra-core",
    "omegaconf",
    "tensorboard",
    "sacrebleu",
    "matplotlib",
    "typer",
    "rich",
)


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python, attnrun and the packages that decide a result."""
    found = {"python": platform.python_version(), "attnrun": attnrun.__version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe(device: "torch.device", runtime: "Runtime") -> dict[str, Any]:
    """Return everything that goes to `environment.json`."""
    import torch

    return {
        "versions": versions(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "device": str(device),
        "device_name": _device_name(device),
        "precision": runtime.precision,
        "threads": torch.get_num_threads(),
        "processes": runtime.processes,
        "git": git_state(Path.cwd()),
    }


def git_state(directory: Path) -> dict[str, Any] | None:
    """Return the commit of `directory` and whether files differ from it; None outside a repository."""
    commit = _git(directory, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(directory: Path, *arguments: str) -> str | None:
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def cpu_name() -> str:
    """Return the model of the CPU, as the system names it."""
    return told("model name") or platform.processor() or platform.machine()


def _device_name(device: "torch.device") -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
