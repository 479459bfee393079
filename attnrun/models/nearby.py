"""Points on a line in blocks, each with the keys that count for it: most of the others weigh nothing.

Letters: N queries, M keys.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from attnrun.attention import Kernel

BLOCK = 256  # queries: more span more keys, fewer make more calls


def near_keys(kernel: Kernel, query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice]]:
    """Yield blocks of queries (N,), each with the keys (M,) within the kernel's horizon of any of them.

    Both are in ascending order. A place that is not finite has all keys.
    """
    # Wider numbers: far from the origin the ends of a narrow window would round to its middle.
    at, places = query.detach().double(), key.detach().double()
    nearest = _nearest(at, places)
    starts = range(0, len(at), BLOCK)
    blocks = [slice(start, min(start + BLOCK, len(at))) for start in starts]
    reach = [kernel.horizon(float(nearest[block].max()), len(places), key.dtype) for block in blocks]
    first = at[[block.start for block in blocks]] - at.new_tensor(reach)
    last = at[[block.stop - 1 for block in blocks]] + at.new_tensor(reach)
    low = torch.searchsorted(places, first).tolist()
    high = torch.searchsorted(places, last, right=True).tolist()
    for block, radius, *window in zip(blocks, reach, low, high, strict=True):
        yield block, slice(*window) if math.isfinite(radius) else slice(0, len(places))


def _nearest(query: Tensor, key: Tensor) -> Tensor:
    """The distance of each query (N,) to the nearest key (M,), infinite where there is none."""
    ends = key.new_tensor([-math.inf]), key.new_tensor([math.inf])
    whole = torch.cat([ends[0], key, ends[1]])
    right = torch.searchsorted(key, query) + 1
    return torch.minimum(query - whole[right - 1], whole[right] - query)
