"""A finished run as an experiment's `load` receives it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnrun.errors import UserError
from attnrun.runs.files import read_json

if TYPE_CHECKING:
    import torch

Measured = tuple[dict[str, Any], list[dict[str, Any]]]  # what `evaluate` returns: metrics, a row an answer

_LARGEST = 64 * 2**20  # bytes of a saved file; a vocabulary of 200,000 words takes 3 MiB


@dataclass(frozen=True)
class TrainedRun:
    """Where the run's files are, its typed config, the device to load the model on, and the run's seed."""

    directory: Path
    config: Any
    device: "torch.device"
    seed: int = 0

    def saved(self, name: str) -> Any:
        """Return what `Run.save_json` saved by this name.

        Raises UserError where it is absent, damaged or unreasonably large.
        """
        data = read_json(self.directory / f"{name}.json", _LARGEST)
        if data is None:
            reason = f"{name}.json is missing, no JSON, or larger than {_LARGEST // 2**20} MiB"
            raise UserError(f"the run {self.directory} is damaged: {reason}")
        return data
