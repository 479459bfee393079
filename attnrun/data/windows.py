"""A long row of numbers cut into windows, each of which begins anew; for models of what comes next.

Letters: B batch, N places of a window.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attnrun.data.batching import Order
from attnrun.data.examples import NO_ANSWER, Batch
from attnrun.data.vocabulary import BOS, PAD


@dataclass(frozen=True)
class Windows:
    """What the training loop draws from, and what an evaluation walks through.

    The inputs of a window are `BOS` and its numbers but the last, the targets its numbers: at place n the
    model has seen n of them. `overlap` is for an evaluation: so many first places of a window repeat the one
    before, so that the others have seen as many at least, and are no targets.
    """

    tokens: Tensor  # (length,) int64
    context: int  # N
    batch_size: int
    seed: int = 0
    overlap: int = 0

    def order(self, epoch: int) -> Order:
        """Return the shuffled batches of an epoch, by where windows start: side by side from a drawn place.

        There are as many in every epoch, one less than would go in. A function of (seed, epoch).
        """
        generator = np.random.default_rng([self.seed, epoch])
        count = max(1, len(self.tokens) // self.context - 1)
        room = max(0, len(self.tokens) - count * self.context)
        first = int(generator.integers(min(room, self.context - 1) + 1))
        return self._cut(generator.permutation(first + self.context * np.arange(count)).tolist())

    def sequential(self) -> Order:
        """Return the batches of an evaluation, which makes a target of every number once."""
        return self._cut(list(range(0, max(len(self.tokens) - self.overlap, 1), self.context - self.overlap)))

    def collate(self, starts: Sequence[int]) -> Batch:
        """Return the windows that start there, of (B, N), padded where the row of numbers has ended."""
        first = torch.tensor(list(starts))[:, None]
        places = first + torch.arange(self.context)
        there = places < len(self.tokens)
        tokens = self.tokens[places.clamp(max=len(self.tokens) - 1)]
        before = torch.cat([torch.full_like(first, BOS), tokens[:, :-1]], 1)
        repeated = (first > 0) & (places < first + self.overlap)
        targets = tokens.masked_fill(~there | repeated, NO_ANSWER)
        return Batch(before.masked_fill(~there, PAD), there.sum(1), targets)

    def fingerprint(self) -> str:
        """Return a hash of the numbers and of how they are cut."""
        return hashlib.sha256(self.tokens.numpy().tobytes() + str(self.context).encode()).hexdigest()

    def _cut(self, starts: list[int]) -> Order:
        return [starts[first : first + self.batch_size] for first in range(0, len(starts), self.batch_size)]
