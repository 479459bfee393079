"""Statements about how far it is from one place of a sequence to another (Vaswani et al. 2017, table 1)."""

from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from attnrun.attention import Dot, attend
from attnrun.bench.growth import exponent
from attnrun.claims.trial import Trial
from attnrun.ranges import PositiveInt

Layers = Callable[[Sequence[Tensor]], Tensor]


def paths(seed: int, *, lengths: list[PositiveInt], size: PositiveInt, kernel: PositiveInt) -> Trial:
    """The fewest operations between the first place of a sequence and what a network says of its last.

    They are counted in the graph by which torch takes gradients: one layer of self-attention, one of a
    recurrent cell, and so many convolutions of width `kernel` on top of one another as it takes for the first
    place to be seen at all. `growth_…` are the exponents over the length.
    """
    torch.manual_seed(seed)
    cell = nn.RNNCell(size, size).double()  # in float32 the slope of many layers is 0
    convolution = nn.Conv1d(size, size, kernel, padding="same").double()
    score = Dot(size, size)

    def attention(places: Sequence[Tensor]) -> Tensor:
        x = torch.stack(list(places), 1)
        return attend(score, x, x, x)[0][:, -1]

    def recurrence(places: Sequence[Tensor]) -> Tensor:
        state = torch.zeros(1, size, dtype=torch.float64)
        for place in places:
            state = cell(place, state)
        return state

    def convolutions(places: Sequence[Tensor]) -> Tensor:
        x = torch.stack(list(places), 2)
        while True:
            x = convolution(x)
            last: Tensor = x[..., -1]
            if _slope(last, places[0]):
                return last

    networks: dict[str, Layers] = {"self-attention": attention, "recurrence": recurrence}
    networks["convolutions"] = convolutions
    curves = {
        name: [(float(length), float(_distance(network, length, size))) for length in lengths]
        for name, network in networks.items()
    }
    growth = {name: exponent(*zip(*points, strict=True)) for name, points in curves.items()}
    return Trial({f"growth_{name.replace('-', '_')}": value for name, value in growth.items()}, curves)


def _distance(network: Layers, length: int, size: int) -> int:
    """Operations between the first of `length` places and the output, by the shortest way there is."""
    places = [torch.randn(1, size, dtype=torch.float64, requires_grad=True) for _ in range(length)]
    output = network(places)
    seen, queue = set(), deque([(output.grad_fn, 0)])
    while queue:
        node, steps = queue.popleft()
        if getattr(node, "variable", None) is places[0]:
            return steps
        for following, _ in node.next_functions if node is not None else ():
            if following not in seen:
                seen.add(following)
                queue.append((following, steps + 1))
    raise AssertionError("the output does not depend on the first place")


def _slope(output: Tensor, place: Tensor) -> bool:
    """Whether the output depends on the place by more than the zeros of a window that ends before it."""
    (gradient,) = torch.autograd.grad(output.sum(), place, retain_graph=True)
    return bool(gradient.any())
