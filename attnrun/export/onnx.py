"""A sequence-to-sequence model for ONNX: the log-probabilities of a target, given its source.

Letters: B batch, S source length, T target length, K vocabulary size.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.errors import UserError

NAMES = ("source", "source_lengths", "target")


class Forced(nn.Module):
    """Teacher forcing as one function of tensors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """source (B, S), source_lengths (B,), target (B, T) from bos on -> log-probabilities (B, T, K)."""
        states, _ = self.model.states(self.model.encode(source, source_lengths), target)
        return torch.log_softmax(self.model.project(states), -1)


def save(model: nn.Module, directory: Path) -> None:
    """Write `model` as model.onnx to a new directory; batch and lengths are free.

    Greedy search is to take the likeliest token at the last place, add it to the target, and ask again.

    Raises:
        UserError: the exporter cannot take the model, as one that packs sequences; the message says why.
    """
    batch, source, target = (torch.export.Dim(name) for name in ("batch", "source", "target"))
    example = (torch.tensor([[4, 5, 4], [5, 4, 0]]), torch.tensor([3, 2]), torch.tensor([[2, 4], [2, 0]]))
    with _quiet():
        try:
            program: Any = torch.onnx.export(
                Forced(model.cpu()).eval(),
                example,
                dynamo=True,
                dynamic_shapes=({0: batch, 1: source}, {0: batch}, {0: batch, 1: target}),
                input_names=NAMES,
                output_names=("log_probabilities",),
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise UserError(f"ONNX's exporter does not take this model: {reason}") from None
    directory.mkdir(parents=True)
    program.save(directory / "model.onnx", external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what the exporter says about operators that no model of ours has."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
