"""Masks: who may attend to what. True = may attend, everywhere in the project.

Letters: B batch, N queries, M keys.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def lengths_mask(lengths: Tensor, keys: int) -> Tensor:
    """Let each row attend to its first `lengths` keys.

    Lengths (B,) hold for all queries of a sequence and give a mask (B, 1, M); lengths (B, N) give each query
    its own and make a mask (B, N, M). A length of 0 permits nothing.

    Raises ValueError where `lengths` is not an integer tensor of one or two axes, or leaves 0..M.
    """
    if not _counts(lengths):
        raise ValueError(f"lengths must be integers, got {_described(lengths)}")
    if lengths.dim() not in (1, 2):
        raise ValueError(f"lengths must be (B,) or (B, N), got {_described(lengths)}")
    if lengths.numel() and not 0 <= int(lengths.min()) <= int(lengths.max()) <= keys:
        found = f"{int(lengths.min())}..{int(lengths.max())}"
        raise ValueError(f"lengths must lie in 0..{keys}, the number of keys M, got {found}")
    mask = torch.arange(keys, device=lengths.device) < lengths.unsqueeze(-1)
    return mask.unsqueeze(1) if lengths.dim() == 1 else mask


def causal_mask(queries: int, keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """Let no query see a key later than itself: a mask (N, M), M = N where `keys` is not given.

    With M unlike N the last query stands at the last key, as in decoding with the past kept: query i attends
    to keys j <= i + M - N.
    """
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def as_mask(mask: Tensor | None, shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
    """Return a boolean mask with the axes of scores of shape (..., N, M), broadcastable to them.

    `mask` is one of
    - None: everything is permitted (the one case in which `device` is used),
    - a boolean tensor of any shape that broadcasts to `shape`,
    - integer valid lengths, see `lengths_mask`: (B,) or (B, N), B the first axis of the scores.

    Raises ValueError where it is anything else, or fits the scores only by enlarging them.
    """
    shape = tuple(shape)
    if mask is None:
        return torch.ones((), dtype=torch.bool, device=device).expand(shape)
    if mask.dtype != torch.bool:
        mask = _mask_of_lengths(mask, shape)
    if not _fits(tuple(mask.shape), shape):
        raise ValueError(f"mask {tuple(mask.shape)} does not broadcast to scores (..., N, M) = {shape}")
    return mask[(None,) * (len(shape) - mask.dim())]


def blank(rows: Tensor, used: Tensor) -> Tensor:
    """Put zeros in the rows (..., R, F) that are not `used` (..., R), so that no NaN in them can spread.

    A weight of 0 is no protection: 0 · NaN is NaN, in the context as in the gradients.
    """
    return torch.where(used.unsqueeze(-1), rows, rows.new_zeros(()))


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
