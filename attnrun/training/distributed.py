"""Several processes that make every step together, and so have the same weights at every moment.

A batch is what the config says, whatever their number: each takes a part of its items, and the gradient is
that of the sum of all loss sums over the sum of all counts. What else decides how the training goes on is
told by the first, or computed alike from the same numbers.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from attnrun.errors import RunFailed
from attnrun.runs import ranks
from attnrun.runs.ending import GONE

Found = TypeVar("Found")


@dataclass(frozen=True)
class Team:
    """This process, `rank` of `size`, and what it does with the others; one by itself is a team of one.

    All processes call the same methods in the same order; each raises Lost where another is gone.
    """

    rank: int = 0
    size: int = 1

    @property
    def key(self) -> tuple[int, ...]:
        """What the seeds of this process have beside those of the first: random numbers of its own."""
        return (self.rank,) if self.rank else ()

    def part(self, indices: list[int]) -> list[int]:
        """Return the items of a batch that are this process's, perhaps none.

        Neighbours in a batch are of like length: dealt out like cards, they give all about as much to do.
        """
        return indices[self.rank :: self.size]

    def add_up(
        self, parameters: Sequence[nn.Parameter], total: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Make the gradient of each parameter the sum of all processes', and return the sums of the numbers.

        One message a step, after its last batch. `DistributedDataParallel` would send one a batch (or need
        `no_sync`), wraps the `forward` of a model where a loss may call anything, and takes the mean over
        processes where a mean over items is wanted, which are never equally many. A parameter that no process
        has a gradient of has none afterwards, as with one process.
        """
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in wanted]
        used = total.new_tensor([one.grad is not None for one in wanted])
        numbers = torch.cat([torch.stack([total, count]), used])
        flat = torch.cat([*(one.flatten() for one in gradients), numbers.to(gradients[0])])
        with _together():
            dist.all_reduce(flat)
        *sums, numbers = torch.split(flat, [*(one.numel() for one in wanted), len(numbers)])
        for parameter, summed, users in zip(wanted, sums, numbers[2:].tolist(), strict=True):
            parameter.grad = summed.view_as(parameter).to(parameter) if users else None
        return numbers[0].to(total), numbers[1].to(count)

    def agreed(self, number: int) -> int:
        """Return the largest of the numbers of all processes, such as 0 here and a signal there."""
        if self.size == 1:
            return number
        largest = torch.tensor(number)
        with _together():
            dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    def from_first(self, make: Callable[[], Found]) -> Found:
        """Return what `make` gives in the first process, where alone it is called; the others wait for it."""
        if self.size == 1:
            return make()
        box = [None if self.rank else make()]
        with _together():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def share_weights(self, model: nn.Module) -> None:
        """Give all processes the weights that the first has."""
        if self.size > 1:
            with _together():
                for tensor in model.state_dict().values():
                    dist.broadcast(tensor, src=0)

    def require_same_weights(self, model: nn.Module) -> None:
        """Raise RunFailed in a process whose weights are not those of the first, bit by bit."""
        if self.size == 1:
            return
        mine = _digest(model)
        if mine != self.from_first(lambda: mine):
            raise RunFailed("the weights are no longer those of the first process; use machines of one kind")

    def release(self) -> None:
        """Let the first process go on alone: raise Released in the others."""
        if self.rank:
            raise ranks.Released


ALONE = Team()


def team_of_process() -> Team:
    """Return the team of this process, as torch knows it."""
    return Team(ranks.rank(), ranks.count())


def _digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.detach().flatten().cpu().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of gloo and NCCL alike
        raise ranks.Lost(GONE) from error
