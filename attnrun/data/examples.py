"""Examples, each with its answer, in batches whose order depends on (seed, epoch) alone.

Letters: B batch, N length of the longest input of a batch.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnrun.data.batching import Order, Sequences, bucketed_order, sequential_order
from attnrun.errors import UserError

NO_ANSWER = -1  # what stands in the targets on padding


@dataclass(frozen=True)
class Examples:
    """Some examples with their answers.

    Inputs are sequences of numbers from 1 on, or a tensor with an example a row. Answers are a tensor with
    one a row, or a number from 0 on for each number of a sequence.
    """

    inputs: Sequences | Tensor
    targets: Sequences | Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """How long each input is."""
        if isinstance(self.inputs, Sequences):
            return self.inputs.lengths
        return np.full(len(self.inputs), self.inputs.shape[1])

    def fingerprint(self) -> str:
        """Return a hash of the examples in their order."""
        return _fingerprint(self.inputs) + _fingerprint(self.targets)


@dataclass(frozen=True)
class Batch:
    """Some examples side by side."""

    inputs: Tensor  # (B, N) int64, padded with 0; or (B, …) as they are
    lengths: Tensor  # (B,) int64
    targets: Tensor  # (B, …) as they are; or (B, N) int64, NO_ANSWER on padding

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on `device`."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True)
class ExampleBatches:
    """What the training loop draws from: `order(epoch)` and `collate(indices)`; nothing in it changes."""

    examples: Examples
    batch_size: int
    seed: int

    def order(self, epoch: int) -> Order:
        """Return the shuffled batches of an epoch, by index: inputs of about equal length together."""
        return bucketed_order(self.examples.lengths, self.batch_size, self.seed, epoch)

    def sequential(self) -> Order:
        """Return the batches for evaluation, the longest inputs first."""
        return sequential_order(self.examples.lengths, self.batch_size)

    def collate(self, indices: Sequence[int]) -> Batch:
        """Return the examples with these indices as one batch."""
        inputs, targets = self.examples.inputs, self.examples.targets
        lengths = torch.from_numpy(self.examples.lengths[list(indices)])
        return Batch(
            inputs.padded(indices)[0] if isinstance(inputs, Sequences) else inputs[list(indices)],
            lengths,
            _answers(targets, indices, lengths) if isinstance(targets, Sequences) else targets[list(indices)],
        )


def _answers(targets: Sequences, indices: Sequence[int], lengths: Tensor) -> Tensor:
    """(B, N) with NO_ANSWER from each sequence's length on."""
    padded, _ = targets.padded(indices)
    return padded.masked_fill(torch.arange(padded.shape[1]) >= lengths[:, None], NO_ANSWER)


def answerable(data: Any, is_known: Callable[[Any], bool], what: str, warn: Callable[[str], object]) -> Any:
    """Return `data`, a dataclass, without the rows of its `valid` and `test` that `is_known` refuses.

    `warn` is told how many there are, and `what` is the matter with them.

    Raises UserError where a part has no other rows.
    """
    parts = {name: getattr(data, name) for name in ("valid", "test")}
    kept = {name: list(filter(is_known, rows)) for name, rows in parts.items()}
    for name, rows in kept.items():
        if parts[name] and not rows:
            raise UserError(f"all {len(parts[name])} {what}: none is left for the split {name!r}")
    if dropped := sum(map(len, parts.values())) - sum(map(len, kept.values())):
        warn(f"{dropped} {what}, and were left out")
    return replace(data, **kept)


def _fingerprint(values: Sequences | Tensor) -> str:
    if isinstance(values, Sequences):
        return values.fingerprint()
    shape = repr((values.dtype, tuple(values.shape))).encode()
    return hashlib.sha256(shape + values.contiguous().numpy().tobytes()).hexdigest()
