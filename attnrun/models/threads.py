"""Parts of a work in as many threads as torch has, each in one: many small operations take turns else."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Part = TypeVar("Part")
Done = TypeVar("Done")

AHEAD = 8  # parts of a thread that are made before they are needed


def each(work: Callable[[Part], Done], parts: Iterable[Part]) -> Iterator[Done]:
    """Yield work(part) of each of the parts, in their order. What `work` raises is raised."""
    threads, waiting = torch.get_num_threads(), iter(parts)
    if threads == 1:
        yield from map(work, waiting)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            while some := list(islice(waiting, AHEAD * threads)):
                yield from pool.map(work, some)
    finally:
        torch.set_num_threads(threads)  # for threads that begin later, too
