"""Several models that translate as one.

Legend: B batch, R rows, S source length, T target length, L layers with attention, H heads, V target
vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnrun.models.seq2seq import DecoderState, Memory


@dataclass(frozen=True)
class _Memories:
    """The memory of each model."""

    parts: tuple[Memory, ...]

    def select(self, rows: Tensor) -> "_Memories":
        return _Memories(tuple(part.select(rows) for part in self.parts))


@dataclass(frozen=True)
class _States:
    """The decoder state of each model."""

    parts: tuple[DecoderState, ...]

    @property
    def place(self) -> int:
        return self.parts[0].place

    def select(self, rows: Tensor) -> "_States":
        return _States(tuple(part.select(rows) for part in self.parts))


class Ensemble(nn.Module):
    """The mean of the models' probabilities at every step; satisfies `seq2seq.Seq2Seq`.

    The models have the same vocabularies. Weights are the mean of what each model's layers and heads have on
    average: L and H are 1. A model without attention has no part in them.
    """

    models: Any  # an nn.ModuleList of Seq2Seq

    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.longest = min(model.longest for model in models)

    def encode(self, source: Tensor, source_lengths: Tensor) -> Any:
        """Read source (B, S) of token ids, whose first `source_lengths` (B,) places are real."""
        return _Memories(tuple(model.encode(source, source_lengths) for model in self.models))

    def states(
        self, memory: Any, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Read target_in (B, T): log-probabilities (B, T, V), and weights (B, 1, 1, T, S) where asked for."""
        pairs = zip(self.models, memory.parts, strict=True)
        found = [(model, *model.states(part, target_in, need_weights)) for model, part in pairs]
        return _mean([(model, states) for model, states, _ in found]), _mean_weights([w for *_, w in found])

    def project(self, states: Tensor) -> Tensor:
        """Return them: they are log-probabilities already."""
        return states

    def start(self, memory: Any) -> Any:
        """Return the state of each model before the first step."""
        pairs = zip(self.models, memory.parts, strict=True)
        return _States(tuple(model.start(part) for model, part in pairs))

    def step(
        self, memory: Any, state: Any, token: Tensor, need_weights: bool = True
    ) -> tuple[Any, Tensor, Tensor | None]:
        """Read token (R,): the next state, log-probabilities (R, V) and weights (R, 1, 1, S) or None."""
        triples = zip(self.models, memory.parts, state.parts, strict=True)
        found = [(model, *model.step(part, before, token, need_weights)) for model, part, before in triples]
        after = _States(tuple(state for _, state, *_ in found))
        output = _mean([(model, states) for model, _, states, _ in found])
        return after, output, _mean_weights([weights for *_, weights in found])


def _mean(outputs: Sequence[tuple[Any, Tensor]]) -> Tensor:
    """The logarithm of the mean probability (..., V), of models and their outputs (..., D)."""
    each = [torch.log_softmax(model.project(states), -1) for model, states in outputs]
    return torch.stack(each).logsumexp(0) - math.log(len(each))


def _mean_weights(found: Sequence[Tensor | None]) -> Tensor | None:
    """Weights (B, L, H, ..., S), L and H of each model's own, as (B, 1, 1, ..., S)."""
    known = [weights.mean((1, 2), keepdim=True) for weights in found if weights is not None]
    return torch.stack(known).mean(0) if known else None
