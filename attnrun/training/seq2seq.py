"""Training, decoding and judging any sequence-to-sequence model, whose search and scoring are given.

Legend: B batch, S source length, T target length, L layers with attention, H heads, N target tokens, M source
tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnrun.ranges import PositiveInt
from attnrun.training.batches import Sequential, each, evaluation
from attnrun.training.course import Course
from attnrun.training.losses import linear_cross_entropy

PAD = 0

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PairCourse(Course):
    """The config keys that say how a model is trained, and in which batches.

    One of `batch_size` (pairs) and `batch_tokens` (of source and target, padding included) is None.
    """

    batch_size: PositiveInt | None = 64
    batch_tokens: PositiveInt | None = None


@dataclass(frozen=True)
class Answer:
    """What a search found for one source."""

    candidates: list[Any]  # each with tokens, without bos and eos, log_probability and score
    weights: Array | None  # of the first (L, H, N, M); None without attention, and where nobody asked

    @property
    def tokens(self) -> list[int]:
        """The tokens of the first candidate."""
        first: list[int] = self.candidates[0].tokens
        return first


@dataclass(frozen=True)
class Candidate:
    """A text that a search found."""

    text: str
    log_probability: float
    score: float  # by which the search ranks it


@dataclass(frozen=True)
class Scored:
    """What a model makes of a target that was given."""

    log_probability: float
    tokens: int  # end included


def forced_loss(model: Any, batch: Any, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy by teacher forcing, summed over the real target tokens, and their number.

    The model's `project` is one linear layer, `output`, so that its logits need not all exist at once.
    """
    states, _ = model.states(model.encode(batch.source, batch.source_lengths), batch.target_in)  # (B, T, D)
    return linear_cross_entropy(states, model.output, batch.target[:, 1:], PAD, label_smoothing)


def scored_loss(model: Any, batch: Any) -> tuple[Tensor, Tensor]:
    """Return the same as `forced_loss` of a model that gives log-probabilities itself, by its `score`."""
    found, _ = model.score(model.encode(batch.source, batch.source_lengths), batch.target)
    real = batch.target[:, 1:] != PAD
    return -found.masked_fill(~real, 0.0).sum(), real.sum()


def decode(
    search: Callable[[Tensor, Tensor], Any], batches: Sequential, device: torch.device
) -> list[Answer]:
    """Return what `search` finds for each source, in their order.

    `search` is called with sources (B, S) and their lengths (B,), as the searches of `models` are.
    """

    def read(batch: Any) -> list[Answer]:
        decoded = search(batch.source, batch.source_lengths)
        looks = map(_array, decoded.weights) if decoded.weights else [None] * len(decoded.candidates)
        return [Answer(*one) for one in zip(decoded.candidates, looks, strict=True)]

    return each(batches, device, read)


def judge(
    score: Callable[[Tensor, Tensor, Tensor], Any], batches: Sequential, device: torch.device
) -> tuple[float, list[Array] | None]:
    """Return the mean cross-entropy of a right token, end included, and where the model looked for each.

    `score` is called with sources (B, S), their lengths (B,) and targets (B, T), as `models.decoding.forced`
    is. The weights are (L, H, N + 1, M) of each pair, the last row for the end; None where `score` gives
    none.
    """
    total, count, looks = 0.0, 0, dict[int, Array]()
    for indices, batch in evaluation(batches, device):
        found = score(batch.source, batch.source_lengths, batch.target)
        total -= float(found.log_probabilities.double().sum())
        count += int((batch.target[:, 1:] != PAD).sum())
        if found.weights is not None:
            lengths = zip(batch.target_lengths.tolist(), batch.source_lengths.tolist(), strict=True)
            for index, look, (target, source) in zip(indices, found.weights, lengths, strict=True):
                looks[index] = _array(look[:, :, : target - 1, :source])  # one for each token but bos
    return total / count, [looks[index] for index in sorted(looks)] or None


def looks(
    model: Any, score: Callable[[Tensor, Tensor, Tensor], Any], batches: Sequential, device: torch.device
) -> dict[str, list[Array]]:
    """Return where a model looks in given pairs, by side: "cross" as `judge` does, called with `score`.

    Of a Transformer also "source" and "target", see `self_looks`. Empty without attention.
    """
    cross = judge(score, batches, device)[1]
    found = {} if cross is None else {"cross": cross}
    sides = ("source", "target") if hasattr(model, "source_weights") else ()
    return found | {side: self_looks(model, batches, device, side) for side in sides}


@torch.no_grad()
def self_looks(model: Any, batches: Sequential, device: torch.device, side: str) -> list[Array]:
    """Return where each token of a side of each pair looks at its own side: (L, H, N, N).

    Of the "target" they are those that the model reads, from bos on. `model` is a `models.transformer`.
    """
    model.eval()  # without dropout; a training that looks goes back to its own mode by itself

    def read(batch: Any) -> list[Array]:
        given = batch.source, batch.source_lengths
        if side == "source":
            found, lengths = model.source_weights(*given), batch.source_lengths
        else:
            found = model.target_weights(model.encode(*given), batch.target_in)
            lengths = batch.target_lengths - 1
        pairs = zip(found, lengths.tolist(), strict=True)
        return [_array(look[:, :, :length, :length]) for look, length in pairs]

    return each(batches, device, read)


def texts(answers: Sequence[Answer], text: Callable[[list[int]], str]) -> list[list[Candidate]]:
    """Return all candidates of each answer with the `text` of their tokens."""
    return [
        [Candidate(text(one.tokens), one.log_probability, one.score) for one in answer.candidates]
        for answer in answers
    ]


def score(
    force: Callable[[Tensor, Tensor, Tensor], Any], batches: Sequential, device: torch.device
) -> list[Scored]:
    """Return what `force`, called as the `score` of `judge`, gives the target of each pair, in order."""

    def read(batch: Any) -> list[Scored]:
        totals = force(batch.source, batch.source_lengths, batch.target).log_probabilities.double().sum(1)
        counts = batch.target_lengths - 1  # without bos
        return [Scored(*one) for one in zip(totals.tolist(), counts.tolist(), strict=True)]

    return each(batches, device, read)


def _array(weights: Tensor) -> Array:
    return weights.float().cpu().numpy()
