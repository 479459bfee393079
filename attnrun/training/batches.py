"""Batches of one epoch from any position on, put together here or in worker processes."""

import multiprocessing
import warnings
from collections.abc import Generator
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from attnrun.runs.device import keyed_seed, reseed


class Batches(Protocol):
    """Training data: which indices make which batch, and how they are put together."""

    def order(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch as lists of indices: a pure function of the seed and `epoch`."""
        ...

    def collate(self, indices: list[int], /) -> Any:
        """Return the batch of these indices; it has `.to(device)`."""
        ...


class _Epoch(Dataset[Any]):
    """The batches of one epoch by their position; each is made under a seed of its own."""

    def __init__(self, batches: Batches, seed: int, epoch: int) -> None:
        self.batches, self.key = batches, (seed, "batch", epoch)
        self.order = batches.order(epoch)

    def __getitem__(self, position: int) -> Any:
        # Randomness inside collate, if any, then depends neither on workers nor on where a run resumed.
        reseed(keyed_seed(*self.key, position))
        return self.batches.collate(self.order[position])


def iterate(
    batches: Batches, *, seed: int, epoch: int, start: int = 0, workers: int = 0
) -> Generator[Any, None, None]:
    """Yield the batches of `epoch` from position `start` on; closing the generator ends the workers."""
    data = _Epoch(batches, seed, epoch)
    loader: DataLoader[Any] = DataLoader(
        data,
        batch_size=None,
        sampler=range(start, len(data.order)),
        num_workers=workers,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(keyed_seed(seed, "workers", epoch)),
        # A spawned worker would import everything anew; some launchers do not default to fork.
        multiprocessing_context=multiprocessing.get_context("fork") if workers else None,
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of forking beside threads; ours is TensorBoard's, which no worker waits for.
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        iterator = iter(loader)
    yield from iterator


def _as_it_is(batch: Any) -> Any:
    return batch
