"""A recurrent forecaster: it reads the past of a series and predicts what follows step by step.

An encoder-decoder over numbers, as Qin et al. 2017 have it in their second stage (attention over time),
without other series. Letters: B batch, S steps of the past, T steps ahead, D state size, H heads.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism
from attnrun.models.cells import CELLS
from attnrun.models.encoder import LIBRARY
from attnrun.models.initialise import initialise_rnn
from attnrun.ranges import PositiveInt, Probability

BAND = 3  # what is predicted of a step: the lower end, the middle and the upper end


class RnnForecaster(nn.Module):
    """Predict the next steps, each from the one predicted before it.

    The past is read about its own mean, which comes back on what is predicted: what is learned holds at any
    level. The decoder starts from the encoder's last state; after each of its steps it looks at the past,
    where the keys are the encoder's states and the values what stood there. Without attention the state is
    all it has.

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
        self.encoder = LIBRARY[cell](1, hidden, batch_first=True)
        self.from_value = nn.Linear(1, CELLS[cell].gates * hidden)
        self.cell = CELLS[cell](hidden)
        self.attention = mechanism.build(hidden, hidden, hidden, "cross") if attends else None
        self.value = nn.Linear(1, hidden) if attends else None
        self.readout = nn.Linear(2 * hidden if attends else hidden, hidden)
        self.output = nn.Linear(hidden, BAND)
        self.dropout = Dropout(dropout)
        initialise_rnn(self, hidden)

    def forward(self, past: Tensor, steps: int, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """past (B, S) -> lower end, middle and upper end of `steps` more (B, T, 3), weights (B, 1, H, T, S).

        The ends are below and above the middle. Weights are None where not asked for, or without attention.
        """
        level = past.mean(1, keepdim=True)
        read = (past - level)[..., None]  # (B, S, 1)
        states, final = self.encoder(read)
        memory = self._memory(read, states)
        state = tuple(part[0] for part in (final if isinstance(final, tuple) else (final,)))
        last, found, looks = read[:, -1], [], []
        for step in range(steps):
            state = self.cell(self.from_value(last), state)
            top, weights = self._look(state[0], memory, step, need_weights)
            found.append(_band(self.output(torch.tanh(self.readout(self.dropout(top))))))
            last = found[-1][:, 1:2]
            looks.append(weights)
        kept = [look for look in looks if look is not None]  # (B, H, 1, S) each
        weights = torch.cat(kept, 2)[:, None] if kept else None
        return torch.stack(found, 1) + level[..., None], weights

    def _memory(self, read: Tensor, states: Tensor) -> tuple[Tensor, Tensor] | None:
        if self.attention is None or self.value is None:
            return None
        return self.attention.project(states, self.value(read))

    def _look(
        self, state: Tensor, memory: tuple[Tensor, Tensor] | None, step: int, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The state (B, D) with what it finds in the past, (B, 2 D), and the weights (B, H, 1, S)."""
        if self.attention is None or memory is None:
            return state, None
        context, weights = self.attention.attend(
            state[:, None], memory, offset=step, need_weights=need_weights
        )
        return torch.cat([state, context[:, 0]], -1), weights


def _band(numbers: Tensor) -> Tensor:
    """Numbers (B, 3) of any size as ends about a middle, in their order."""
    below, middle, above = torch.split(numbers, 1, -1)
    return torch.cat([middle - F.softplus(below), middle, middle + F.softplus(above)], -1)
