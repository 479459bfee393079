"""Word alignment by attention, and how far it agrees with a gold one.

Legend: L layers with attention, H heads, N queries (target tokens), M keys (source tokens). Links are
(source token, target token), counted from 0.
"""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.floating]
Link = tuple[int, int]
Links = Collection[Link]
Symmetrisation = Literal["intersection", "union", "grow-diagonal"]

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def strongest(weights: Weights) -> list[int | None]:
    """Return the source token that weighs most for each target token, in the mean over layers and heads.

    weights (L, H, N, M). The first of those that weigh the same; None where none weighs anything.
    """
    mean = weights.astype(np.float64).mean(axis=(0, 1))  # (N, M)
    return [int(row.argmax()) if row.any() else None for row in mean]


def links(weights: Weights) -> list[Link]:
    """Return the link of each target token to the source token that is `strongest` for it."""
    return [(place, token) for token, place in enumerate(strongest(weights)) if place is not None]


def links_above(weights: Weights, threshold: float) -> list[Link]:
    """Return a link for each weight above the threshold, in the mean over layers and heads.

    weights (L, H, N, M).
    """
    mean = weights.astype(np.float64).mean(axis=(0, 1))
    return [(int(source), int(target)) for target, source in zip(*np.nonzero(mean > threshold), strict=True)]


def symmetrised(forward: Links, backward: Links, how: Symmetrisation) -> set[Link]:
    """Join the links of two directions, both written as (source token, target token).

    "grow-diagonal" is of Koehn, Och and Marcu 2003, section 3: it begins with the links of both and adds, in
    sweeps over the source, those of one that stand next to a link, diagonally too, and reach a token without.
    """
    both, either = set(forward) & set(backward), set(forward) | set(backward)
    if how != "grow-diagonal":
        return both if how == "intersection" else either
    grown, before = set(both), -1
    sources, targets = ({link[side] for link in both} for side in (0, 1))
    while len(grown) > before:
        before = len(grown)
        for source, target in sorted(either):
            for down, right in _NEIGHBOURS if (source, target) in grown else ():
                near = source + down, target + right
                if near in either and (near[0] not in sources or near[1] not in targets):
                    grown.add(near)
                    sources.add(near[0])
                    targets.add(near[1])
    return grown


def agreement(
    found: Sequence[Links], sure: Sequence[Links | None], possible: Sequence[Links | None]
) -> dict[str, float]:
    """Compare the links found in each pair of sentences with the gold ones, over all pairs together.

    With A the links found, S the sure gold links and P all gold links (Och and Ney 2003, section 5): `aer`,
    the alignment error rate 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), `precision` |A ∩ P| / |A|, `recall`
    |A ∩ S| / |S|, and `f1`, the harmonic mean of the two. `sure` and `possible` (those that are merely so)
    are None where a pair is not aligned; such pairs do not count. Of nothing there is no share: a figure
    whose divisor is zero is left out.
    """
    in_sure = in_possible = number = sures = 0
    for one, sure_links, more in zip(found, sure, possible, strict=True):
        if sure_links is None and more is None:
            continue
        a, s = set(one), set(sure_links or ())
        in_sure, in_possible = in_sure + len(a & s), in_possible + len(a & (s | set(more or ())))
        number, sures = number + len(a), sures + len(s)
    scores = {}
    if number + sures:
        scores["aer"] = 1 - (in_sure + in_possible) / (number + sures)
    if number:
        scores["precision"] = in_possible / number
    if sures:
        scores["recall"] = in_sure / sures
    if number and sures:
        both = scores["precision"] + scores["recall"]
        scores["f1"] = 2 * scores["precision"] * scores["recall"] / both if both else 0.0
    return scores


def alignment_scores(
    weights: Sequence[Weights], sure: Sequence[Links | None], possible: Sequence[Links | None] | None = None
) -> dict[str, float]:
    """Compare the `links` of each pair of sentences, from its weights (L, H, N, M), with the gold ones.

    `aer` is that of `agreement`. Attention links every target token, also those that gold leaves without a
    link, and cannot be right there. So `alignment_accuracy` is the share of the gold ones among the links
    found for tokens that have a gold link. Without any gold link there are no scores, nor where no link is
    found and none is sure.
    """
    more = possible or [None] * len(sure)
    found = [links(one) for one in weights]
    right = asked = 0
    for one, sure_links, more_links in zip(found, sure, more, strict=True):
        gold = set(sure_links or ()) | set(more_links or ())
        aligned = {target for _, target in gold}
        right, asked = right + len(gold & set(one)), asked + sum(target in aligned for _, target in one)
    scores = agreement(found, sure, more)
    if "aer" not in scores or not any(map(len, filter(None, (*sure, *more)))):
        return {}
    return {"aer": scores["aer"], "alignment_accuracy": right / max(asked, 1)}


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
