"""Training and judging any model that gives each example, or each place of one, one of several classes.

Letters: B batch, N places, C classes. A target of -1 has no answer and does not count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from attnrun.training.batches import Sequential, each, evaluation

NO_ANSWER = -1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """What a model answers, in the order of the examples."""

    answers: list[list[int]]  # the likeliest class of each place that has a target, one alone for an example
    right: list[list[int]]
    loss: float  # mean cross-entropy in nats

    @property
    def accuracy(self) -> float:
        """The share of right answers among all of them."""
        pairs = [
            pair for both in zip(self.answers, self.right, strict=True) for pair in zip(*both, strict=True)
        ]
        return sum(answer == right for answer, right in pairs) / len(pairs)

    @property
    def figures(self) -> dict[str, float]:
        """Accuracy and loss, by name."""
        return {"accuracy": self.accuracy, "loss": self.loss}


def label_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy summed over what has an answer, and how many have one.

    logits (B, C) with targets (B,), or (B, N, C) with (B, N). `smoothing` as in Szegedy et al. 2016,
    section 7.
    """
    flat = logits.flatten(0, -2).float(), targets.flatten()
    total = F.cross_entropy(*flat, ignore_index=NO_ANSWER, reduction="sum", label_smoothing=smoothing)
    return total, (targets != NO_ANSWER).sum()


@torch.no_grad()
def judge(model: Callable[[Tensor, Tensor], Tensor], batches: Sequential, device: torch.device) -> Judged:
    """Return what `model`, called with inputs and their lengths, answers to each example."""
    total, count = 0.0, 0
    answers, right = dict[int, list[int]](), dict[int, list[int]]()
    for indices, batch in evaluation(batches, device):
        logits = model(batch.inputs, batch.lengths)
        loss, number = label_loss(logits, batch.targets)
        total, count = total + float(loss), count + int(number)
        found = logits.argmax(-1).reshape(len(indices), -1).cpu()
        gold = batch.targets.reshape(len(indices), -1).cpu()
        for index, row, targets in zip(indices, found, gold, strict=True):
            there = targets != NO_ANSWER
            answers[index], right[index] = row[there].tolist(), targets[there].tolist()
    order = sorted(answers)
    return Judged([answers[one] for one in order], [right[one] for one in order], total / max(count, 1))


@torch.no_grad()
def looks(model: Any, batches: Sequential, device: torch.device) -> list[Array | None]:
    """Return where `model.look`, called with inputs and their lengths, looked in each example.

    Each is (L, H, N, N), or (L, H, 1, N) where one query stands for all, without padding; None without
    attention.
    """

    def read(batch: Any) -> list[Array | None]:
        _, weights = model.look(batch.inputs, batch.lengths)
        if weights is None:
            return [None] * len(batch.lengths)
        pairs = zip(weights, batch.lengths.tolist(), strict=True)
        return [look[:, :, :length, :length].float().cpu().numpy() for look, length in pairs]

    return each(batches, device, read)
