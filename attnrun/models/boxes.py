"""Points in space in boxes, each box of queries with the keys that count for it.

The boxes are the leaves of a kd-tree (Bentley 1975).

Letters: N queries, M keys, L boxes of keys, D dimensions.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from attnrun.attention import Kernel

LEAF = 128  # points that are not parted any more
BESIDE = 4  # boxes of keys, one of which most likely has the nearest
MANY = 1024  # queries: for fewer, to part the keys takes longer than to meet them all
WIDE = 2  # reaches: of keys that span no more, a box would leave out few
ROUNDING = 1.001  # of the reach


def near_boxes(
    kernel: Kernel, query: Tensor, key: Tensor, most: int, radius: float
) -> Iterator[tuple[Tensor, Tensor | slice]]:
    """Yield boxes of queries (N, D), each with the keys (M, D) within the kernel's horizon of any of them.

    Both are indices. A box has `most` queries at most, and lies within `radius` of its middle or is a LEAF.
    All points are finite, without derivatives and on a CPU, and there is at least one key.
    """
    at, places = query.double(), key.double()
    boxes = _boxes(at, most, radius)
    span = float((places.amax(0) - places.amin(0)).max())
    if len(at) < MANY or span <= WIDE * kernel.horizon(0.0, len(key), key.dtype):
        yield from ((box, slice(None)) for box in boxes)
        return
    parts = list(_boxes(places, LEAF, radius=0.0))
    low, high = (torch.stack(ends) for ends in zip(*(_ends(places[part]) for part in parts), strict=True))
    for box in boxes:
        first, last = _ends(at[box])
        beside = (low + high - first - last).norm(dim=1).topk(min(BESIDE, len(parts)), largest=False)
        nearest = _nearest(at[box], places[_joined(parts, beside.indices)]).max()  # of the worst query
        apart = torch.maximum(low - last, first - high).clamp(min=0).norm(dim=1)  # (L,)
        near = apart <= ROUNDING * kernel.horizon(float(nearest), len(key), key.dtype)
        yield box, slice(None) if bool(near.all()) else _joined(parts, near.nonzero().flatten())


def _boxes(points: Tensor, most: int, radius: float) -> Iterator[Tensor]:
    """Which of the points (N, D) lie in which box: all, halved across their greatest range, and so on."""
    waiting = [torch.arange(len(points))] if len(points) else []
    while waiting:
        box = waiting.pop()
        at = points[box]
        first, last = _ends(at)
        ranges = last - first
        if len(box) <= LEAF or (len(box) <= most and float(ranges.norm()) <= 2 * radius):
            yield box
            continue
        middle = len(box) // 2
        order = at[:, int(ranges.argmax())].numpy().argpartition(middle)  # torch would have to sort
        waiting += box[torch.from_numpy(order)].tensor_split([middle])


def _nearest(query: Tensor, key: Tensor) -> Tensor:
    """The distance of each query (N, D) to the nearest key (M, D)."""
    return torch.cdist(query, key, compute_mode="donot_use_mm_for_euclid_dist").amin(1)


def _ends(points: Tensor) -> tuple[Tensor, Tensor]:
    return points.amin(0), points.amax(0)


def _joined(parts: list[Tensor], chosen: Tensor) -> Tensor:
    return torch.cat([parts[0][:0], *(parts[i] for i in chosen.tolist())])
