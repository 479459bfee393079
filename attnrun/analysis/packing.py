"""Attention maps as they lie in a page: a byte a weight, with the tokens, and what two maps have in common.

Letters: L layers, H heads, N queries (rows), M keys (columns).
"""

import base64
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnrun.analysis.maps import AttentionMap

LEVELS = 255  # steps from the least weight of a map to the greatest


def pack(one: AttentionMap) -> dict[str, Any]:
    """Return a map as JSON data, its weights to within 1/510 of their range (which is at most 1).

    `weights` are bytes in base64 (RFC 4648, section 5), by layer, head, query and key: byte b stands for
    low + (high - low) · b / 255, and a weight that is NaN is 0. `entropy` is `mean_entropy` of this map.
    """
    weights = np.nan_to_num(one.weights.astype(np.float64))
    low, high = min(0.0, float(weights.min(initial=0.0))), float(weights.max(initial=0.0))
    steps = np.rint((weights - low) * (LEVELS / ((high - low) or 1.0))).astype(np.uint8)
    return {
        "queries": list(one.queries),
        "keys": list(one.keys),
        "shape": list(weights.shape),
        "low": low,
        "high": high,
        "weights": base64.urlsafe_b64encode(steps.tobytes()).decode(),
        "entropy": mean_entropy([one.entropy()]),
    }


def unpack(packed: dict[str, Any]) -> AttentionMap:
    """Return what `pack` was given, its weights to within the step that they were rounded to."""
    steps = np.frombuffer(base64.urlsafe_b64decode(packed["weights"]), np.uint8).reshape(packed["shape"])
    weights = packed["low"] + (packed["high"] - packed["low"]) / LEVELS * steps
    return AttentionMap(packed["queries"], packed["keys"], weights)


def size(one: AttentionMap) -> int:
    """Return the number of characters that its weights take in a page."""
    return -(-one.weights.size // 3) * 4


def mean_entropy(entropies: Sequence[NDArray[np.float64]]) -> list[list[float | None]]:
    """From what `AttentionMap.entropy` returned for some maps, (L, H, N) each, return their means (L, H).

    They are in nats, over all queries that have weights; None where none has.
    """
    values = np.concatenate(entropies, axis=2)
    counted = np.isfinite(values)
    totals, numbers = np.where(counted, values, 0.0).sum(2), counted.sum(2)
    return [
        [round(total / number, 4) if number else None for total, number in zip(*row, strict=True)]
        for row in zip(totals.tolist(), numbers.tolist(), strict=True)
    ]


def common(ours: Sequence[str], theirs: Sequence[str]) -> list[list[int]]:
    """Return the places [in ours, in theirs] of equal tokens, in the order of both."""
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [[block.a + step, block.b + step] for block in blocks for step in range(block.size)]
