"""Kernels as scores: log K(u), u = |q - k| / width, so that the softmax gives K(u) / Σ K(u).

This is the Nadaraya-Watson estimator (Nadaraya 1964; Watson 1964) as attention. Constant factors of K cancel
and are left out. Outside a compact support K is 0 and the score -inf. Distances are taken from differences
q - k (..., N, M, D), which stay exact where inputs lie far from the origin.
"""

import math
from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from attnrun.attention.scores import LARGE, Score, require_one_size, scores_shape
from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat

CANCELS = 1.5e-5  # rounding of squared distances in widths; contexts then err by 5e-6 of the values' range
BLOCK = 2**21  # bytes of the differences of a block


class Kernel(Score):
    """A radial kernel of the given width, in the units of the features; w = 1 / width.

    Raises UserError where query and key sizes differ, ValueError where the width is not positive.
    """

    w: float | nn.Parameter

    def __init__(self, query_size: int, key_size: int, *, width: PositiveFloat = 1.0) -> None:
        name = type(self).__name__.lower()
        require_one_size(name, query_size, key_size)
        if not width > 0:
            raise ValueError(f"the width of a {name} kernel must be positive, got {width}")
        super().__init__(query_size, key_size)
        self.w = 1 / width

    @abstractmethod
    def log_kernel(self, squared: Tensor) -> Tensor:
        """Return log K as a function of u², (..., N, M)."""

    def horizon(self, nearest: float, keys: int, dtype: torch.dtype) -> float:
        """Return the distance from which on keys weigh nothing that `dtype` could tell.

        Of `keys` keys the nearest is `nearest` away, in the units of the features.
        """
        return self.reach

    def score_projected(self, query: Tensor, projected: Tensor) -> Tensor:
        """Score queries (..., N, D) against keys (..., M, D): (..., N, M).

        Of large differences (..., N, M, D) only those of some queries are held at once.
        """
        size = math.prod(scores_shape(query, projected)) * self.key_size * query.element_size()
        if size <= LARGE:
            return self._score_all(query, projected)
        blocks = torch.split(query, max(1, query.shape[-2] * BLOCK // size), -2)
        # on the way back the differences of a block are made again
        parts = [checkpoint(self._score_all, block, projected, use_reentrant=False) for block in blocks]
        return torch.cat(parts, -2)

    def _score_all(self, query: Tensor, projected: Tensor) -> Tensor:
        difference = query.unsqueeze(-2) - projected.unsqueeze(-3)  # (..., N, M, D)
        return self.log_kernel((difference * self.w).square().sum(-1))


class Gaussian(Kernel):
    """score(q, k) = -|(q - k) w|² / 2 with w = 1 / width (Dive into Deep Learning, zh, eq. 10.2.7).

    `learned` makes w a parameter, which starts at 1 / width or, with `initial` "uniform", is drawn from
    U(0, 1) as the textbook does.

    Raises UserError where a starting value is chosen for a width that is not learned.

    Kernel regression, an average of the measurements (..., M, 1) of what lies near:

    >>> from attnrun.attention import attend
    >>> inputs, measured = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[2.0], [4.0], [70.0]])
    >>> attend(Gaussian(1, 1), torch.tensor([[0.5]]), inputs, measured)[0]
    tensor([[3.]])
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        *,
        width: PositiveFloat = 1.0,
        learned: bool = False,
        initial: Literal["width", "uniform"] = "width",
    ) -> None:
        super().__init__(query_size, key_size, width=width)
        if initial == "uniform" and not learned:
            raise UserError("attention 'gaussian': initial=uniform needs a learned width; set learned=true")
        if learned:
            start = torch.rand(()) if initial == "uniform" else torch.tensor(1 / width)
            del self.w  # a number until here, from now on a parameter
            self.w = nn.Parameter(start)

    def log_kernel(self, squared: Tensor) -> Tensor:
        """-u² / 2, (..., N, M)."""
        return -squared / 2

    def horizon(self, nearest: float, keys: int, dtype: torch.dtype) -> float:
        """Beyond it all keys together weigh less than rounding does beside the nearest one."""
        w = abs(float(self.w.detach() if isinstance(self.w, Tensor) else self.w))
        negligible = math.log(max(1, keys) / torch.finfo(dtype).eps)  # keys · exp(-negligible) = eps
        return math.hypot(nearest, math.sqrt(2 * negligible) / w) if w > 0 else math.inf

    def as_dot(self, query: Tensor, projected: Tensor) -> tuple[Tensor, Tensor] | None:
        """[q w, 1] (..., N, D + 1) and [k w, -|k w|² / 2] (..., M, D + 1), centred.

        What they miss, -|q w|² / 2, is a constant for the query. None where they lie so many widths from
        their centre that too much would cancel, as it would in half types.
        """
        if torch.is_autocast_enabled(query.device.type):
            return None
        centre = projected.detach().sum(-2, keepdim=True) / max(1, projected.shape[-2])
        query, key = (query - centre) * self.w, (projected - centre) * self.w
        if not _farthest(query, key) * torch.finfo(key.dtype).eps <= CANCELS:  # so put, NaN is too far
            return None
        height = key.square().sum(-1, keepdim=True) / -2
        return torch.cat([query, torch.ones_like(query[..., :1])], -1), torch.cat([key, height], -1)


def _farthest(query: Tensor, key: Tensor) -> float:
    """The greatest squared length of any vector, 0 where there are none."""
    lengths = [part.detach().square().sum(-1).flatten() for part in (query, key)]
    return torch.cat([*lengths, key.new_zeros(1)]).amax().item()


class Compact(Kernel):
    """A kernel that is 0 from u = 1 on."""

    def __init__(self, query_size: int, key_size: int, *, width: PositiveFloat = 1.0) -> None:
        super().__init__(query_size, key_size, width=width)
        self.reach = width

    def log_kernel(self, squared: Tensor) -> Tensor:
        """Log K (..., N, M) inside the support, -inf outside."""
        inside = squared.sqrt() < 1  # the largest number below 1 has the root 1, and log (1 - 1) is no score
        # Choose before the logarithm: its gradient outside is NaN, and where() alone would let that pass.
        return torch.where(inside, self.log_inside(torch.where(inside, squared, 0.0)), -torch.inf)

    @abstractmethod
    def log_inside(self, squared: Tensor) -> Tensor:
        """Return log K as a function of u² < 1, (..., N, M)."""


class Boxcar(Compact):
    """K(u) = 1 for u < 1: the average of the keys within one width."""

    def log_inside(self, squared: Tensor) -> Tensor:
        """0 (..., N, M): it has no gradient, since small moves of a key change nothing."""
        return torch.zeros_like(squared)


class Triangular(Compact):
    """K(u) = 1 - u for u < 1 (the textbook lists it under the name of Epanechikov)."""

    def log_inside(self, squared: Tensor) -> Tensor:
        """Log (1 - u) of u² (..., N, M), with a gradient of zero on the tip at u = 0."""
        tip = squared == 0
        distance = torch.where(tip, 1.0, squared).sqrt()  # the root's gradient at 0 is infinite
        return torch.log1p(-torch.where(tip, 0.0, distance))


class Epanechnikov(Compact):
    """K(u) = 1 - u² for u < 1, of least mean squared error (Epanechnikov 1969)."""

    def log_inside(self, squared: Tensor) -> Tensor:
        """Log (1 - u²), (..., N, M)."""
        return torch.log1p(-squared)
