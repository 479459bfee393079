"""A recurrent forecaster: it reads the past of a series and predicts what follows step by step.

An encoder-decoder over numbers, as Qin et al. 2017 have it in their second stage (attention over time),
without other series. Letters: B batch, S steps of the past, T steps ahead, D state size, H heads.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism
from attnrun.attention.dense import Linear
from attnrun.models.encoder import LIBRARY
from attnrun.models.initialise import initialise_rnn
from attnrun.ranges import PositiveInt, Probability

BAND = 3  # what is predicted of a step: the lower end, the middle and the upper end


class RnnForecaster(nn.Module):
    """Predict the next steps, each from the one predicted before it.

    One network reads the past and goes on with what it predicts. Before each step it looks at the past: the
    query is its state, the keys are the states before each step there, and the values what followed, so that
    it finds what came when things stood as they do now. Without attention the state is all it has.

    The past is read about its own mean, which comes back on what is predicted: what is learned holds at any
    level.

    Raises UserError where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        hidden: PositiveInt = 64,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        mechanism.require_use("a recurrent forecaster", "cross")
        attends = mechanism.attention is not None
        self.rnn = LIBRARY[cell](1, hidden, batch_first=True)
        self.attention = mechanism.build(hidden, hidden, hidden, "cross") if attends else None
        self.value = Linear(1, hidden) if attends else None
        self.readout = Linear(2 * hidden if attends else hidden, hidden)
        self.output = Linear(2 * hidden if attends else hidden, BAND)
        self.dropout = Dropout(dropout)
        initialise_rnn(self, hidden)

    def forward(self, past: Tensor, steps: int, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """past (B, S) -> lower end, middle and upper end of `steps` more (B, T, 3), weights (B, 1, H, T, S).

        The ends are below and above the middle. Weights are None where not asked for, or without attention.
        """
        level = past.mean(1, keepdim=True)
        read = (past - level)[..., None]  # (B, S, 1)
        states, memory = self.rnn(read)
        known = self._known(read, states)
        top, found, looks = states[:, -1:], [], []
        for step in range(steps):
            numbers, weights = self._predict(top, known, step, need_weights)
            found.append(_band(numbers))
            looks.append(weights)
            top, memory = self.rnn(found[-1][..., 1:2], memory)
        kept = [look for look in looks if look is not None]  # (B, H, 1, S) each
        shown = torch.cat(kept, 2)[:, None] if kept else None
        return torch.cat(found, 1) + level[..., None], shown

    def _known(self, read: Tensor, states: Tensor) -> tuple[Tensor, Tensor] | None:
        """What can be looked at: each step (B, S, 1) under the state before it, the first under zeros."""
        if self.attention is None or self.value is None:
            return None
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1)
        return self.attention.project(before, self.value(read))

    def _predict(
        self, top: Tensor, known: tuple[Tensor, Tensor] | None, step: int, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Three numbers (B, 1, 3) from a state (B, 1, D) and what it finds, and the weights (B, H, 1, S)."""
        if self.attention is None or known is None:
            return self.output(torch.tanh(self.readout(self.dropout(top)))), None
        found, weights = self.attention.attend(top, known, offset=step, need_weights=need_weights)
        made = torch.tanh(self.readout(self.dropout(torch.cat([top, found], -1))))
        return self.output(torch.cat([made, found], -1)), weights


def _band(numbers: Tensor) -> Tensor:
    """Numbers (..., 3) of any size as ends about a middle, in their order."""
    below, middle, above = torch.split(numbers, 1, -1)
    return torch.cat([middle - F.softplus(below), middle, middle + F.softplus(above)], -1)
