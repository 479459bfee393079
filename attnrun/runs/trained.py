"""A finished run as an experiment's `load` receives it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TrainedRun:
    """Where the run's files are, its typed config, and the device to load the model on."""

    directory: Path
    config: Any
    device: "torch.device"
