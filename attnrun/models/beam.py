"""Beam search: the likeliest sentences among those that begin with the likeliest beginnings.

Legend: B sentences still searched, K slots of a beam, V target vocabulary, T tokens so far.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor

from attnrun.errors import UserError
from attnrun.models.decoding import (
    Decoded,
    Hypothesis,
    LengthFactor,
    LengthOffset,
    Task,
    exact,
    follow_best,
    searched,
)
from attnrun.models.largest import largest
from attnrun.models.seq2seq import Seq2Seq
from attnrun.ranges import PositiveInt

LengthPenalty = Annotated[float, Ge(0), Le(10)]


def beam(
    model: Seq2Seq,
    source: Tensor,
    source_lengths: Tensor,
    bos: int,
    eos: int,
    need_weights: bool = False,
    count: int = 1,
    *,
    size: PositiveInt = 5,
    length_penalty: LengthPenalty = 0.6,
    with_greedy: bool = False,
    length_factor: LengthFactor = 2.0,
    length_offset: LengthOffset = 10,
) -> Decoded:
    """Keep the `size` likeliest beginnings of each sentence; return its `count` best endings, best first.

    A hypothesis that ends leaves the beam, which is narrower by it from then on (Bahdanau et al. 2014,
    appendix B.2.2, search so until all have ended). Endings are ranked by log-probability over lp(Y) =
    ((5 + |Y|) / (5 + 1))^`length_penalty` (Wu et al. 2016, section 7, equation 14), |Y| the tokens that it is
    of, eos included. A sentence is done when no hypothesis of its beam can still come to rank among the
    `count` best.

    A beam may lose the greedy hypothesis and then find none as good. `with_greedy` ranks it with the others,
    so that no output ranks below it, for the time of a greedy search.

    The other arguments and limits are those of `searched`. Raises UserError for a `count` above `size`.
    """
    require_width(size, count)

    def find(task: Task) -> list[list[Hypothesis]]:
        found = _Beam(task, size, count, length_penalty).run()
        if with_greedy:
            _add_greedy(found, task, length_penalty)
        ranked = [sorted(every, key=lambda one: -one.score) for every in found]
        return [every[:count] for every in ranked]

    limits = length_factor, length_offset
    return searched(find, model, source, source_lengths, (bos, eos), *limits, need_weights)


@dataclass(frozen=True)
class _Chosen:
    """Continuations of hypotheses, the likeliest first; a total of -inf marks a slot without one."""

    totals: Tensor  # (B, K) log-probabilities of the hypotheses with the token
    parents: Tensor  # (B, K) slots of the hypotheses that they continue
    tokens: Tensor  # (B, K)

    def __getitem__(self, places: tuple[Tensor, Tensor]) -> "_Chosen":
        return _Chosen(self.totals[places], self.parents[places], self.tokens[places])


class _Beam:
    """The state of one batched search; `rows` (B,) are the sentences still searched."""

    def __init__(self, task: Task, size: int, count: int, alpha: float) -> None:
        self.task, self.size, self.count, self.alpha = task, size, count, alpha
        sentences, device = len(task.limits), task.limits.device
        self.rows = torch.arange(sentences, device=device)
        self.memory, self.state = task.memory, task.model.start(task.memory)
        self.tokens = torch.full((sentences, 1, 1), task.bos, device=device)  # (B, K, T), bos first
        self.totals = torch.zeros(sentences, 1, dtype=exact(device), device=device)  # (B, K), -inf: empty
        self.room = torch.full_like(self.rows, size)  # (B,) slots whose hypotheses have not ended
        self.best = self.totals.new_full((sentences, count), -torch.inf)  # scores of each one's best endings
        self.found: list[list[Hypothesis]] = [[] for _ in range(sentences)]

    def run(self) -> list[list[Hypothesis]]:
        """Return all hypotheses that ended, of each sentence; the best of a sentence are among them."""
        while self.rows.numel():
            self._step()
        return self.found

    def _step(self) -> None:
        last = self.tokens[..., -1].flatten()
        self.state, output, _ = self.task.model.step(self.memory, self.state, last, False)
        chosen = self._choose(self.task.log_probabilities(output))
        ended = (chosen.tokens == self.task.eos) | (self.task.limits[self.rows] == self.state.place)[:, None]
        ended &= chosen.totals > -torch.inf
        self._record(chosen, ended)
        self._go_on(chosen, chosen.totals.masked_fill(ended, -torch.inf))

    def _choose(self, log_probabilities: Tensor) -> _Chosen:
        """The likeliest continuations, as many as there is room for, given those of tokens (B · K, V)."""
        steps, tokens = largest(log_probabilities, min(self.size, log_probabilities.shape[1]))
        each = steps.shape[1]
        steps, tokens = steps.view(len(self.rows), -1), tokens.view(len(self.rows), -1)  # (B, K · each)
        totals = self.totals.repeat_interleave(each, 1) + steps
        best, places = totals.topk(min(self.size, totals.shape[1]), dim=1)
        beyond = torch.arange(best.shape[1], device=best.device) >= self.room[:, None]
        best = best.masked_fill(beyond, -torch.inf)
        return _Chosen(best, places // each, tokens.gather(1, places))

    def _record(self, chosen: _Chosen, ended: Tensor) -> None:
        """Keep the hypotheses that have `ended` (B, K)."""
        scores = chosen.totals / self._penalty(self.state.place)
        known = torch.cat([self.best[self.rows], scores.masked_fill(~ended, -torch.inf)], 1)
        self.best[self.rows] = known.topk(self.count, dim=1).values
        self.room = self.room - ended.sum(1)
        sentences, slots = ended.nonzero(as_tuple=True)
        those = chosen[sentences, slots]
        texts = torch.cat([self.tokens[sentences, those.parents, 1:], those.tokens[:, None]], 1)
        columns = (self.rows[sentences], texts, those.totals, scores[sentences, slots])
        for row, text, *figures in zip(*(column.tolist() for column in columns), strict=True):
            tokens = text[:-1] if text[-1] == self.task.eos else text
            self.found[row].append(Hypothesis(tokens, *figures))

    def _go_on(self, chosen: _Chosen, totals: Tensor) -> None:
        """Drop the sentences that are done, and continue the hypotheses of the others that still run."""
        reach = totals.amax(1) / self._penalty(self.task.limits[self.rows])  # no total grows
        kept = (reach > self.best[self.rows, -1]).nonzero()[:, 0]
        width = int((totals[kept] > -torch.inf).sum(1).max()) if len(kept) else 0
        order = totals[kept].argsort(1, descending=True)[:, :width]
        chosen = chosen[kept[:, None], order]
        self.state = self.state.select((kept[:, None] * self.totals.shape[1] + chosen.parents).flatten())
        if len(kept) < len(self.rows):
            self.memory = self.memory.select(kept)
        self.tokens = torch.cat([self.tokens[kept[:, None], chosen.parents], chosen.tokens[..., None]], -1)
        self.totals = totals[kept[:, None], order]
        self.rows, self.room = self.rows[kept], self.room[kept]

    def _penalty(self, length: "int | Tensor") -> Any:
        return length_penalty_of(length, self.alpha)


def _add_greedy(found: list[list[Hypothesis]], task: Task, alpha: float) -> None:
    """Put the greedy hypothesis of each sentence among those `found`, where it is not."""
    for every, (one,), limit in zip(found, follow_best(task), task.limits.tolist(), strict=True):
        if all(other.tokens != one.tokens for other in every):
            summed = min(len(one.tokens) + 1, limit)  # tokens and eos, or as many as the limit let be
            score = one.log_probability / length_penalty_of(summed, alpha)
            every.append(Hypothesis(one.tokens, one.log_probability, score))


def require_width(size: int, count: int) -> None:
    """Raise UserError where a beam of `size` has no room for `count` outputs."""
    if count > size:
        raise UserError(f"{count} outputs a source need a wider beam; set search.size={count} or more")


def length_penalty_of(length: "int | Tensor", alpha: float) -> Any:
    """Return lp(Y) of Wu et al. 2016, equation 14, for that many tokens."""
    return ((5 + length) / 6) ** alpha
