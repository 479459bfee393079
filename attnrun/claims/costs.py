"""Statements about what attention costs beside its rivals, measured where they are run."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from torch import Tensor, nn

from attnrun.attention import Additive, Dot, ScaledDot, attend, linear_attend
from attnrun.bench.growth import exponent
from attnrun.bench.memory import peak_bytes
from attnrun.bench.timing import time_in_turn
from attnrun.claims.trial import Trial
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

_MEGABYTE = 1e6
_SEEN = 0.1  # megabytes from which on a peak says something
_AGAINST = {"broadcast": "broadcast", "blocks": "additive"}


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


def layers(seed: int, *, lengths: list[PositiveInt], size: PositiveInt, kernel: PositiveInt) -> Trial:
    """Seconds of one layer over sequences of each length; `growth_…` are the exponents over the longer half.

    Self-attention without its projections, linear attention (Katharopoulos et al. 2020), a GRU and a
    convolution.
    """
    torch.manual_seed(seed)
    recurrent, convolution = (
        nn.GRU(size, size, batch_first=True),
        nn.Conv1d(size, size, kernel, padding="same"),
    )
    score = Dot(size, size)
    curves: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("self-attention", "linear attention", "recurrence", "convolution")
    }
    for length in lengths:
        x = torch.randn(1, length, size)
        works: dict[str, Callable[[], object]] = {
            "self-attention": partial(attend, score, x / size**0.5, x, x),
            "linear attention": partial(linear_attend, x, x, x),
            "recurrence": partial(recurrent, x),
            "convolution": partial(convolution, x.mT),
        }
        for name, seconds in _seconds(works, seed).items():
            curves[name].append((length, seconds))
    long = len(lengths) // 2
    growth = {name: exponent(*zip(*points[long:], strict=True)) for name, points in curves.items()}
    return Trial({f"growth_{re.sub('[ -]', '_', name)}": value for name, value in growth.items()}, curves)


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
