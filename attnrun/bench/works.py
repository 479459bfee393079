"""All works by name, and what measuring them on this machine gives."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import torch

from attnrun.bench.attention import attention
from attnrun.bench.decoding import decoding
from attnrun.bench.growth import growth
from attnrun.bench.regression import bandwidth, kernel_regression
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import Measured, Table, measure
from attnrun.bench.texts import GetTexts, Texts
from attnrun.bench.training import rnn_training, transformer_training
from attnrun.errors import UserError, suggest
from attnrun.runs.environment import cpu_name

WORKS: dict[str, Callable[[Sizes, GetTexts], Iterator[Table]]] = {
    "rnn-training": rnn_training,
    "transformer-training": transformer_training,
    "decoding": decoding,
    "attention": attention,
    "kernel-regression": kernel_regression,
    "bandwidth": bandwidth,
    "growth": growth,
}


class Bench:
    """A choice of works, at some sizes; `corpus` is the text that they used, None where they used none."""

    def __init__(self, names: Sequence[str], sizes: Sizes) -> None:
        """Take works by name, all for none.

        Raises UserError for a name that no work has.
        """
        self.names = list(names) or list(WORKS)
        for name in self.names:
            if name not in WORKS:
                raise UserError(f"no work is called {name!r}{suggest(name, WORKS)}")
        self.sizes = sizes
        self.corpus: str | None = None
        self.texts = cache(self._load)

    def tables(self, name: str) -> Iterator[Table]:
        """Yield the tables of one work, each built when it is its turn."""
        yield from WORKS[name](self.sizes, self.texts)

    def measure(
        self, rounds: int, seconds: float, tell: Callable[[str, str], object] = lambda work, row: None
    ) -> Iterator[Measured]:
        """Measure all works; `tell` is called with the work and the table before each sample."""
        for name in self.names:
            tell(name, "")
            for table in self.tables(name):
                yield measure(table, rounds=rounds, seconds=seconds, tell=partial(_told, tell, name, table))

    def _load(self) -> Texts:
        texts = Texts.load(self.sizes)
        self.corpus = texts.corpus.name
        return texts


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load": round(os.getloadavg()[0], 2),
    }


def _told(tell: Callable[[str, str], object], work: str, table: Table, row: str) -> None:
    tell(work, f"{table.name} {row}")
