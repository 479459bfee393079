"""Statements about what attention costs beside its rivals, measured where they are run."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from torch import Tensor, nn

from attnrun.attention import Additive, Dot, ScaledDot, attend, backend, linear_attend
from attnrun.bench.growth import exponent
from attnrun.bench.memory import peak_bytes
from attnrun.bench.timing import time_in_turn
from attnrun.claims.trial import Trial
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

_MEGABYTE = 1e6
_SEEN = 0.1  # megabytes from which on a peak says something
_AGAINST = {"broadcast": "broadcast", "blocks": "additive"}
_LAYERS = (
    "dot product",  # by fused code
    "dot product, eager",  # with all its weights at once
    "additive",  # in blocks
    "linear attention",
    "recurrence",
    "convolution",
)


def scores(seed: int, *, lengths: list[PositiveInt], size: PositiveInt, hidden: PositiveInt) -> Trial:
    """Dot product and additive attention over as many keys as queries: seconds and peak megabytes a context.

    `broadcast_…` is additive attention as its formula reads, tanh(W_q q + W_k k) of all pairs at once;
    `additive_…` is that of this package, in blocks; `memory_…` is how often they need the memory of the dot
    product, or of a tenth of a megabyte where it needs less. Figures are of the greatest length.
    """
    torch.manual_seed(seed)
    dot, additive = ScaledDot(size, size), Additive(size, size, hidden=hidden)
    curves: dict[str, list[tuple[float, float]]] = {"dot product": [], "additive, in blocks": []}
    curves["additive, broadcast"] = []
    for length in lengths:
        query, key, value = torch.randn(3, 1, length, size)
        works: dict[str, Callable[[], object]] = {
            "dot": partial(attend, dot, query, key, value),
            "additive": partial(attend, additive, query, key, value),
            "broadcast": partial(_broadcast, additive, query, key, value),
        }
        seconds = _seconds(works, seed)
        for points, name in zip(curves.values(), works, strict=True):
            points.append((length, seconds[name]))
    figures = {f"{name}_seconds": points[-1][1] for name, points in zip(works, curves.values(), strict=True)}
    peaks = {name: _megabytes(work) for name, work in works.items()}
    least = max(peaks["dot"], _SEEN)
    figures |= {f"{name}_megabytes": peak for name, peak in peaks.items()}
    figures |= {f"memory_{name}": peaks[work] / least for name, work in _AGAINST.items()}
    return Trial(figures, curves)


def layers(
    seed: int,
    *,
    lengths: list[PositiveInt],
    sizes: list[PositiveInt],
    kernel: PositiveInt,
    batch: PositiveInt,
) -> Trial:
    """Time and memory of one layer over a sequence of each length, and of each size at the middle length.

    Attention in each way that there is to compute it, linear attention (Katharopoulos et al. 2020), a GRU and
    a convolution; attention without projections. Curves are seconds over the lengths, with the first of the
    sizes. Figures are of the longer half: `time_…`, `memory_…` and `size_…` are the exponents by which
    seconds and peak memory grow with the length, a tenth of a megabyte being the least that counts, and
    seconds with the size; `batch_…` is the time of `batch` sequences over `batch` times that of one: far
    below 1 where one alone leaves the machine idle.
    """
    torch.manual_seed(seed)
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in _LAYERS}
    peaks: dict[str, list[float]] = {name: [] for name in _LAYERS}
    long = lengths[len(lengths) // 2 :]
    for length in lengths:
        works = _works(1, length, sizes[0], kernel)
        for name, seconds in _seconds(works, seed).items():
            curves[name].append((length, seconds))
            if length in long:
                peaks[name].append(_megabytes(works[name]))
    figures = {}
    by_size = [_seconds(_works(1, long[0], size, kernel), seed) for size in sizes]
    together, alone = (_seconds(_works(count, lengths[0], sizes[0], kernel), seed) for count in (batch, 1))
    for name, points in curves.items():
        label = re.sub(r"\W+", "_", name)
        figures[f"time_{label}"] = exponent(*zip(*points[-len(long) :], strict=True))
        figures[f"memory_{label}"] = exponent(long, [max(peak, _SEEN) for peak in peaks[name]])
        figures[f"size_{label}"] = exponent(sizes, [found[name] for found in by_size])
        figures[f"batch_{label}"] = together[name] / (batch * alone[name])
    return Trial(figures, curves)


def sizes(seed: int, *, query: PositiveInt, key: PositiveInt) -> Trial:
    """Which scores take queries and keys of different size: 1 for those that do, 0 for a refusal."""
    torch.manual_seed(seed)
    figures = {}
    for name, score in {"additive": Additive, "dot": Dot, "scaled_dot": ScaledDot}.items():
        try:
            made = score(query, key)
            given = torch.randn(2, 3, query), torch.randn(2, 5, key), torch.randn(2, 5, 7)
            _, weights = attend(made, *given, need_weights=True)
            assert weights is not None
            figures[name] = float(torch.allclose(weights.sum(-1), torch.ones(2, 3)))
        except UserError:
            figures[name] = 0.0
    return Trial(figures)


def _works(batch: int, length: int, size: int, kernel: int) -> dict[str, Callable[[], object]]:
    """A layer of each kind over new sequences (batch, length, size)."""
    x = torch.randn(batch, length, size)
    score, additive = ScaledDot(size, size), Additive(size, size, hidden=size)
    recurrent = nn.GRU(size, size, batch_first=True)
    convolution = nn.Conv1d(size, size, kernel, padding="same")
    calls = (
        partial(attend, score, x, x, x),
        partial(_eager, score, x),
        partial(attend, additive, x, x, x),
        partial(linear_attend, x, x, x),
        partial(recurrent, x),
        partial(convolution, x.mT),
    )
    return dict(zip(_LAYERS, calls, strict=True))


def _eager(score: ScaledDot, x: Tensor) -> Tensor:
    with backend("eager"):
        return attend(score, x, x, x)[0]


@torch.no_grad()
def _seconds(works: Mapping[str, Callable[[], object]], seed: int) -> dict[str, float]:
    found = time_in_turn(works, rounds=3, seconds=2, seed=seed)
    wrong = [f"{name}: {timing}" for name, timing in found.items() if isinstance(timing, str)]
    if wrong:
        raise UserError(wrong[0])
    return {name: timing.median for name, timing in found.items() if not isinstance(timing, str)}


def _megabytes(work: Callable[[], object]) -> float:
    """The peak of a new process: one that has worked before may use memory that it kept."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        peak = pool.submit(_peak, work).result()
    return float("nan") if peak is None else peak / _MEGABYTE


@torch.no_grad()
def _peak(work: Callable[[], object]) -> int | None:
    work()  # for the first time, which loads code and starts threads
    return peak_bytes(work)


def _broadcast(score: Additive, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The context (B, N, V) by tanh(W_q q + W_k k) of all pairs at once, (B, N, M, hidden)."""
    sums = score.W_q(query)[..., None, :] + score.project_keys(key)[..., None, :, :]
    scores: Tensor = score.v(sums.tanh()).squeeze(-1)
    return scores.softmax(-1) @ value
