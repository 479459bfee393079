"""Where a query may look besides padding and causality: everywhere, a window, a block, a place it predicts.

Each is built as `Locality(query_size, **keys of its config)`; the queries it reads are those before any head.
Letters: B batch, N queries, M keys, E query size.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention.dense import Linear
from attnrun.attention.masks import block_mask, window_mask
from attnrun.attention.softmax import wide
from attnrun.ranges import NonNegativeInt, PositiveInt

Kind = Literal["self", "cross"]


class Locality(nn.Module):
    """Nothing is narrowed, and what all localities share.

    Attributes:
        kinds: the attentions it is for: "self", within one sequence, and "cross", from a target to a source.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("self", "cross")

    def __init__(self, query_size: int) -> None:
        super().__init__()
        self.query_size = query_size

    def narrow(
        self, query: Tensor, mask: Tensor | None, keys: int, offset: int = 0, abreast: bool = False
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the narrower mask, and what to multiply the weights by; both broadcast to (B, H, N, M).

        query (B, N, E), the first of which stands at place `offset`, or all where they are `abreast`; the
        first of `keys` at 0. mask is boolean, (B or 1, H or 1, N or 1, M). None stands for a mask that
        permits all, and for factors of 1.
        """
        return mask, None


class _ByPlace(Locality):
    """Keys seen by where they and the query stand."""

    def near(self, queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
        """Return which keys the queries may see, the first of which stands at `offset`: (N, M)."""
        raise NotImplementedError

    def narrow(
        self, query: Tensor, mask: Tensor | None, keys: int, offset: int = 0, abreast: bool = False
    ) -> tuple[Tensor | None, Tensor | None]:
        """The mask and the keys that are near (N, M), or (1, M) for all `abreast`; no factors."""
        near = self.near(1 if abreast else query.shape[-2], keys, offset, query.device)
        return near if mask is None else mask & near, None


class Window(_ByPlace):
    """Within a sequence, the keys at most `width` places away on either side: `window_mask`."""

    kinds: ClassVar[tuple[Kind, ...]] = ("self",)

    def __init__(self, query_size: int, *, width: NonNegativeInt = 4) -> None:
        super().__init__(query_size)
        self.width = width

    def near(self, queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
        """Which keys are in the window: (N, M)."""
        return window_mask(queries, keys, width=self.width, offset=offset, device=device)


class Block(_ByPlace):
    """Within a sequence, the keys of the query's own block of `size`: `block_mask`."""

    kinds = ("self",)

    def __init__(self, query_size: int, *, size: PositiveInt = 8) -> None:
        super().__init__(query_size)
        self.size = size

    def near(self, queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
        """Which keys are in the block: (N, M)."""
        return block_mask(queries, keys, size=self.size, offset=offset, device=device)


class Monotonic(Window):
    """In the source, the keys at most `width` from the query's own place in the target.

    Local attention with monotonic alignment (Luong et al. 2015, section 3.2, local-m): the centre of the
    window is p_t = t. A target that runs more than `width` past the source's end sees nothing there.
    """

    kinds = ("cross",)

    def __init__(self, query_size: int, *, width: NonNegativeInt = 10) -> None:
        super().__init__(query_size, width=width)


class Predictive(Locality):
    """In the source, a window about a place that the query predicts, weighed by a Gaussian.

    Local attention with predictive alignment (Luong et al. 2015, section 3.2, local-p): the centre is
    p = S · sigmoid(vᵀ tanh(W q)) with S the length of the source; of the keys at most `width` from p each
    weight is multiplied by exp(-(s - p)² / 2σ²), σ = width / 2. The products are not made to sum to 1.
    """

    kinds = ("cross",)

    def __init__(self, query_size: int, *, width: PositiveInt = 10) -> None:
        super().__init__(query_size)
        self.width = width
        self.W = Linear(query_size, query_size, bias=False)
        self.v = Linear(query_size, 1, bias=False)

    def narrow(
        self, query: Tensor, mask: Tensor | None, keys: int, offset: int = 0, abreast: bool = False
    ) -> tuple[Tensor | None, Tensor | None]:
        """The mask and the window (B, 1, N, M), and the Gaussian's factors (B, 1, N, M)."""
        places = torch.arange(keys, device=query.device)
        found = self.v(torch.tanh(self.W(query)))
        share = torch.sigmoid(found.to(wide(found)))  # (B, N, 1): a half type has no places beyond 256
        lengths = keys if mask is None else self._lengths(mask).to(share.dtype)
        centre = lengths * share
        distance = (places - centre)[:, None]  # (B, 1, N, M)
        near = distance.detach().abs() <= self.width
        factors = torch.exp(-2 * (distance / self.width).square())  # σ = width / 2
        return near if mask is None else mask & near, factors.to(query.dtype)

    def _lengths(self, mask: Tensor) -> Tensor:
        """One more than the place of the last key any head and query may see: (B or 1, 1, 1)."""
        seen = mask.flatten(1, -2).any(1)  # (B or 1, M)
        ends = torch.arange(1, seen.shape[-1] + 1, device=mask.device)
        last = F.pad(seen * ends, (1, 0)).amax(-1)  # of no keys it is 0
        return last[:, None, None]
