"""Recurrent cells for a decoder loop: two matrix products a step, the input's one done by the caller.

The caller adds up whatever feeds a cell (token, context, layer below) into `gates`, so that the part that
does not wait for the previous step can be computed for all steps at once.
"""

import torch
from torch import Tensor, nn

from attnrun.attention.dense import Linear


class GruCell(nn.Module):
    """Gated recurrent unit (Cho et al. 2014), with the gates r, z, n of `torch.nn.GRUCell`."""

    gates = 3
    parts = 1  # tensors in its state

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.recurrent = Linear(hidden, self.gates * hidden)

    def forward(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """gates (B, 3 * hidden) from the input, state ((B, hidden),) -> the next state."""
        (hidden,) = state
        size = hidden.shape[-1]
        gates_rz, gates_n = torch.split(gates, [2 * size, size], dim=-1)
        recurrent_rz, recurrent_n = torch.split(self.recurrent(hidden), [2 * size, size], dim=-1)
        reset, update = torch.sigmoid(gates_rz + recurrent_rz).chunk(2, dim=-1)
        new = torch.tanh(torch.addcmul(gates_n, reset, recurrent_n))
        return (torch.lerp(new, hidden, update),)  # (1 - z) n + z h


class LstmCell(nn.Module):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates i, f, g, o of `torch.nn.LSTMCell`."""

    gates = 4
    parts = 2

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.recurrent = Linear(hidden, self.gates * hidden)

    def forward(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """gates (B, 4 * hidden) from the input, state (hidden, cell), (B, hidden) each -> the next state."""
        hidden, cell = state
        total = gates + self.recurrent(hidden)
        enter, forget, new, leave = total.chunk(4, dim=-1)
        cell = torch.addcmul(torch.sigmoid(forget) * cell, torch.sigmoid(enter), torch.tanh(new))
        return torch.sigmoid(leave) * torch.tanh(cell), cell


CELLS: dict[str, type[GruCell] | type[LstmCell]] = {"gru": GruCell, "lstm": LstmCell}
