"""Linear attention: weights φ(q) · φ(k) / Σ φ(q) · φ(k), whose sums over the keys serve all queries.

After Katharopoulos et al. 2020, sections 3.2 and 3.3. Time and memory grow with N + M, not with N · M.
Letters: N queries, M keys, D the size of queries, keys and their features φ, V value size.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from attnrun.attention.masks import as_mask, blank
from attnrun.attention.scores import Score, checked_shape, require_one_size
from attnrun.attention.softmax import exactly, wide

Feature = Literal["elu", "relu"]

CHUNK = 64  # queries of a causal block: within one all pairs are compared, of earlier ones only the sums


def elu_feature(x: Tensor) -> Tensor:
    """φ(x) = elu(x) + 1, which is above 0 (equation 7)."""
    # exp(x) below 0, without the cancellation of exp(x) - 1 + 1; below -80 it would become slow and then 0
    return x.clamp(-80.0, 0.0).exp() + x.relu()


FEATURES: dict[str, Callable[[Tensor], Tensor]] = {"elu": elu_feature, "relu": torch.relu}


class LinearKernel(Score):
    """score(q, k) = log φ(q) · φ(k), so that the softmax gives linear attention (equation 4).

    In this form any mask, position scheme and normaliser goes with it, and it costs what other scores cost.
    `linear_attend` computes the same in linear time, as `attend` does where all queries see the same keys.
    `feature` names φ: "elu" is elu(x) + 1, "relu" is sparse, and a pair without a feature in common scores
    -inf.

    Raises UserError where query and key sizes differ.
    """

    def __init__(self, query_size: int, key_size: int, *, feature: Feature = "elu") -> None:
        require_one_size("linear", query_size, key_size)
        super().__init__(query_size, key_size)
        self.feature = feature

    def project_keys(self, key: Tensor) -> Tensor:
        """φ(k): (..., M, D) -> (..., M, D)."""
        return FEATURES[self.feature](key)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against φ(k) (..., M, D): (..., N, M)."""
        wider = wide(query)  # products may overflow in half a type where their logarithms do not
        with exactly(query):
            products = FEATURES[self.feature](query).to(wider) @ projected.mT.to(wider)
        nothing = products == 0  # filled before the logarithm, whose gradient there is infinite, and after
        return products.masked_fill(nothing, 1.0).log().masked_fill(nothing, -torch.inf).to(query.dtype)

    def as_features(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """φ(q) (..., N, D) and φ(k) (..., M, D)."""
        return FEATURES[self.feature](query), projected


def linear_attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    feature: Feature = "elu",
    causal: bool = False,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """`attend` with a `LinearKernel`, in linear time: the context (..., N, V), and the weights or None.

    query (..., N, D), key (..., M, D), value (..., M, V); leading axes broadcast. `mask` is of keys, the same
    for every query: boolean (..., 1, M) or (M,), or valid lengths (B,). `causal` hides later keys, as
    `causal_mask` does. Half types are summed up in float32. Weights (..., N, M) take quadratic time and
    memory, and only where `need_weights`.

    A query without a permitted key, or without a feature in common with any, gets a zero context and a zero
    gradient. Keys and values that are not permitted take no part, be they NaN or infinite.

    Raises ValueError where the shapes do not go together or the mask differs from query to query.

    >>> query, key, value = torch.zeros(3, 2), torch.zeros(3, 2), torch.tensor([[1.0], [3.0], [8.0]])
    >>> linear_attend(query, key, value, causal=True)[0].tolist()  # all keys weigh alike: means of the past
    [[1.0], [2.0], [4.0]]
    """
    allowed = _key_mask(mask, query, key, value)  # (..., M)
    seen = _seen(allowed, query.shape[-2], causal)
    phi, wider = FEATURES[feature], wide(query)
    phi_q = phi(blank(query, seen).to(wider))  # (..., N, D)
    phi_k = blank(phi(blank(key, allowed).to(wider)), allowed)  # (..., M, D); twice, since φ(0) may be 1
    context, total = linear_context(phi_q, phi_k, blank(value, allowed), causal=causal)
    if not need_weights:
        return context, None
    with exactly(query):
        products = phi_q @ phi_k.mT
    products = products.tril(products.shape[-1] - products.shape[-2]) if causal else products
    return context, _quotient(products, total).to(query.dtype)


def linear_context(
    phi_q: Tensor, phi_k: Tensor, value: Tensor, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the contexts (..., N, V) and the sums of φ(q) · φ(k), (..., N, 1).

    phi_q (..., N, F), phi_k (..., M, F), value (..., M, V). φ(k) is zero where a key is not permitted. A
    query whose sum is zero has a zero context.
    """
    phi_q, phi_k, counted = (part.to(wide(part)) for part in (phi_q, phi_k, _with_ones(value)))
    with exactly(phi_q):  # a sum of many products is beyond the range of a half type
        summed = _causal(phi_q, phi_k, counted) if causal else phi_q @ (phi_k.mT @ counted)  # (..., N, V + 1)
    total = summed[..., -1:]
    return _quotient(summed[..., :-1], total).to(value.dtype), total


def _quotient(parts: Tensor, total: Tensor) -> Tensor:
    """Divide (..., N, F) by (..., N, 1): zero, with a gradient of zero, where the divisor is."""
    empty = total == 0
    return (parts / total.masked_fill(empty, 1.0)).masked_fill(empty, 0.0)


def _key_mask(mask: Tensor | None, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The permitted keys (..., M), after a check of everything's shape."""
    shape = checked_shape(query, key, value, key)
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"query {tuple(query.shape)} and key {tuple(key.shape)} differ in size")
    if mask is None:
        return key.new_ones(shape[-1:], dtype=torch.bool)
    mask = as_mask(mask, shape)
    if mask.shape[-2] != 1:
        raise ValueError(
            f"linear_attend takes masks of keys (..., 1, M) and causal=True, not a mask {tuple(mask.shape)} "
            "that may differ from query to query; attend with a LinearKernel takes any"
        )
    return mask.squeeze(-2).expand(*mask.shape[:-2], shape[-1])


def _seen(allowed: Tensor, queries: int, causal: bool) -> Tensor:
    """Which queries see a permitted key: (..., N) or, where all see the same, (..., 1)."""
    if not causal:
        return allowed.any(-1, keepdim=True)
    so_far = F.pad(allowed.cumsum(-1), (1, 0))  # how many of the first 0, 1, 2 … M keys are permitted
    until = torch.arange(queries, device=allowed.device) + allowed.shape[-1] - queries + 1
    return so_far[..., until.clamp(min=0)] > 0


def _with_ones(value: Tensor) -> Tensor:
    """Append a feature of 1, whose weighted sum is the sum of the weights: (..., M, V + 1)."""
    return torch.cat([value, value.new_ones(*value.shape[:-1], 1)], -1)


def _causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Sums of the values up to each query, (..., N, V); the last query stands at the last key."""
    ahead = key.shape[-2] - query.shape[-2]
    if ahead < 0:  # features of zero weigh nothing
        key, value = (F.pad(part, (0, 0, -ahead, 0)) for part in (key, value))
        ahead = 0
    past = key[..., :ahead, :].mT @ value[..., :ahead, :]  # (..., D, V)
    sums = []
    for start in range(0, max(query.shape[-2], 1), CHUNK):
        q = query[..., start : start + CHUNK, :]
        k, v = (part[..., ahead + start : ahead + start + CHUNK, :] for part in (key, value))
        sums.append(q @ past + (q @ k.mT).tril() @ v)
        past = past + k.mT @ v
    return torch.cat(sums, -2)
