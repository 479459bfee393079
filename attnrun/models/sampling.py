"""Sampling: outputs drawn from the model's distribution, or from the likeliest part of it.

Legend: B batch, R rows, V target vocabulary, T greatest output length.
"""

import hashlib

import torch
from torch import Tensor

from attnrun.models.decoding import (
    Decoded,
    Hypothesis,
    LengthFactor,
    LengthOffset,
    Task,
    exact,
    follow,
    searched,
)
from attnrun.models.seq2seq import Seq2Seq
from attnrun.ranges import Fraction, PositiveFloat, PositiveInt, Seed

_COLDEST = 1e-30  # what is smaller counts as this, which float32 can still divide by


def sample(
    model: Seq2Seq,
    source: Tensor,
    source_lengths: Tensor,
    bos: int,
    eos: int,
    need_weights: bool = False,
    count: int = 1,
    *,
    temperature: PositiveFloat = 1.0,
    top_k: PositiveInt | None = None,
    top_p: Fraction = 0.95,
    seed: Seed = 0,
    length_factor: LengthFactor = 2.0,
    length_offset: LengthOffset = 10,
) -> Decoded:
    """Draw each token at random; `count` outputs of each source, in the order drawn.

    Logits are divided by `temperature`: near 0 the likeliest token is certain. Of the likeliest tokens the
    first `top_k` alone are drawn (Fan, Lewis and Dauphin 2018, section 5.4), None for all, and of these the
    fewest whose probabilities add up to `top_p` at least (Holtzman et al. 2020, section 3.1), 1 for all.
    Log-probabilities are the model's own, before all that.

    What is drawn is a function of `seed` and the source's tokens: it does not depend on the batch, and equal
    sources get equal outputs. The other arguments and limits are those of `searched`.
    """

    def find(task: Task) -> list[list[Hypothesis]]:
        sentences = len(task.lengths)
        draws = _draws(task, seed, count).flatten(0, 1)  # (B · count, T)
        repeated = torch.arange(sentences, device=source.device).repeat_interleave(count)

        def choose(log_probabilities: Tensor, rows: Tensor, place: int) -> Tensor:
            return draw(log_probabilities, draws[rows, place], top_k, top_p, temperature)

        found = follow(task.select(repeated), choose)
        return [found[start : start + count] for start in range(0, len(found), count)]

    limits = length_factor, length_offset
    return searched(find, model, source, source_lengths, (bos, eos), *limits, need_weights)


def draw(
    logits: Tensor,
    uniform: Tensor,
    top_k: int | None = None,
    top_p: float = 1.0,
    temperature: float = 1.0,
) -> Tensor:
    """Return the token (R,) that `uniform` (R,), numbers from 0 to 1, picks by logits (R, V), as `sample`."""
    logits, order = logits.topk(min(top_k or logits.shape[1], logits.shape[1]), dim=1)  # likeliest first
    below = (logits - logits[:, :1]).to(exact(logits.device))  # of the likeliest 0, at any temperature
    probabilities = (below / max(temperature, _COLDEST)).softmax(1)
    before = probabilities.cumsum(1) - probabilities
    kept = probabilities.masked_fill(before >= max(top_p, _COLDEST), 0.0)  # the likeliest always stays
    reached = kept.cumsum(1)
    picked = (reached <= uniform[:, None] * reached[:, -1:]).sum(1)
    last = ((kept > 0).sum(1) - 1).clamp(min=0)  # where rounding goes beyond it; 0 where all are NaN
    return order.gather(1, torch.minimum(picked, last)[:, None])[:, 0]


def _draws(task: Task, seed: int, count: int) -> Tensor:
    """Numbers from 0 to 1 of each sentence's own generator: (B, count, T)."""
    longest = int(task.limits.max())
    rows = zip(task.source.tolist(), task.lengths, task.limits.tolist(), strict=True)
    draws = torch.zeros(len(task.lengths), count, longest, dtype=torch.float64)
    for place, (tokens, length, limit) in enumerate(rows):
        key = hashlib.sha256(repr((seed, tokens[:length])).encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "big", signed=True))
        draws[place, :, :limit] = torch.rand(count, limit, generator=generator, dtype=torch.float64)
    return draws.to(task.source.device, exact(task.source.device))
