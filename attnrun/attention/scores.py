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

from attnrun.attention.dense import Linear
from attnrun.attention.softmax import wide
from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat, PositiveInt

SMALL = 400  # multiplications, below which torch's product for a CPU makes each by itself
LARGE = 16 * 2**20  # bytes of a tensor of features of all pairs, above which it is made in blocks


class Score(nn.Module, ABC):
    """What all scores share: a part that depends on the keys alone, and the rest.

    Where the same keys meet many queries, as in a decoder, project them once and pass the result back:
    `score.score_projected(query, projected)` with `projected = score.project_keys(key)`. The module keeps
    nothing between calls.

    Attributes:
        by_place: whether keys are told apart by their places, counted from 0, so that their order matters.
        by_content: whether what queries and keys hold has a part in the scores.
        longest: the greatest number of keys it can score.
        reach: the distance between query and key from which on a key is not seen.

    A score of one's own, by the distance between query and key along their greatest difference:

    >>> class Greatest(Score):
    ...     def score_projected(self, query, projected):
    ...         return -(query.unsqueeze(-2) - projected.unsqueeze(-3)).abs().amax(-1)
    >>> Greatest(2, 2)(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -3.0], [0.5, 0.0]])).tolist()
    [[-3.0, -0.5]]
    """

    by_place: ClassVar[bool] = False
    by_content: ClassVar[bool] = True
    longest: float = math.inf
    reach: float = math.inf

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

    def as_dot(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return q' (..., N, F) and k' (..., M, F) whose dot products are the scores, or None.

        With them the softmax has a fused form, which takes weighted sums of the values: a score that pools in
        its own way has none. They may miss the scores by a constant for each query, which
        the softmax does not see. None where there are none, or none exact to 1e-5 for what is given.
        """
        return None

    def as_features(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return φ(q) (..., N, F) and φ(k) (..., M, F), dot products of which are exp(scores), or None.

        With them the softmax is linear attention.
        """
        return None

    def pool(self, weights: Tensor, value: Tensor) -> Tensor:
        """Make contexts (..., N, V) of weights (..., N, M) and values (..., M, V): their weighted sums."""
        return (weights.mT * value).sum(-2, keepdim=True) if _one_by_one(weights, value) else weights @ value

    def shares(self, weights: Tensor, value: Tensor) -> Tensor:
        """Return the part of each key in the context, (..., N, M): its weight."""
        return weights

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Score queries (..., N, D) against keys (..., M, Dk): (..., N, M).

        Raises ValueError where the last axes are not those the score was built for.
        """
        return self.score_projected(query, self.checked_keys(query, key))

    def checked_keys(self, query: Tensor, key: Tensor) -> Tensor:
        """Project keys (..., M, Dk) after a check that they and the queries have the sizes of the score.

        Raises ValueError where the last axes are others.
        """
        for role, tensor, size in (("query", query, self.query_size), ("key", key, self.key_size)):
            if tensor.dim() < 2 or tensor.shape[-1] != size:
                built = f"{type(self).__name__} was built for {role} size {size}"
                raise ValueError(f"{built}, got {role} {tuple(tensor.shape)}")
        return self.project_keys(key)


def _one_by_one(weights: Tensor, value: Tensor) -> bool:
    """Whether torch's product takes the numbers one by one: of one query, few keys and small values."""
    if torch.compiler.is_compiling() or weights.shape[-2] != 1 or not weights.is_cpu:
        return False
    return value.dtype == torch.float32 and value.shape[-2] * value.shape[-1] < SMALL


def scores_shape(query: Tensor, key: Tensor) -> tuple[int, ...]:
    """Return the shape (..., N, M) of the scores of queries (..., N, D) against keys (..., M, Dk)."""
    leading = query.shape[:-2]
    if leading != key.shape[:-2]:  # torch takes 15 µs to broadcast, in a decoder as long as the scores
        leading = torch.broadcast_shapes(leading, key.shape[:-2])  # type: ignore[no-untyped-call]
    return (*leading, query.shape[-2], key.shape[-2])


def checked_shape(query: Tensor, key: Tensor, value: Tensor, projected: Tensor) -> tuple[int, ...]:
    """Return the shape (..., N, M) of the scores; raise ValueError where the shapes do not go together."""
    parts = (query, key, value, projected)
    if min(part.dim() for part in parts) < 2:
        fault = "attend takes query (..., N, D), key (..., M, Dk), value (..., M, V)"
    elif key.shape[-2] != value.shape[-2]:
        fault = f"key has M = {key.shape[-2]} rows and value {value.shape[-2]}"
    elif projected.shape[-2] != key.shape[-2]:
        fault = f"projected {tuple(projected.shape)} is not of these keys"
    else:
        try:
            scores_shape(key, value)
            return scores_shape(query, key)
        except RuntimeError:
            fault = "leading axes do not broadcast"
    query_shape, key_shape, value_shape, _ = (tuple(part.shape) for part in parts)
    raise ValueError(f"{fault}; got query {query_shape}, key {key_shape}, value {value_shape}")


def require_one_size(name: str, query_size: int, key_size: int) -> None:
    """Raise UserError where a score that compares features one by one is given different sizes."""
    if query_size != key_size:
        raise UserError(
            f"attention {name!r} needs queries and keys of one size, got query size {query_size} "
            f"and key size {key_size}; 'additive' and 'general' take different sizes"
        )


def require_places(name: str, keys: int, places: int) -> None:
    """Raise UserError where a score by place is given more keys than it has places."""
    if keys > places:
        raise UserError(
            f"attention {name!r}: {keys} keys are more than attention.maximum_length={places}; "
            "raise it, or choose an attention by content, such as general"
        )


class DotProduct(Score):
    """A score that is a dot product, of what it makes of the query and of the projected key."""

    def as_dot(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Return q' (..., N, F) and k' (..., M, F): by default those given."""
        return query, projected

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Dot products q' · k': (..., N, M)."""
        query, key = self.as_dot(query, projected)
        return query @ key.mT


class Dot(DotProduct):
    """score(q, k) = q · k (Luong et al. 2015, section 3.1, `dot`).

    Raises UserError where the sizes differ.
    """

    def __init__(self, query_size: int, key_size: int) -> None:
        require_one_size("dot", query_size, key_size)
        super().__init__(query_size, key_size)


class ScaledDot(DotProduct):
    """score(q, k) = q · k / √D (Vaswani et al. 2017, section 3.2.1, eq. 1).

    Raises UserError where the sizes differ.
    """

    def __init__(self, query_size: int, key_size: int) -> None:
        require_one_size("scaled-dot", query_size, key_size)
        super().__init__(query_size, key_size)

    def as_dot(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """q / √D (..., N, D) and k (..., M, D)."""
        # The query is scaled, not the product: fewer numbers, and float16 overflows later.
        return query / math.sqrt(self.query_size), projected


class General(DotProduct):
    """score(q, k) = qᵀ W k, the bilinear form (Luong et al. 2015, section 3.1, `general`)."""

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__(query_size, key_size)
        self.W = Linear(key_size, query_size, bias=False)

    def project_keys(self, key: Tensor) -> Tensor:
        """W k: (..., M, Dk) -> (..., M, D)."""
        projected: Tensor = self.W(key)
        return projected


class Cosine(DotProduct):
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

    def as_dot(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Queries as long as the strength (..., N, D) and keys of length 1 (..., M, D)."""
        strength = self.strength if self.log_strength is None else self.log_strength.exp()
        return _directions(query) * strength, projected


class Location(Score):
    """score(q, key j) = (W q)_j: from the query alone (Luong et al. 2015, section 3.1, `location`).

    Where to look, not what for: the content of the keys has no part. W has a row for each of
    `maximum_length` places.

    Raises UserError when scoring more keys than that.
    """

    by_place = True

    def __init__(self, query_size: int, key_size: int, *, maximum_length: PositiveInt = 256) -> None:
        super().__init__(query_size, key_size)
        self.longest = maximum_length
        self.W = Linear(query_size, maximum_length, bias=False)

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) for the places of the keys (..., M, Dk): (..., N, M)."""
        keys = projected.shape[-2]
        require_places("location", keys, self.W.out_features)
        return F.linear(query, self.W.weight[:keys]).expand(scores_shape(query, projected))


def _directions(vectors: Tensor) -> Tensor:
    """Vectors (..., R, F) divided by their lengths; the shortest stay, whose gradient would overflow."""
    shortest = torch.finfo(vectors.dtype).tiny ** 0.5  # 1e-19 in float32, 0.008 in float16
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True, dtype=wide(vectors))
    directions: Tensor = vectors / length.masked_fill(length < shortest, 1.0)
    return directions.to(vectors.dtype)
