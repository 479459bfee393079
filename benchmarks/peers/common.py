"""What all peers are given: batches in their numbering, and one kind of training step."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from attnrun.bench.tables import Row
from attnrun.bench.training import CLIP, RATE
from attnrun.data import vocabulary as ours
from attnrun.data.batching import Batch

UNK, PAD, BOS, EOS = range(4)  # JoeyNMT allows no other numbers; all peers are told these
PLACE = Path(os.environ.get("ATTNRUN_PEERS", "~/.cache/attnrun-peers")).expanduser()


@dataclass(frozen=True)
class PeerBatch:
    """A batch of ours in the peers' numbering, the longest source first."""

    source: Tensor  # (B, S)
    source_lengths: Tensor  # (B,)
    target_in: Tensor  # (B, T), without any end
    target: Tensor  # (B, T), without the beginning
    tokens: int  # of the target, that are real

    @classmethod
    def of(cls, batch: Batch) -> "PeerBatch":
        """Return what the peers are given for `batch`."""
        source, target = renumbered(batch.source), renumbered(batch.target)
        read = target[:, :-1]
        return cls(
            source,
            batch.source_lengths,
            read.masked_fill(read == EOS, PAD),
            target[:, 1:].contiguous(),
            int((batch.target_lengths - 1).sum()),
        )


def renumbered(numbers: Tensor) -> Tensor:
    """Exchange padding and unknown words."""
    padding, unknown = numbers == ours.PAD, numbers == ours.UNK
    return numbers.masked_fill(padding, PAD).masked_fill(unknown, UNK)


def training(model: nn.Module, loss: Callable[[PeerBatch], Tensor], batches: Sequence[Batch]) -> Row:
    """Return the row of a peer's training: its mean loss a token, gradient, clipping, Adam."""
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    given = [PeerBatch.of(batch) for batch in batches]

    def call() -> None:
        for batch in given:
            optimiser.zero_grad()
            loss(batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()

    return Row(call, sum(batch.tokens for batch in given))


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let what is imported within do without these modules, which it has no use for here."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update({name: mock.MagicMock(__name__=name, __spec__=None) for name in absent})
    try:
        yield
    finally:
        for name in absent:  # others look whether the real one is there
            del sys.modules[name]


def find_opennmt() -> None:
    """Import OpenNMT-py, which lives in an environment of its own and takes the peers' torch."""
    for place in (PLACE / "venv_onmt").glob("lib/python3*/site-packages"):
        if str(place) not in sys.path:
            sys.path.append(str(place))
    with without("fasttext"):  # it cleans texts by their language
        importlib.import_module("onmt")
