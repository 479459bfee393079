"""Position schemes: how attention, which sees its keys as a set, learns of their order.

Each is built as `Scheme(size, heads, **keys of its config)` and acts through the hooks of `Position`.
Letters: B batch, H heads, N queries, M keys, E = H · D the size of the model, D the size of a head.
"""

import math

import torch
from torch import Tensor, nn

from attnrun.attention.softmax import wide
from attnrun.errors import UserError
from attnrun.ranges import PositiveFloat, PositiveInt


class Position(nn.Module):
    """No positions, and what all schemes share: three hooks, of which each scheme replaces one.

    `size` is E, `heads` is H. A place counts tokens from the start of the sequence; with `offset` a call may
    begin at a later place, as a decoder does that reads one token at a time.

    Attributes:
        longest: the greatest number of places it can mark.
    """

    longest: float = math.inf

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.size = size
        self.heads = heads

    def embed(self, x: Tensor, offset: int = 0) -> Tensor:
        """Mark embeddings x (B, N, E) with their places; x[:, 0] stands at `offset`."""
        return x

    def rotate(self, x: Tensor, offset: int = 0) -> Tensor:
        """Mark queries or keys x (B, H, N, D) with their places; x[:, :, 0] stands at `offset`."""
        return x

    def bias(self, queries: int, keys: int, offset: int = 0) -> Tensor | None:
        """Return what is added to the scores, (H, N, M), or None for nothing.

        The first query stands at `offset`, the first key at 0.
        """
        return None


class Sinusoidal(Position):
    """Add sin(p / 10000^(2i/E)) to feature 2i of place p, its cosine to feature 2i + 1.

    After Vaswani et al. 2017, section 3.5. An odd E ends with a sine.
    """

    def embed(self, x: Tensor, offset: int = 0) -> Tensor:
        """Add the waves to x (B, N, E)."""
        angles = _angles(x, offset, self.size, 10000.0)  # (N, E/2)
        waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)  # (N, E), sines and cosines in turn
        return x + waves[:, : self.size].to(x.dtype)


class LearnedPositions(Position):
    """Add a learned vector a place (Gehring et al. 2017, section 3.1; drawn as in their section 3.5).

    Raises UserError in `embed` at a place that `maximum_length` leaves without a vector.
    """

    def __init__(self, size: int, heads: int, *, maximum_length: PositiveInt = 512) -> None:
        super().__init__(size, heads)
        self.longest = maximum_length
        self.table = nn.Parameter(torch.empty(maximum_length, size))
        nn.init.normal_(self.table, std=0.1)

    def embed(self, x: Tensor, offset: int = 0) -> Tensor:
        """Add the vectors of their places to x (B, N, E)."""
        end, places = offset + x.shape[-2], len(self.table)
        if end > places:
            raise UserError(
                f"position 'learned': {end} tokens are more than position.maximum_length={places}; raise it, "
                "or choose position=sinusoidal"
            )
        return x + self.table[offset:end].to(x.dtype)


class Rotary(Position):
    """Turn each pair of features by an angle that grows with the place (Su et al. 2021, equations 15, 34).

    Features 2i and 2i + 1 turn by p · base^(-2i/D). The product of a query and a key then depends on their
    distance alone.

    Raises UserError where the size of a head is odd.

    >>> rotary, one = Rotary(size=4, heads=1), torch.ones(1, 1, 1, 4)
    >>> near = (rotary.rotate(one, offset=3) * rotary.rotate(one, offset=1)).sum()
    >>> torch.isclose(near, (rotary.rotate(one, offset=9) * rotary.rotate(one, offset=7)).sum()).item()
    True
    """

    def __init__(self, size: int, heads: int, *, base: PositiveFloat = 10000.0) -> None:
        super().__init__(size, heads)
        if size % (2 * heads):
            raise UserError(
                f"position 'rotary' needs heads of an even size, got size {size} in {heads} heads; "
                f"choose a size divisible by {2 * heads}"
            )
        self.base = base

    def rotate(self, x: Tensor, offset: int = 0) -> Tensor:
        """Turn x (B, H, N, D); a gradient is turned back."""
        angles = _angles(x, offset, self.size // self.heads, self.base)  # (N, D/2)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        even, odd = x[..., ::2], x[..., 1::2]  # (B, H, N, D/2)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Alibi(Position):
    """Add -slope · |i - j| to the score of query i and key j, a slope for each head (Press et al. 2022).

    Section 3: with H a power of two the slopes are 2^(-8h/H), h = 1 … H; other H take those of the next lower
    power of two, then every second one of the next higher, as in the authors' code. Their models look back
    only; the distance counts the same ahead here.
    """

    exponents: Tensor

    def __init__(self, size: int, heads: int) -> None:
        super().__init__(size, heads)
        # slope = 2^-exponent; exponents are short binary fractions, exact in every type a module may take
        self.register_buffer("exponents", torch.tensor(_alibi_exponents(heads)), persistent=False)

    def bias(self, queries: int, keys: int, offset: int = 0) -> Tensor:
        """The penalties of distance (H, N, M), at most 0, at least float32."""
        exponents = self.exponents.to(wide(self.exponents))
        distance = _steps(queries, keys, offset, exponents.device).abs()  # (N, M)
        return -torch.exp2(-exponents)[:, None, None] * distance


class RelativeBias(Position):
    """Add a learned number for each head and range of distances j - i (Raffel et al. 2020, section 2.1).

    Half of the `buckets` serve keys behind the query and at it, half those ahead. Of each half the first half
    holds one distance each, the others ranges that grow by a constant factor up to `maximum_distance`; what
    lies farther shares the last one. The numbers are drawn as in the authors' code, with variance 1 / E.

    Raises UserError where `buckets` is not a multiple of 4, or `maximum_distance` not above a quarter of it.
    """

    starts: Tensor

    def __init__(
        self, size: int, heads: int, *, buckets: PositiveInt = 32, maximum_distance: PositiveInt = 128
    ) -> None:
        super().__init__(size, heads)
        if buckets % 4 or maximum_distance <= buckets // 4:
            raise UserError(
                "position 'relative' needs position.buckets in fours and a position.maximum_distance above "
                f"a quarter of them, got {buckets} and {maximum_distance}; 32 and 128 would do"
            )
        self.table = nn.Parameter(torch.empty(heads, buckets))
        nn.init.normal_(self.table, std=size**-0.5)
        starts = torch.tensor(_bucket_starts(buckets // 2, maximum_distance))
        self.register_buffer("starts", starts, persistent=False)

    def bias(self, queries: int, keys: int, offset: int = 0) -> Tensor:
        """The learned numbers of all distances (H, N, M)."""
        steps = _steps(queries, keys, offset, self.table.device)  # (N, M)
        bucket = torch.bucketize(steps.abs(), self.starts, right=True)
        ahead = (steps > 0) * (self.table.shape[1] // 2)
        return self.table[:, bucket + ahead]


def _angles(x: Tensor, offset: int, size: int, base: float) -> Tensor:
    """Place times frequency, (N, ⌈size/2⌉), for x (..., N, F); half types would round places, so float32."""
    places = torch.arange(offset, offset + x.shape[-2], device=x.device, dtype=wide(x))
    exponents = torch.arange(0, size, 2, device=x.device, dtype=wide(x)) / size
    return places[:, None] * base**-exponents


def _steps(queries: int, keys: int, offset: int, device: torch.device) -> Tensor:
    """From each query to each key, j - i: (N, M)."""
    places = torch.arange(offset, offset + queries, device=device)
    return torch.arange(keys, device=device) - places[:, None]


def _alibi_exponents(heads: int) -> list[float]:
    lower = 1 << (heads.bit_length() - 1)  # the power of two that is at most `heads`
    between = range(1, 2 * (heads - lower), 2)
    return [8 * h / lower for h in range(1, lower + 1)] + [4 * h / lower for h in between]


def _bucket_starts(buckets: int, farthest: int) -> list[int]:
    """The first distance of each bucket but bucket 0."""
    single = buckets // 2
    growth = farthest / single
    ranges = [single * growth ** (k / (buckets - single)) for k in range(buckets - single)]
    return [*range(1, single), *(math.ceil(round(start, 9)) for start in ranges)]  # 16.000000000000004 is 16
