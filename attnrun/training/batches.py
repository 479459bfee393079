"""Batches of one epoch from any position on, put together here or in worker processes."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from attnrun.errors import RunFailed
from attnrun.runs import signals
from attnrun.runs.device import keyed_seed, reseed
from attnrun.runs.workers import forking, how_it_ended
from attnrun.training.distributed import ALONE, Team

Item = TypeVar("Item")


class Batches(Protocol):
    """Training data: which indices make which batch, and how they are put together."""

    def order(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch as lists of indices: a pure function of the seed and `epoch`."""
        ...

    def collate(self, indices: list[int], /) -> Any:
        """Return the batch of these indices; it has `.to(device)`."""
        ...


class Sequential(Protocol):
    """Examples in an order to evaluate in."""

    def sequential(self) -> list[list[int]]:
        """Return the batches of an evaluation, by index."""
        ...

    def collate(self, indices: list[int], /) -> Any:
        """Return these examples as one batch; it has `.to(device)`."""
        ...


def evaluation(batches: Sequential, device: torch.device) -> Iterator[tuple[list[int], Any]]:
    """Yield the batches of an evaluation on the device, with the indices of their examples."""
    for indices in batches.sequential():
        yield indices, batches.collate(indices).to(device)


def each(batches: Sequential, device: torch.device, read: Callable[[Any], Iterable[Item]]) -> list[Item]:
    """Return what `read` finds for each example of a batch on the device, in the order of the examples."""
    found = dict[int, Item]()
    for indices, batch in evaluation(batches, device):
        found |= zip(indices, read(batch), strict=True)
    return [found[index] for index in sorted(found)]


class _Epoch(Dataset[Any]):
    """This process's part of each batch of an epoch, by position; each is made under a seed of its own."""

    def __init__(self, batches: Batches, seed: int, epoch: int, team: Team) -> None:
        self.batches, self.key, self.team = batches, (seed, "batch", epoch), team
        self.order = batches.order(epoch)

    def __getitem__(self, position: int) -> Any:
        # Randomness inside collate, if any, then depends neither on workers nor on where a run resumed.
        reseed(keyed_seed(*self.key, position, *self.team.key))
        part = self.team.part(self.order[position])
        return self.batches.collate(part) if part else None


def iterate(
    batches: Batches,
    *,
    seed: int,
    epoch: int,
    start: int = 0,
    workers: int = 0,
    team: Team = ALONE,
) -> Generator[Any, None, None]:
    """Yield the batches of `epoch` from position `start` on; closing the generator ends the workers.

    In a team each is the part of this process, None where that has no item.

    Raises:
        RunFailed: a worker died; no later than 5 s after.
    """
    data = _Epoch(batches, seed, epoch, team)
    loader: DataLoader[Any] = DataLoader(
        data,
        batch_size=None,
        sampler=range(start, len(data.order)),
        num_workers=workers,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(keyed_seed(seed, "workers", epoch)),
        # A spawned worker would import everything anew; some launchers do not default to fork.
        multiprocessing_context=multiprocessing.get_context("fork") if workers else None,
        worker_init_fn=_silence if workers else None,
    )
    others = multiprocessing.active_children()
    with _forking_by_torch():
        iterator = iter(loader)
    started = [one for one in multiprocessing.active_children() if one not in others]
    try:
        yield from _watched(iterator, started)
    finally:
        for worker in started:  # no request to stop: it may wait for what a dead one held
            worker.kill()
            worker.join()


@contextmanager
def _forking_by_torch() -> Iterator[None]:
    """Leave torch no handler of SIGCHLD: it raises wherever the program is, in a save or an `except`."""
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        with forking():
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, handler)


def _watched(iterator: Iterator[Any], workers: Sequence[BaseProcess]) -> Iterator[Any]:
    """Yield what the iterator yields, as long as all its workers live."""
    while not _dead(workers, wait=0):
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (RuntimeError, OSError, EOFError):  # torch's word for it, or that of a broken connection
            if not _dead(workers, wait=1):
                raise
        else:
            yield batch
    how = how_it_ended(_dead(workers, wait=0)[0])
    hint = "resume with runtime.data_workers=0 to do without workers"
    raise RunFailed(f"a data worker died ({how}), for want of memory perhaps; {hint}")


def _dead(workers: Sequence[BaseProcess], wait: float) -> list[BaseProcess]:
    """The workers that have ended, or do within `wait` seconds."""
    ended = connection.wait([worker.sentinel for worker in workers], wait) if workers else []
    return [worker for worker in workers if worker.sentinel in ended]


def _silence(worker: int) -> None:
    """Print no traceback in a worker: its errors are raised in the training process, and said there.

    The thread that hands tensors over would print one when the training process leaves in between. A signal
    that torchrun or a terminal sends to all is that process's to answer, which may still want a batch.
    """
    for number in signals.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.excepthook = lambda *error: None


def _as_it_is(batch: Any) -> Any:
    return batch
