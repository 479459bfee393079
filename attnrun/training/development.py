"""What an experiment's `development` returns: the part of its data that a training chooses by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.training.batches import Sequential


@dataclass(frozen=True)
class Development:
    """A trained model with the examples it was chosen on.

    Attributes:
        evaluate: the metrics by name, as the training's evaluation found them.
        batches: the same examples.
        loss: a batch on the device to the loss summed over it, without smoothing, and what it counts.
        heads: an `attention.gates.GatedHeads` of the model.
    """

    model: nn.Module
    device: torch.device
    evaluate: Callable[[], Mapping[str, float]]
    batches: Sequential
    loss: Callable[[Any], tuple[Tensor, Any]]
    heads: Any
