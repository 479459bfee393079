"""Kernel regression is attention: the query is where to predict, the keys are where something was measured.

Nadaraya 1964; Watson 1964: f(x) = sum_i K(x - x_i) y_i / sum_j K(x - x_j). Any score of `attnrun.attention`
whose weights are a function of query and key serves as log K under the softmax; other normalisers make other
weights of it.

Legend: N queries, M keys (training points).
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from attnrun.attention import Gaussian, Kernel, Normaliser, Score, attend, masked_softmax
from attnrun.attention.backends import eager_alone
from attnrun.attention.softmax import is_softmax
from attnrun.models.bandwidth import fit_width, oracle_width
from attnrun.models.boxes import near_boxes
from attnrun.models.interpolation import FAR, SPAN, gaussian_sums
from attnrun.models.nearby import even_blocks, near_keys, nearest_other, stretches
from attnrun.models.pairs import QUERIES, WIDEST, averages
from attnrun.models.threads import each

__all__ = ["collapsing_loss", "fit_width", "leave_one_out_loss", "oracle_width", "predict", "weights"]

BLOCK = 4_000_000  # elements of a block of weights: memory stays linear in N and M
LARGEST = 1e150  # numbers sums of which are no infinity


def predict(
    score: Score, x_query: Tensor, x_key: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> Tensor:
    """Predict at x_query (N,) or (N, D) from the points x_key (M,) or (M, D), y (M,): (N,)."""
    if isinstance(score, Kernel) and is_softmax(normaliser) and len(x_key) == len(y):
        if score.key_size == 1:
            return _predict_on_a_line(score, x_query, x_key, y)
        if width := _summable_in_space(score, x_query, x_key, y):
            return _predict_in_space(score, x_query, x_key, y, width)
    return _predict_from_all(score, x_query, x_key, y, normaliser)


def _predict_from_all(
    score: Score, x_query: Tensor, x_key: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> Tensor:
    """The same by attention over all keys."""
    # Into one tensor: small ones between the blocks would keep the allocator from using their memory again.
    predicted = y.new_empty(len(x_query))
    every = slice(0, len(x_query))
    needs_no_weights = is_softmax(normaliser) and not eager_alone() and _is_dot(score, x_query, x_key)
    for rows in [every] if needs_no_weights else _blocks(every, len(x_key)):
        predicted[rows] = _attend(score, normaliser, x_query[rows], x_key, y)[0]
    return predicted


def _predict_in_space(score: Kernel, x_query: Tensor, x_key: Tensor, y: Tensor, width: float) -> Tensor:
    """The same by a Gaussian in more dimensions: queries that lie together meet the keys near them."""
    predicted = y.new_empty(len(x_query))
    # Values all far from 0 would lose digits in the sums; moving y moves the averages.
    start = y.new_zeros(()).clamp(y.min(), y.max())
    most = min(QUERIES, -(-len(x_query) // torch.get_num_threads()))

    @torch.no_grad()  # as here, where a learned width has no gradient now: a thread begins with gradients
    def averaged(part: tuple[Tensor, Tensor | slice]) -> tuple[Tensor, Tensor]:
        box, near = part
        query, key, above = x_query[box], x_key[near], y[near] - start
        found = averages(query, key, above, width)
        return box, start + (_predict_from_all(score, query, key, above) if found is None else found)

    for box, found in each(averaged, near_boxes(score, x_query, x_key, most, width * WIDEST[y.dtype])):
        predicted[box] = found
    return predicted


def _predict_on_a_line(score: Kernel, x_query: Tensor, x_key: Tensor, y: Tensor) -> Tensor:
    """The same by a kernel in one dimension: each query meets the keys that are near alone."""
    predicted = y.new_empty(len(x_query))
    at, order = x_query.flatten().sort()
    places, by_place = x_key.flatten().sort()
    measured = y[by_place]
    width = _summable(score, x_query, x_key, y)
    close = stretches(at, SPAN * width) if width else None
    for block, near, farthest in near_keys(score, at, places, close or even_blocks(at)):
        if close and width and farthest <= FAR * width:
            predicted[order[block]] = _between(at[block], places[near], measured[near], width).to(y.dtype)
            continue
        for rows in _blocks(block, near.stop - near.start):
            found, _ = _attend(score, masked_softmax, at[rows], places[near], measured[near])
            predicted[order[rows]] = found
    return predicted


def _summable(score: Kernel, *points: Tensor) -> float | None:
    """The width of a kernel that may be summed without its weights, None where it may not."""
    if not isinstance(score, Gaussian) or eager_alone() or _is_differentiated(*points, score.w):
        return None
    query, key, y = points
    floats = y.is_floating_point() and query.dtype == key.dtype == y.dtype and y.dim() == 1
    if not floats or not bool((y.abs() <= LARGEST).all()):  # NaN is not either
        return None
    w = abs(float(score.w))
    return 1 / w if w > 0 else None


def _summable_in_space(score: Kernel, query: Tensor, key: Tensor, y: Tensor) -> float | None:
    """The same in more dimensions, where the sums are made of float32, and points in boxes."""
    exact = y.is_cpu and y.dtype in WIDEST and not torch.is_autocast_enabled("cpu")
    points = all(part.dim() == 2 and part.shape[1] == score.key_size for part in (query, key))
    if not (exact and points and len(key)):
        return None
    finite = query.isfinite().all() & key.isfinite().all()
    small = (y.abs() <= math.sqrt(torch.finfo(y.dtype).max)).all()
    return _summable(score, query, key, y) if bool(finite & small) else None


def _is_differentiated(*numbers: Tensor | float) -> bool:
    """Whether a derivative is asked for, backward or forward."""
    parts = [number for number in numbers if isinstance(number, Tensor)]
    backward = torch.is_grad_enabled() and any(part.requires_grad for part in parts)
    forward = any(forward_ad.unpack_dual(part).tangent is not None for part in parts)  # type: ignore[no-untyped-call]
    return backward or forward or torch._C._are_functorch_transforms_active()


def _between(x_query: Tensor, x_key: Tensor, y: Tensor, width: float) -> Tensor:
    columns = torch.stack([y, torch.ones_like(y)], 1)
    above, below = gaussian_sums(x_query, x_key, columns, width).unbind(1)
    return above / below


def weights(
    score: Score, x_query: Tensor, x_key: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> Tensor:
    """Return the whole matrix (N, M) of what each y (M,) has in the prediction at each x_query (N,).

    A row is zeros where no key is near enough. The others sum to 1 unless the normaliser has them sum to
    something else.
    """
    _, matrix = _attend(score, normaliser, x_query, x_key, y, need_weights=True)
    assert matrix is not None
    return matrix


def leave_one_out_loss(
    score: Score, x: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> tuple[Tensor, int]:
    """Sum of squared errors of predicting each y (M,) from the other points, and M."""
    return _training_loss(score, normaliser, x, y, leave_out=True)


def collapsing_loss(
    score: Score, x: Tensor, y: Tensor, normaliser: Normaliser = masked_softmax
) -> tuple[Tensor, int]:
    """The same with the own key left in: the loss falls to 0 as the width does, and nothing is learned."""
    return _training_loss(score, normaliser, x, y, leave_out=False)


def _training_loss(
    score: Score, normaliser: Normaliser, x: Tensor, y: Tensor, leave_out: bool
) -> tuple[Tensor, int]:
    near = [(slice(0, len(x)), slice(0, len(x)))]
    if isinstance(score, Kernel) and score.key_size == 1 and is_softmax(normaliser):
        x, order = x.flatten().sort()
        y = y[order]
        nearest = nearest_other(x.detach().double()) if leave_out else None
        near = [found[:2] for found in near_keys(score, x, x, even_blocks(x), nearest)]
    parts = [(rows, keys) for queries, keys in near for rows in _blocks(queries, keys.stop - keys.start)]

    def squares(rows: slice, keys: slice) -> Tensor:
        others = _not_own(rows, keys, x.device) if leave_out else None
        predicted, _ = _attend(score, normaliser, x[rows], x[keys], y[keys], others)
        return (predicted - y[rows]).square().sum()

    if len(parts) == 1:
        return squares(*parts[0]), len(x)
    total = x.new_zeros(())
    for part in parts:  # on the way back the weights of a block are made again
        total = total + checkpoint(squares, *part, use_reentrant=False)
    return total, len(x)


def _not_own(rows: slice, keys: slice, device: torch.device) -> Tensor:
    """Mask (rows, keys): every key but the query's own."""
    own = torch.arange(rows.start, rows.stop, device=device)[:, None]
    return own != torch.arange(keys.start, keys.stop, device=device)


def _attend(
    score: Score,
    normaliser: Normaliser,
    x_query: Tensor,
    x_key: Tensor,
    y: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Context (N,) and weights (N, M) over points, in one dimension (N,)."""
    query, key = _as_features(score, x_query), _as_features(score, x_key)
    value = y[:, None]
    context, matrix = attend(score, query, key, value, mask, normaliser=normaliser, need_weights=need_weights)
    return context[:, 0], matrix


def _is_dot(score: Score, x_query: Tensor, x_key: Tensor) -> bool:
    query, key = _as_features(score, x_query), _as_features(score, x_key)
    with torch.no_grad():
        return score.as_dot(query, score.project_keys(key)) is not None


def _as_features(score: Score, x: Tensor) -> Tensor:
    return x.reshape(len(x), score.key_size)


def _blocks(queries: slice, keys: int) -> Iterator[slice]:
    """Parts of the queries whose weights over the keys make a block."""
    size = max(1, BLOCK // max(1, keys))
    return (
        slice(start, min(start + size, queries.stop)) for start in range(queries.start, queries.stop, size)
    )
