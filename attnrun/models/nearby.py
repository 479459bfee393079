"""Points on a line in blocks, each with the keys that count for it: most of the others weigh nothing.

Letters: N queries, M keys.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from attnrun.attention import Kernel

BLOCK = 256  # queries: more span more keys, fewer make more calls
CROWD = 64  # queries of a stretch, on average


def even_blocks(query: Tensor) -> list[slice]:
    """Return blocks of BLOCK of the queries (N,)."""
    return _slices([*range(0, len(query), BLOCK), len(query)])


def stretches(query: Tensor, span: float) -> list[slice] | None:
    """Return blocks of the queries (N,), in ascending order, that lie within `span`; None for few in each."""
    if not len(query):
        return None
    at = query.detach().double()
    counts = torch.unique_consecutive(((at - at[0]) / span).floor(), return_counts=True)[1]
    ends = counts.cumsum(0)
    wide = at[ends - 1] - at[ends - counts] > 1.001 * span  # by rounding, beside queries very far away
    return None if len(counts) * CROWD > len(at) or bool(wide.any()) else _slices([0, *ends.tolist()])


def near_keys(
    kernel: Kernel, query: Tensor, key: Tensor, parts: list[slice], nearest: Tensor | None = None
) -> Iterator[tuple[slice, slice, float]]:
    """Yield parts of the queries (N,), each with the keys (M,) within the kernel's horizon of any of them.

    Both are in ascending order. A place that is not finite has all keys. The number is the greatest distance
    of a query of the part to its nearest key, as `nearest` (N,) has it where not all keys count.
    """
    # Wider numbers: far from the origin the ends of a narrow window would round to its middle.
    at, places = query.detach().double(), key.detach().double()
    nearest = nearest_distance(at, places) if nearest is None else nearest
    farthest = [float(nearest[part].max()) for part in parts]
    reach = [kernel.horizon(distance, len(places), key.dtype) for distance in farthest]
    first = at[[part.start for part in parts]] - at.new_tensor(reach)
    last = at[[part.stop - 1 for part in parts]] + at.new_tensor(reach)
    low = torch.searchsorted(places, first).tolist()
    high = torch.searchsorted(places, last, right=True).tolist()
    for part, radius, distance, *window in zip(parts, reach, farthest, low, high, strict=True):
        yield part, slice(*window) if math.isfinite(radius) else slice(0, len(places)), distance


def nearest_distance(query: Tensor, key: Tensor) -> Tensor:
    """Return the distance of each query (N,) to the nearest key (M,), infinite where there is none."""
    ends = key.new_tensor([-math.inf]), key.new_tensor([math.inf])
    whole = torch.cat([ends[0], key, ends[1]])
    right = torch.searchsorted(key, query) + 1
    return torch.minimum(query - whole[right - 1], whole[right] - query)


def nearest_other(x: Tensor) -> Tensor:
    """Return the distance of each x (M,), in ascending order, to the nearest of the others."""
    gaps = torch.nn.functional.pad(x.diff(), (1, 1), value=torch.inf)
    return torch.minimum(gaps[:-1], gaps[1:])


def _slices(ends: list[int]) -> list[slice]:
    return [slice(*pair) for pair in pairwise(ends)]
