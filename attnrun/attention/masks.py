"""Masks: who may attend to what. True = may attend, everywhere in the project.

Letters: B batch, N queries, M keys.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attnrun.ranges import NonNegativeInt, PositiveInt


def lengths_mask(lengths: Tensor, keys: int) -> Tensor:
    """Let each row attend to its first `lengths` keys.

    Lengths (B,) hold for all queries of a sequence and give a mask (B, 1, M); lengths (B, N) give each query
    its own and make a mask (B, N, M). A length of 0 permits nothing.

    Raises ValueError where `lengths` is not an integer tensor of one or two axes, or leaves 0..M.

    >>> lengths_mask(torch.tensor([2, 0]), keys=3)
    tensor([[[ True,  True, False]],
    <BLANKLINE>
            [[False, False, False]]])
    """
    if not _counts(lengths):
        raise ValueError(f"lengths must be integers, got {_described(lengths)}")
    if lengths.dim() not in (1, 2):
        raise ValueError(f"lengths must be (B,) or (B, N), got {_described(lengths)}")
    if not torch.compiler.is_compiling():  # what is traced has shapes, and no values yet
        _check_lengths(lengths, keys)
    mask = torch.arange(keys, device=lengths.device) < lengths.unsqueeze(-1)
    return mask.unsqueeze(1) if lengths.dim() == 1 else mask


def _check_lengths(lengths: Tensor, keys: int) -> None:
    if lengths.numel() and not 0 <= int(lengths.min()) <= int(lengths.max()) <= keys:
        found = f"{int(lengths.min())}..{int(lengths.max())}"
        raise ValueError(f"lengths must lie in 0..{keys}, the number of keys M, got {found}")


def causal_mask(queries: int, keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """Let no query see a key later than itself: a mask (N, M), M = N where `keys` is not given.

    With M unlike N the last query stands at the last key, as in decoding with the past kept: query i attends
    to keys j <= i + M - N.

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def window_mask(
    queries: int,
    keys: int | None = None,
    *,
    width: NonNegativeInt,
    offset: int | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Let each query see the keys within `width` places on either side: |i - j| <= width, a mask (N, M).

    M = N where `keys` is not given. The first query stands at place `offset`; where that is not given, the
    last one at the last key, as in `causal_mask`. The sliding window of Beltagy et al. 2020, section 3.1,
    whose w counts both sides: w = 2 · width. For the past alone: `causal_mask(n) & window_mask(n, width=w)`.

    Raises ValueError where `width` is negative.

    >>> window_mask(3, width=1)
    tensor([[ True,  True, False],
            [ True,  True,  True],
            [False,  True,  True]])
    """
    if width < 0:
        raise ValueError(f"the width of a window must be 0 or more, got {width}")
    places, keys_at = _places(queries, keys, offset, device)
    return (places - keys_at).abs() <= width


def block_mask(
    queries: int,
    keys: int | None = None,
    *,
    size: PositiveInt,
    offset: int | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Let each query see the keys of its own block of `size`, counted from the first key: a mask (N, M).

    M = N where `keys` is not given. The first query stands at place `offset`; where that is not given, the
    last one at the last key, as in `causal_mask`. The last block may be shorter. The local attention of Liu
    et al. 2018, section 4.2.4.

    Raises ValueError where `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"the size of a block must be positive, got {size}")
    places, keys_at = _places(queries, keys, offset, device)
    return places.div(size, rounding_mode="floor") == keys_at // size


def as_mask(mask: Tensor | None, shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
    """Return a boolean mask with the axes of scores of shape (..., N, M), broadcastable to them.

    `mask` is one of
    - None: everything is permitted (the one case in which `device` is used),
    - a boolean tensor of any shape that broadcasts to `shape`,
    - integer valid lengths, see `lengths_mask`: (B,) or (B, N), B the first axis of the scores.

    Raises ValueError where it is anything else, or fits the scores only by enlarging them.

    >>> as_mask(torch.tensor([3, 1]), (2, 8, 5, 3)).shape  # two sequences, eight heads
    torch.Size([2, 1, 1, 3])
    """
    shape = tuple(shape)
    if mask is None:
        return torch.ones((), dtype=torch.bool, device=device).expand(shape)
    if mask.dtype != torch.bool:
        mask = _mask_of_lengths(mask, shape)
    if not _fits(tuple(mask.shape), shape):
        raise ValueError(f"mask {tuple(mask.shape)} does not broadcast to scores (..., N, M) = {shape}")
    return mask[(None,) * (len(shape) - mask.dim())]


def permitted(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return which scores (..., N, M) take part: boolean, of their shape. A score of -inf counts as masked.

    `mask` is anything `as_mask` takes. Raises ValueError where it does not fit the scores.
    """
    finite = scores != -torch.inf
    return finite if mask is None else finite & as_mask(mask, scores.shape)


def check_mask(mask: Tensor, *, causal: bool = False) -> list[str]:
    """Return what looks wrong with a mask, one line each; an empty list where it looks right.

    `mask` is anything meant for `as_mask`, with the axes (..., N, M). `causal` says that no query is meant to
    see a later key. Named are masks of other types, masks that hide exactly the past, causal masks that show
    the future or are not square, padding that is inverted, rows that see nothing.

    For looking at a first batch, not at every step: on a GPU each question waits for its answer. What is
    legal is for `as_mask` to say; a mask named here may be meant. Padding is taken to stand at the end, as
    `lengths_mask` puts it, and an inverted one is told by the batch: one row alone could be either.

    >>> check_mask(~causal_mask(4), causal=True)[0]
    'the mask hides exactly the past: no query sees an earlier key; it is inverted, take causal_mask(4)'
    """
    found, mask = _read(mask)
    if not mask.numel():
        return found
    if not mask.any():
        return [*found, "the mask permits nothing at all; is it inverted? True = may attend"]
    mask = torch.atleast_2d(mask)  # type: ignore[no-untyped-call]
    seen = mask.reshape(-1, *mask.shape[-2:]).any(0)  # (N, M): by a head or sentence at least
    return [*found, *_order_complaints(seen, causal), *_padding_complaints(mask), *_row_complaints(mask)]


def blank(rows: Tensor, used: Tensor) -> Tensor:
    """Put zeros in the rows (..., R, F) that are not `used` (..., R), so that no NaN in them can spread.

    A weight of 0 is no protection: 0 · NaN is NaN, in the context as in the gradients.
    """
    if used.is_cpu and not torch.compiler.is_compiling() and bool(used.all()):
        return rows  # a GPU would have to be waited for
    return torch.where(used.unsqueeze(-1), rows, rows.new_zeros(()))


def _places(
    queries: int, keys: int | None, offset: int | None, device: torch.device | str | None
) -> tuple[Tensor, Tensor]:
    """Return the places of the queries (N, 1) and of the keys (M,)."""
    keys = queries if keys is None else keys
    first = keys - queries if offset is None else offset
    places = torch.arange(first, first + queries, device=device)
    return places.unsqueeze(-1), torch.arange(keys, device=device)


def _read(mask: Tensor) -> tuple[list[str], Tensor]:
    """Return a complaint about the type, if any, and the mask as the boolean it seems to be meant as."""
    if mask.dtype == torch.bool:
        return [], mask
    binary = bool(((mask == 0) | (mask == 1)).all())
    if _counts(mask) and not (binary and mask.dim() > 1 and mask.shape[-1] > 1):
        return [], mask.reshape(-1, 1, 1) > 0  # of valid lengths only a 0 is worth a word
    told = f"the mask is {mask.dtype}, a mask is boolean (True = may attend)"
    if binary:
        return [f"{told}; where 1 = may attend take mask.bool(), where 0 does take mask == 0"], mask != 0
    return [f"{told}; of one that is added to scores take mask == 0"], mask == 0


def _order_complaints(seen: Tensor, causal: bool) -> list[str]:
    """Say what is wrong with who sees earlier and later keys: `seen` (N, M)."""
    queries, keys = seen.shape
    if queries != keys and not causal:
        return []
    if queries > keys:
        return [f"the mask is not square: {queries} causal queries need as many keys or more, it has {keys}"]
    here = keys - queries  # the last query stands at the last key
    right = f"causal_mask({queries}, {keys})" if here else f"causal_mask({queries})"
    later = seen.triu(here + 1)
    all_later = int(later.sum()) == queries * (queries - 1) // 2
    if not seen.tril(here - 1).any() and later.any() and (causal or all_later):
        past = "exactly the past" if all_later else "the past"
        return [f"the mask hides {past}: no query sees an earlier key; it is inverted, take {right}"]
    return _causal_complaints(later, seen.diagonal(here), right) if causal else []


def _causal_complaints(later: Tensor, own: Tensor, right: str) -> list[str]:
    found = []
    if later.any():
        query, key = later.nonzero()[0].tolist()
        found.append(f"query {query} sees key {key}, which comes later; take mask & {right}")
    if not own.any():
        found.append(f"no query sees the key of its own place, where {right} puts it")
    return found


def _padding_complaints(mask: Tensor) -> list[str]:
    """Say where sentences of unlike length seem to begin with padding, every one of them: (..., N, M)."""
    if (mask != mask[..., :1, :]).any():
        return []  # padding is the same for all queries
    rows = mask[..., 0, :].reshape(-1, mask.shape[-1])
    at_the_end = not (rows[:, :-1] & ~rows[:, 1:]).any() and not rows[:, 0].any()
    if at_the_end and (rows != rows[0]).any():
        return ["no query sees the first key, rows of unlike length see the last: is the padding inverted?"]
    return []


def _row_complaints(mask: Tensor) -> list[str]:
    blind = ~mask.any(-1)
    if not blind.any():
        return []
    first = ", ".join(str(place) for place in blind.nonzero()[0].tolist())
    count = f"{int(blind.sum())} of {blind.numel()} rows"
    return [f"{count} see nothing and get a zero context, the first at [{first}]; is the mask inverted?"]


def _mask_of_lengths(lengths: Tensor, shape: tuple[int, ...]) -> Tensor:
    if not _counts(lengths):
        raise ValueError(
            f"a mask is boolean (True = may attend) or integer valid lengths, got {_described(lengths)}"
        )
    if len(shape) < 3:
        raise ValueError(f"valid lengths need scores (B, ..., N, M), got scores {shape}")
    mask = lengths_mask(lengths, shape[-1])  # (B, 1, M) or (B, N, M)
    between = (1,) * (len(shape) - 3)  # axes such as heads, which share their sequence's lengths
    return mask.reshape(mask.shape[:1] + between + mask.shape[1:])


def _counts(tensor: Tensor) -> bool:
    # uint8 was torch's boolean before there was one: a 0/1 mask of that type must not pass for lengths
    real = not tensor.is_floating_point() and not tensor.is_complex()
    return real and tensor.dtype not in (torch.bool, torch.uint8)


def _fits(mask: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if len(mask) > len(shape):
        return False
    return all(m in (1, s) for m, s in zip(reversed(mask), reversed(shape), strict=False))


def _described(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
