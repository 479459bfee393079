"""Turn a trained encoder-decoder into sentences: greedy search, and scoring of given targets.

Legend: B batch, S source length, T target length, L layers with attention, H heads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnrun.models.seq2seq import Seq2Seq

PAD = 0

LengthLimit = int | Callable[[int], int]


def twice_and_ten(source_length: int) -> int:
    """The default limit of an output's length, in tokens."""
    return 2 * source_length + 10


@dataclass(frozen=True)
class Decoded:
    """Outputs in the order of the sources."""

    tokens: list[list[int]]  # without bos and eos
    scores: list[float]  # log-probability of tokens and eos (no eos where the length limit cut)
    weights: list[Tensor] | None  # (L, H, len(tokens), source length) each


@dataclass(frozen=True)
class Forced:
    """What a model makes of targets that were given."""

    log_probabilities: Tensor  # (B, T - 1) of target[:, 1:], 0 on padding
    weights: Tensor | None  # (B, L, H, T - 1, S): row t is where the model looked to predict target[:, t + 1]


@contextmanager
def evaluating(model: Seq2Seq) -> Iterator[None]:
    """Switch dropout off; every module gets back the mode it was in."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module, mode in zip(modules, training, strict=True):
            module.training = mode


@torch.no_grad()
def greedy(
    model: Seq2Seq,
    source: Tensor,
    source_lengths: Tensor,
    *,
    bos: int,
    eos: int,
    maximum_length: LengthLimit = twice_and_ten,
    need_weights: bool = False,
) -> Decoded:
    """Take the likeliest token at every step until `eos` or the length limit.

    source (B, S) padded with 0, source_lengths (B,). `maximum_length` is a number of tokens, or a function
    from the source length to one; what the model can read limits it too. Padding and `bos` are never put out.
    A finished sentence leaves the batch, so that short ones do not wait for long ones; the output for a
    sentence does not depend on its batch. Runs in evaluation mode and gives the model back in the mode it was
    in. Raises ValueError for a length limit under 1.
    """
    limits = [int(min(_limit(maximum_length, n), model.longest)) for n in source_lengths.tolist()]
    if min(limits, default=1) < 1:
        raise ValueError(f"maximum_length must be at least 1, got {min(limits)}")
    with evaluating(model):
        search = _Greedy(model, source, source_lengths, limits, bos, eos, need_weights)
        while search.rows.numel():
            search.step()
    return search.result(source_lengths.tolist())


class _Greedy:
    """The state of one batched search; `rows` are the sentences still running."""

    def __init__(
        self,
        model: Seq2Seq,
        source: Tensor,
        lengths: Tensor,
        limits: list[int],
        bos: int,
        eos: int,
        need_weights: bool,
    ) -> None:
        self.model, self.eos, self.need_weights = model, eos, need_weights
        self.forbidden = torch.tensor([PAD, bos], device=source.device)
        self.limits = torch.tensor(limits, device=source.device)
        self.tokens: list[list[int]] = [[] for _ in limits]
        self.scores = [0.0] * len(limits)
        self.looks: list[list[Tensor]] = [[] for _ in limits]
        self.rows = torch.arange(len(limits), device=source.device)
        self.last = torch.full_like(self.rows, bos)
        self.steps = 0
        if limits:
            self.memory = model.encode(source, lengths)
            self.state = model.start(self.memory)

    def step(self) -> None:
        """One token for every running sentence; those that finish leave."""
        self.state, output, weights = self.model.step(self.memory, self.state, self.last, self.need_weights)
        best, self.last = self._choose(output)
        self.steps += 1
        self._record(best.tolist(), self.last.tolist(), weights if self.need_weights else None)
        self._keep((self.last != self.eos) & (self.limits[self.rows] > self.steps))

    def _choose(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probability and id (B,) of the likeliest token that may be put out, from outputs (B, D)."""
        log_probabilities = _log_softmax(self.model.project(output))
        log_probabilities[:, self.forbidden] = -torch.inf
        best, chosen = log_probabilities.max(dim=-1)
        return best, chosen

    def _record(self, best: list[float], chosen: list[int], weights: Tensor | None) -> None:
        for i, row in enumerate(self.rows.tolist()):
            self.scores[row] += best[i]
            if chosen[i] != self.eos:
                self.tokens[row].append(chosen[i])
            if weights is not None:
                self.looks[row].append(weights[i])  # (L, H, S)

    def _keep(self, running: Tensor) -> None:
        if bool(running.all()):
            return
        kept = running.nonzero()[:, 0]
        self.rows, self.last = self.rows[kept], self.last[kept]
        self.memory, self.state = self.memory.select(kept), self.state.select(kept)

    def result(self, lengths: list[int]) -> Decoded:
        if not any(self.looks):
            return Decoded(self.tokens, self.scores, None)
        parts = zip(self.looks, self.tokens, lengths, strict=True)
        weights = [torch.stack(look, 2)[:, :, : len(tokens), :length] for look, tokens, length in parts]
        return Decoded(self.tokens, self.scores, weights)


@torch.no_grad()
def forced(
    model: Seq2Seq, source: Tensor, source_lengths: Tensor, target: Tensor, *, need_weights: bool = True
) -> Forced:
    """Score given targets by teacher forcing, and see where the model looks, for alignment.

    source (B, S) and target (B, T), bos … eos, padded with 0. Runs in evaluation mode, as `greedy`.
    """
    with evaluating(model):
        memory = model.encode(source, source_lengths)
        states, weights = model.states(memory, target[:, :-1], need_weights)
        log_probabilities = _log_softmax(model.project(states))  # (B, T - 1, vocabulary)
    following = target[:, 1:]
    picked = log_probabilities.gather(-1, following[..., None])[..., 0]
    return Forced(picked.masked_fill(following == PAD, 0), weights)


def _limit(maximum: LengthLimit, source_length: int) -> int:
    return maximum(source_length) if callable(maximum) else maximum


def _log_softmax(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
