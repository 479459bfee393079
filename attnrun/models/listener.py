"""Listen, attend and spell: from the frames of a recording to the tokens that are said in it.

Chan, Jaitly, Le and Vinyals 2016, section 3. Letters: B batch, S frames, F features of a frame, U states of
the listener, C the size of one, T target length.
"""

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn.functional import pad

from attnrun.attention import Dropout, Mechanism, Monotonic, lengths_mask
from attnrun.errors import UserError
from attnrun.models.encoder import LIBRARY
from attnrun.models.rnn import RnnDecoder
from attnrun.models.seq2seq import PAD, Memory
from attnrun.ranges import PositiveInt, Probability

Layers = Annotated[int, Ge(1), Le(6)]  # of a pyramid: a state of 64 frames


class BothWays(nn.Module):
    """A recurrent layer over frames in both directions, `size` wide together.

    Padding never enters a state: backwards each row begins at its own end. Nothing is packed, as in
    `RnnEncoder`, which costs three times as much here, where rows are long and lengths about equal.

    Raises UserError where two directions cannot share `size`.
    """

    def __init__(self, features: int, size: int, cell: str) -> None:
        super().__init__()
        if size % 2:
            raise UserError(f"two directions cannot share model.hidden={size}; make it even")
        self.onward = LIBRARY[cell](features, size // 2, batch_first=True)
        self.inward = LIBRARY[cell](features, size // 2, batch_first=True)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """frames (B, S, F), lengths (B,) from 1 to S -> states (B, S, C), zero on padding."""
        places = torch.arange(frames.shape[1], device=frames.device)
        real = places < lengths[:, None]  # (B, S)
        turned = torch.where(real, lengths[:, None] - 1 - places, places)[..., None]
        onward, _ = self.onward(frames)
        back, _ = self.inward(frames.take_along_dim(turned, 1))
        states = torch.cat([onward, back.take_along_dim(turned, 1)], -1)
        return states.masked_fill(~real[..., None], 0)


class Listener(nn.Module):
    """A pyramid of recurrent networks, both directions, of which each layer reads the one below in pairs.

    Layer j at place i reads [h_2i, h_2i+1] of layer j - 1 (section 3.1, eq. 5), so that its states are half
    as many; the layer below the first are the frames. With `bottom` a layer that reads single frames comes
    first, as in the paper. Where a length is odd, the last state is read beside zeros.

    Raises UserError where two directions cannot share `size`.
    """

    def __init__(
        self, features: int, size: int, *, cell: str, layers: int, bottom: bool, dropout: float
    ) -> None:
        super().__init__()
        self.bottom = BothWays(features, size, cell) if bottom else None
        read = [2 * (size if bottom or layer else features) for layer in range(layers)]
        self.layers = nn.ModuleList(BothWays(pair, size, cell) for pair in read)
        self.dropout = Dropout(dropout)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states (B, U, C), zero on padding, and how many are real (B,).

        frames (B, S, F), lengths (B,) from 1 to S; what stands in the padding changes nothing.
        """
        states = frames.masked_fill(~lengths_mask(lengths, frames.shape[1]).mT, 0)
        if self.bottom is not None:
            states = self.dropout(self.bottom(states, lengths))
        for layer in self.layers:
            lengths = (lengths + 1) // 2
            states = self.dropout(layer(in_pairs(states), lengths))
        return states, lengths


def in_pairs(states: Tensor) -> Tensor:
    """Return (B, S, C) with each two states as one, (B, ceil(S / 2), 2 C); zeros stand beside an odd last."""
    even = pad(states, (0, 0, 0, states.shape[1] % 2))
    return even.reshape(len(states), -1, 2 * states.shape[2])


class ListenAttendSpell(RnnDecoder):
    """A `Listener` and an attention decoder that spells what it heard; satisfies `seq2seq.Seq2Seq`.

    Sources are frames (B, S, F). With `attend` "before" the decoder looks before its recurrent step, which
    reads what it found (Chorowski et al. 2015, section 2.1); with "after" the new state looks, and reads what
    it found in the next step where `input_feeding` is set, as in the paper (section 3.2, eq. 6 to 8). Without
    attention every step sees the listener's last state.

    `hidden` is the size of the states of both; `pyramid` counts the listener's layers that halve, `layers`
    the decoder's. Dropout acts on what each layer of the listener puts out, on embeddings, between the
    decoder's layers and on what its readout reads.

    Raises UserError for a scheme of positions, since recurrence has the order already, for windows that move
    by a state a token, and where the parts of the mechanism do not go together.
    """

    listener: Listener
    pace: int  # frames a state

    def __init__(
        self,
        features: int,
        target_size: int,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "lstm",
        embedding: PositiveInt = 64,
        hidden: PositiveInt = 128,
        pyramid: Layers = 3,
        bottom: bool = False,
        layers: PositiveInt = 1,
        attend: Literal["before", "after"] = "before",
        input_feeding: bool = False,
        dropout: Probability = 0.2,
        tied: bool = False,
    ) -> None:
        mechanism.require_use("a listener", "cross")
        if isinstance(mechanism.mask(1), Monotonic):
            raise UserError(
                "mask: token t looks about state t, and in speech a token lasts for several states; choose "
                "mask=local-p or full"
            )
        listener = Listener(features, hidden, cell=cell, layers=pyramid, bottom=bottom, dropout=dropout)
        target = nn.Embedding(target_size, embedding, padding_idx=PAD)
        super().__init__(
            {"listener": listener, "target_embedding": target},
            target_size,
            mechanism,
            cell=cell,
            embedding=embedding,
            hidden=hidden,
            size=hidden,
            layers=layers,
            bridged=True,
            attend=attend,
            input_feeding=input_feeding,
            dropout=dropout,
            tied=tied,
        )
        self.pace = 2**pyramid

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Listen to source (B, S, F); `source_lengths` (B,) from 1 to S, in any order."""
        frames = source.to(self.readout.weight.dtype)
        states, lengths = self.listener(frames, source_lengths)
        half = states.shape[2] // 2
        rows = torch.arange(len(states), device=states.device)
        ends = torch.cat([states[rows, lengths - 1, :half], states[:, 0, half:]], -1)  # (B, C)
        # Whatever the decoder begins with is a map of where the top of the pyramid ended.
        return self.remember(states, lengths, [ends.expand(len(self.cells), -1, -1)] * self.parts)

    def states_of(self, frames: int) -> int:
        """Return how many states there are of so many frames."""
        return -(-frames // self.pace)
