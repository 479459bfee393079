"""What single heads do, in figures. L layers, H heads, N queries, M keys."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnrun.analysis.maps import AttentionMap

ByHead = NDArray[np.float64]  # (L, H)


def head_figures(maps: Sequence[AttentionMap], ordered: bool = True) -> dict[str, ByHead]:
    """Return means over all queries of all maps, by layer and head (L, H); NaN where no query counts.

    A query without weights does not count. Weights that do not sum to 1 are scaled to do so for all but
    `largest`.

    - `entropy`: of a query's weights, in nats.
    - `entropy_share`: that, divided by its greatest value ln M, so that maps of different lengths compare;
      a query with one key does not count. Under a causal mask M still counts all keys of the map.
    - `largest`: the largest weight.
    - `distance`: in keys, from a query's place to the keys', by weight, only where queries and keys are
      `ordered` alike. Query n of N stands at (n + ½) · M / N - ½ among the M keys: at n where N = M.
    """
    sums: dict[str, ByHead] = {}
    counts: dict[str, ByHead] = {}
    for one in maps:
        for name, values in _of_queries(one, ordered).items():
            counted = np.isfinite(values)
            total, number = np.where(counted, values, 0.0).sum(-1), counted.sum(-1).astype(np.float64)
            sums[name], counts[name] = sums.get(name, 0.0) + total, counts.get(name, 0.0) + number
    return {
        name: np.divide(total, counts[name], out=np.full_like(total, np.nan), where=counts[name] > 0)
        for name, total in sums.items()
    }


def _of_queries(one: AttentionMap, ordered: bool) -> dict[str, NDArray[np.float64]]:
    """The figures of each query (L, H, N); NaN for one without weights."""
    queries, keys = one.weights.shape[-2:]
    shares, entropy = one.shares(), one.entropy()
    largest = one.weights.max(-1, initial=0.0).astype(np.float64)
    found = {
        "entropy": entropy,
        "entropy_share": entropy / (np.log(keys) if keys > 1 else np.nan),
        "largest": np.where(np.isnan(entropy), np.nan, largest),
    }
    if ordered:
        places = (np.arange(queries) + 0.5) * keys / queries - 0.5
        away = np.abs(places[:, None] - np.arange(keys))  # (N, M)
        found["distance"] = (shares * away).sum(-1)
    return found
