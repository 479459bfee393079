"""Points in space in boxes, each box of queries with the keys that count for it.

The boxes are the leaves of a kd-tree (Bentley 1975).

Letters: N queries, M keys, L boxes of keys, D dimensions.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from attnrun.attention import Kernel

KEYS = 128  # of a box, at most
BESIDE = 4  # boxes of keys, one of which most likely has the nearest
FEW = 128  # queries that are not parted any more, however far apart they lie
WIDE = 2  # reaches: of keys that span no more, a box would leave out few
ROUNDING = 1.001  # of the reach


def near_boxes(
    kernel: Kernel, query: Tensor, key: Tensor, most: int, radius: float = math.inf
) -> Iterator[tuple[Tensor, Tensor | slice]]:
    """Yield boxes of queries (N, D), each with the keys (M, D) within the kernel's horizon of any of them.

    Both are indices. A box has `most` queries at most, within `radius` of its middle or FEW. All points are
    finite, and there is at least one key.
    """
    at, places = query.detach().double(), key.detach().double()
    boxes = _boxes(at, most, radius)
    span = float((places.amax(0) - places.amin(0)).max())
    if span <= WIDE * kernel.horizon(0.0, len(key), key.dtype):
        yield from ((box, slice(None)) for box in boxes)
        return
    parts = list(_boxes(places, KEYS))
    low, high = (torch.stack(ends) for ends in zip(*(_ends(places[part]) for part in parts), strict=True))
    for box in boxes:
        first, last = _ends(at[box])
        beside = (low + high - first - last).norm(dim=1).topk(min(BESIDE, len(parts)), largest=False)
        nearest = _farthest(at[box], places[_joined(parts, beside.indices)])
        apart = torch.maximum(low - last, first - high).clamp(min=0).norm(dim=1)  # (L,)
        near = apart <= ROUNDING * kernel.horizon(nearest, len(key), key.dtype)
        yield box, slice(None) if bool(near.all()) else _joined(parts, near.nonzero().flatten())


def _boxes(points: Tensor, most: int, radius: float = math.inf) -> Iterator[Tensor]:
    """Which of the points (N, D) lie in which box: all, halved across their greatest range, and so on."""
    waiting = [torch.arange(len(points))] if len(points) else []
    while waiting:
        box = waiting.pop()
        at = points[box]
        first, last = _ends(at)
        ranges = last - first
        if len(box) <= FEW or (len(box) <= most and float(ranges.norm()) <= 2 * radius):
            yield box
            continue
        middle = len(box) // 2
        order = at[:, int(ranges.argmax())].numpy().argpartition(middle)  # torch would have to sort
        waiting += box[torch.from_numpy(order)].tensor_split([middle])


def _joined(parts: list[Tensor], chosen: Tensor) -> Tensor:
    return torch.cat([parts[0][:0], *(parts[i] for i in chosen.tolist())])


def _farthest(query: Tensor, key: Tensor) -> float:
    """The greatest distance of any query (N, D) to the nearest key (M, D)."""
    exact = "donot_use_mm_for_euclid_dist"
    return float(torch.cdist(query, key, compute_mode=exact).amin(1).max())


def _ends(points: Tensor) -> tuple[Tensor, Tensor]:
    return points.amin(0), points.amax(0)
