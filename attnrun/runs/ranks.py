"""The processes that train one model together: ranks of `torch.distributed`'s group, which torch keeps.

torchrun gives them their numbers. The first alone writes the run, evaluates, and goes on after the training.
"""

import os
from datetime import timedelta

import torch
import torch.distributed as dist

from attnrun.errors import RunFailed
from attnrun.runs import signals
from attnrun.runs.ending import GONE

# A process that dies closes its connections, and torchrun ends the others: no need to give up on a slow one.
_PATIENCE = timedelta(days=1)


class Released(BaseException):
    """The training is over, and what comes after it belongs to the first process alone.

    No Exception: an experiment that catches those is not to go on.
    """


class Lost(RunFailed):
    """Another process of the training has gone."""


def join(device: torch.device) -> None:
    """Meet the other processes that torchrun started, to compute on `device`.

    Raises Lost where one of them does not come.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Numbers that Python wants travel between CPUs in any case.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        with signals.end_the_process():  # as it waits in C++, where no handler of Python's has a turn
            dist.init_process_group(backend, timeout=_PATIENCE)
    except RuntimeError as error:
        raise Lost(GONE) from error


def rank() -> int:
    """Return the number of this process, 0 for the first, and for one by itself."""
    return dist.get_rank() if _joined() else 0


def count() -> int:
    """Return how many processes train together, 1 for one by itself."""
    return dist.get_world_size() if _joined() else 1


def of_this_machine() -> tuple[int, int]:
    """Return the number of this process among those that torchrun started on this machine, and how many."""
    return int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()
