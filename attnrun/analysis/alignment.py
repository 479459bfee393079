"""Word alignment by attention, and how far it agrees with a gold one.

Legend: L layers with attention, H heads, N queries (target tokens), M keys (source tokens). Links are
(source token, target token), counted from 0.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.floating]
Links = Sequence[tuple[int, int]]


def strongest(weights: Weights) -> list[int | None]:
    """Return the source token that weighs most for each target token, in the mean over layers and heads.

    weights (L, H, N, M). The first of those that weigh the same; None where none weighs anything.
    """
    mean = weights.astype(np.float64).mean(axis=(0, 1))  # (N, M)
    return [int(row.argmax()) if row.any() else None for row in mean]


def links(weights: Weights) -> list[tuple[int, int]]:
    """Return the link of each target token to the source token that is `strongest` for it."""
    return [(place, token) for token, place in enumerate(strongest(weights)) if place is not None]


def alignment_scores(
    weights: Sequence[Weights], sure: Sequence[Links | None], possible: Sequence[Links | None] | None = None
) -> dict[str, float]:
    """Compare the `links` of each pair of sentences, from its weights (L, H, N, M), with the gold ones.

    `aer` is the alignment error rate 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|) of Och and Ney 2003, with A the
    links found, S the sure gold links and P all gold links, over all pairs together. Attention links every
    target token, also those that gold leaves without a link, and cannot be right there. So
    `alignment_accuracy` is the share of the gold ones among the links found for tokens that have a gold link.

    `sure` and `possible` (those that are merely so) are None where a pair is not aligned; such pairs do not
    count. Without any gold link there are no scores, nor where no link is found and none is sure.
    """
    hits = counted = right = asked = gold = 0
    for one, sure_links, more in zip(weights, sure, possible or [None] * len(sure), strict=True):
        if sure_links is None and more is None:
            continue
        a, s = set(links(one)), set(sure_links or ())
        p = s | set(more or ())
        aligned = {target for _, target in p}
        hits, counted = hits + len(a & s) + len(a & p), counted + len(a) + len(s)
        right, asked = right + len(a & p), asked + sum(target in aligned for _, target in a)
        gold += len(p)
    if not (gold and counted):
        return {}
    return {"aer": 1 - hits / counted, "alignment_accuracy": right / max(asked, 1)}


def centres(weights: Weights) -> NDArray[np.float64]:
    """Return the centre of each query's weights (L, H, N, M), of the mean over layers and heads: (N,).

    It is the mean of the keys' places by weight, counted from 0; NaN where nothing weighs anything.
    """
    mean = weights.astype(np.float64).mean(axis=(0, 1))  # (N, M)
    total = mean.sum(1)
    found: NDArray[np.float64] = (mean @ np.arange(mean.shape[1])) / np.where(total > 0, total, np.nan)
    return found


def monotonicity(weights: Sequence[Weights]) -> float | None:
    """Return the share of steps, from a query to the next, in which the centre of attention moves forward.

    weights (L, H, N, M) of each example; None where none has two queries.
    """
    steps = np.concatenate([np.zeros(0), *(np.diff(centres(one)) for one in weights)])
    return float((steps > 0).mean()) if len(steps) else None
