"""Score functions: how well each key answers each query.

Every score is built as `Score(query_size, key_size, **keys of its config)` and called as
`score(query (..., N, D), key (..., M, Dk)) -> (..., N, M)`; leading axes broadcast. N queries, M keys.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention.softmax import wide
from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat, PositiveInt


class Score(nn.Module, ABC):
    """What all scores share: a part that depends on the keys alone, and the rest.

    Where the same keys meet many queries, as in a decoder, project them once and pass the result back:
    `score.score_projected(query, projected)` with `projected = score.project_keys(key)`. The module keeps
    nothing between calls.

    Attributes:
        by_place: whether keys are told apart by their places, counted from 0, so that their order matters.
    """

    by_place: ClassVar[bool] = False

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.key_size = key_size

    def project_keys(self, key: Tensor) -> Tensor:
        """Return what depends on the key alone, (..., M, Dk) -> (..., M, P); the key itself by default."""
        return key

    @abstractmethod
    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against projected keys (..., M, P): (..., N, M)."""

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Score queries (..., N, D) against keys (..., M, Dk): (..., N, M).

        Raises ValueError where the last axes are not those the score was built for.
        """
        self._check("query", query, self.query_size)
        self._check("key", key, self.key_size)
        return self.score_projected(query, self.project_keys(key))

    def _check(self, role: str, tensor: Tensor, size: int) -> None:
        if tensor.dim() < 2 or tensor.shape[-1] != size:
            built = f"{type(self).__name__} was built for {role} size {size}"
            raise ValueError(f"{built}, got {role} {tuple(tensor.shape)}")


def scores_shape(query: Tensor, key: Tensor) -> tuple[int, ...]:
    """Return the shape (..., N, M) of the scores of queries (..., N, D) against keys (..., M, Dk)."""
    leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])  # type: ignore[no-untyped-call]
    return (*leading, query.shape[-2], key.shape[-2])


def require_one_size(name: str, query_size: int, key_size: int) -> None:
    """Raise UserError where a score that compares features one by one is given different sizes."""
    if query_size != key_size:
        raise UserError(
            f"attention {name!r} needs queries and keys of one size, got query size {query_size} "
            f"and key size {key_size}; 'additive' and 'general' take different sizes"
        )


class Uniform(Score):
    """Every key scores 0, so that attention is average pooling over the permitted keys."""

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Zeros (..., N, M), whatever the features."""
        return query.new_zeros(scores_shape(query, projected))


class Dot(Score):
    """score(q, k) = q · k (Luong et al. 2015, section 3.1, eq. 8, `dot`).

    Raises UserError where the sizes differ.
    """

    def __init__(self, query_size: int, key_size: int) -> None:
        require_one_size("dot", query_size, key_size)
        super().__init__(query_size, key_size)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Dot products of queries (..., N, D) and keys (..., M, D): (..., N, M)."""
        return query @ projected.mT


class ScaledDot(Score):
    """score(q, k) = q · k / √D (Vaswani et al. 2017, section 3.2.1, eq. 1).

    Raises UserError where the sizes differ.
    """

    def __init__(self, query_size: int, key_size: int) -> None:
        require_one_size("scaled-dot", query_size, key_size)
        super().__init__(query_size, key_size)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Scaled dot products of queries (..., N, D) and keys (..., M, D): (..., N, M)."""
        # The query is scaled, not the product: fewer numbers, and float16 overflows later.
        return (query / math.sqrt(self.query_size)) @ projected.mT


class General(Score):
    """score(q, k) = qᵀ W k, the bilinear form (Luong et al. 2015, section 3.1, eq. 8, `general`)."""

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__(query_size, key_size)
        self.W = nn.Linear(key_size, query_size, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """W k: (..., M, Dk) -> (..., M, D)."""
        projected: Tensor = self.W(key)
        return projected

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Dot products of queries (..., N, D) and W k (..., M, D): (..., N, M)."""
        return query @ projected.mT


class Additive(Score):
    """score(q, k) = vᵀ tanh(W_q q + W_k k), without bias (Bahdanau et al. 2014, appendix A.1.2).

    `hidden` is the size of the sum. Builds a tensor (..., N, M, hidden).
    """

    def __init__(self, query_size: int, key_size: int, *, hidden: PositiveInt = 128) -> None:
        super().__init__(query_size, key_size)
        self.W_q = nn.Linear(query_size, hidden, bias=False)
        self.W_k = nn.Linear(key_size, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """W_k k: (..., M, Dk) -> (..., M, hidden)."""
        projected: Tensor = self.W_k(key)
        return projected

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against W_k k (..., M, hidden): (..., N, M)."""
        return _tanh_network(self.W_q(query), projected, self.v)


class Concat(Score):
    """score(q, k) = vᵀ tanh(W [q; k]), without bias (Luong et al. 2015, section 3.1, `concat`).

    `hidden` is the size of W [q; k]. The same function as the additive score: its two matrices side by side
    in one, which starts smaller, as its columns are more. Builds a tensor (..., N, M, hidden).
    """

    def __init__(self, query_size: int, key_size: int, *, hidden: PositiveInt = 128) -> None:
        super().__init__(query_size, key_size)
        self.W = nn.Linear(query_size + key_size, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """The keys' share of W [q; k]: (..., M, Dk) -> (..., M, hidden)."""
        return F.linear(key, self.W.weight[:, self.query_size :])

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against the keys' share (..., M, hidden): (..., N, M)."""
        return _tanh_network(F.linear(query, self.W.weight[:, : self.query_size]), projected, self.v)


class Cosine(Score):
    """score(q, k) = strength · cos(q, k), a strength above 0 (Graves et al. 2014, section 3.3.1, eqs. 5, 6).

    There the controller emits the strength at each step; here it is one number, `learned` or fixed. Vectors
    of zeros, or next to it, have no direction and score 0, or next to it.

    Raises UserError where the sizes differ, ValueError where the strength is not positive.
    """

    def __init__(
        self, query_size: int, key_size: int, *, strength: PositiveFloat = 10.0, learned: bool = True
    ) -> None:
        require_one_size("cosine", query_size, key_size)
        if not strength > 0:
            raise ValueError(f"the strength of a cosine must be positive, got {strength}")
        super().__init__(query_size, key_size)
        self.strength = strength
        self.log_strength = nn.Parameter(torch.tensor(math.log(strength))) if learned else None

    def project_keys(self, key: Tensor) -> Tensor:
        """Keys of length 1: (..., M, D)."""
        return _directions(key)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against keys of length 1 (..., M, D): (..., N, M)."""
        strength = self.strength if self.log_strength is None else self.log_strength.exp()
        return (_directions(query) * strength) @ projected.mT


class Location(Score):
    """score(q, key j) = (W q)_j: from the query alone (Luong et al. 2015, section 3.1, `location`).

    Where to look, not what for: the content of the keys has no part. W has a row for each of
    `maximum_length` places.

    Raises UserError when scoring more keys than that.
    """

    by_place = True

    def __init__(self, query_size: int, key_size: int, *, maximum_length: PositiveInt = 256) -> None:
        super().__init__(query_size, key_size)
        self.W = nn.Linear(query_size, maximum_length, bias=False)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) for the places of the keys (..., M, Dk): (..., N, M)."""
        keys, places = projected.shape[-2], self.W.out_features
        if keys > places:
            raise UserError(
                f"attention 'location': {keys} keys are more than attention.maximum_length={places}; "
                "raise it, or choose an attention by content, such as general"
            )
        return F.linear(query, self.W.weight[:keys]).expand(scores_shape(query, projected))


def _tanh_network(query: Tensor, key: Tensor, v: nn.Linear) -> Tensor:
    """vᵀ tanh(q + k) of each pair of (..., N, hidden) and (..., M, hidden): (..., N, M)."""
    summed = query.unsqueeze(-2) + key.unsqueeze(-3)  # (..., N, M, hidden)
    scores: Tensor = v(summed.tanh()).squeeze(-1)
    return scores


def _directions(vectors: Tensor) -> Tensor:
    """Vectors (..., R, F) divided by their lengths; the shortest stay, whose gradient would overflow."""
    shortest = torch.finfo(vectors.dtype).tiny ** 0.5  # 1e-19 in float32, 0.008 in float16
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True, dtype=wide(vectors))
    directions: Tensor = vectors / length.masked_fill(length < shortest, 1.0)
    return directions.to(vectors.dtype)
