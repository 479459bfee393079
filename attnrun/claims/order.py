"""Statements about masks, distributions and order."""

import torch

from attnrun.attention import (
    Additive,
    MultiHead,
    Position,
    ScaledDot,
    Sinusoidal,
    attend,
    causal_mask,
    check_mask,
    lengths_mask,
    masked_softmax,
)
from attnrun.claims.trial import Trial
from attnrun.ranges import PositiveInt

_D2L_FILL = -1e6
_PRINTED_FILL = -1e9


def distribution(seed: int, *, keys: PositiveInt, size: PositiveInt) -> Trial:
    """Weights of real and of padded positions; and two common fills on a row of padding alone.

    `sum` and `least` are of permitted weights, `padded` is the largest weight of padding. `empty_…` is what a
    row without a permitted key sums to: by this package, by -1e6 in the scores; 1 is attention to padding.
    `infinite_is_nan` is 1 where -inf in the scores gives NaN.
    """
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(keys, keys, generator=generator, dtype=torch.float64) * size
    mask = lengths_mask(torch.arange(1, keys + 1)[None], keys)[0]
    weights = masked_softmax(scores, mask)
    nothing = torch.zeros(keys, dtype=torch.bool)
    row = scores[0]
    filled = {fill: row.masked_fill(~nothing, fill).softmax(-1) for fill in (_D2L_FILL, -torch.inf)}
    figures = {
        "sum_error": float((weights.sum(-1) - 1).abs().max()),
        "least": float(weights.min()),
        "padded": float(weights[~mask].abs().max()),
        "empty_here": float(masked_softmax(row, nothing).sum()),
        "empty_million": float(filled[_D2L_FILL].sum()),
        "infinite_is_nan": float(filled[-torch.inf].isnan().any()),
    }
    return Trial(figures)


def printed_mask(seed: int, *, size: PositiveInt) -> Trial:
    """The causal mask as widely printed, `triu(ones, diagonal=1)` with `mask == 0` forbidden, against ours.

    The printed one with the fill that is printed, -1e9 in the scores, ours with zero weight. `future_…` is
    the weight that a step gives to later ones, `past_…` to earlier ones and itself, each in the mean over
    the steps that have any; `last_…` is what the last step, to which the printed mask permits nothing, gives
    to itself and earlier ones in all; `told_…` is 1 where `check_mask` says that something is wrong.
    """
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    printed = torch.triu(torch.ones(size, size), diagonal=1) != 0
    right = causal_mask(size, size)
    later = torch.ones(size, size).triu(1).bool()
    figures: dict[str, float] = {}
    weighed = {
        "printed": scores.masked_fill(~printed, _PRINTED_FILL).softmax(-1),
        "right": masked_softmax(scores, right),
    }
    for name, mask in {"printed": printed, "right": right}.items():
        weights = weighed[name]
        figures[f"future_{name}"] = float((weights * later).sum(-1)[:-1].mean())
        figures[f"past_{name}"] = float((weights * ~later).sum(-1).mean())
        figures[f"last_{name}"] = float(weights[-1].sum())
        figures[f"told_{name}"] = float(bool(check_mask(mask)))
    return Trial(figures)


@torch.no_grad()
def equivariance(seed: int, *, length: PositiveInt, size: PositiveInt, heads: PositiveInt) -> Trial:
    """Self-attention of a shuffled sequence against the shuffled output: the largest difference.

    Of `without` positions and `with` sinusoidal ones, in float64.
    """
    torch.manual_seed(seed)
    block = MultiHead(size, size, size, size, heads, ScaledDot).double()
    x = torch.randn(1, length, size, dtype=torch.float64)
    order = torch.randperm(length)
    figures = {}
    for name, position in {"without": Position(size, heads), "with": Sinusoidal(size, heads)}.items():
        plain, shuffled = (block(one, one, one)[0] for one in map(position.embed, (x, x[:, order])))
        figures[name] = float((shuffled - plain[:, order]).abs().max())
    return Trial(figures)


@torch.no_grad()
def worked_scores(seed: int, *, keys: PositiveInt, lengths: tuple[PositiveInt, PositiveInt]) -> Trial:
    """The printed example: equal keys of size 2, values 0, 1, 2, … in rows of four, two valid lengths.

    `…_first` and `…_second` are the first number of each context; `error_…` is the largest difference from
    the mean of the permitted values.
    """
    torch.manual_seed(seed)
    value = torch.arange(keys * 4.0).reshape(1, keys, 4).repeat(2, 1, 1)
    expected = torch.stack([value[0, :length].mean(0) for length in lengths])
    wide, narrow = torch.randn(2, 1, 20), torch.randn(2, 1, 2)
    figures: dict[str, float] = {}
    for name, (score, query) in {
        "additive": (Additive(20, 2), wide),
        "dot": (ScaledDot(2, 2), narrow),
    }.items():
        context = attend(score, query, torch.ones(2, keys, 2), value, torch.tensor(lengths))[0][:, 0]
        figures[f"{name}_first"], figures[f"{name}_second"] = context[:, 0].tolist()
        figures[f"error_{name}"] = float((context - expected).abs().max())
    return Trial(figures)
