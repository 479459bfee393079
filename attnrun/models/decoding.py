"""Turn a trained encoder-decoder into sentences: what all searches share, greedy search, forced scoring.

Every search is called as `search(model, source, source_lengths, bos, eos, need_weights, count)`; its
keyword-only parameters are the keys of config group `search`.

Legend: B batch, S source length, T target length, L layers with attention, H heads, V target vocabulary.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from attnrun.errors import UserError
from attnrun.models.largest import largest
from attnrun.models.seq2seq import PAD, Memory, Seq2Seq

# Of an output, which memory is set aside for: tokens a source token, and tokens more.
LengthFactor = Annotated[float, Ge(0), Le(100)]
LengthOffset = Annotated[int, Ge(1), Le(10_000)]

# (log-probabilities (R, V), the sentence (R,) of each row, tokens so far) -> a token (R,) for each row
Chooser = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Hypothesis:
    """One output."""

    tokens: list[int]  # without bos and eos
    log_probability: float  # of tokens and eos (no eos where the length limit cut)
    score: float  # by which a search ranks it


@dataclass(frozen=True)
class Decoded:
    """Outputs in the order of the sources."""

    candidates: list[list[Hypothesis]]  # one or more for each source, that of the search's choice first
    weights: list[Tensor] | None  # of each first: (L, H, len(tokens), source length)

    @property
    def tokens(self) -> list[list[int]]:
        """The tokens of the first candidates."""
        return [found[0].tokens for found in self.candidates]

    @property
    def scores(self) -> list[float]:
        """The log-probabilities of the first candidates."""
        return [found[0].log_probability for found in self.candidates]


@dataclass(frozen=True)
class Forced:
    """What a model makes of targets that were given."""

    log_probabilities: Tensor  # (B, T - 1) of target[:, 1:], 0 on padding
    weights: Tensor | None  # (B, L, H, T - 1, S): row t is where the model looked to predict target[:, t + 1]


@dataclass(frozen=True)
class Task:
    """Encoded sources that wait for their targets."""

    model: Seq2Seq
    memory: Memory
    source: Tensor  # (B, S)
    lengths: list[int]
    limits: Tensor  # (B,) the greatest number of tokens of each target
    bos: int
    eos: int

    def log_probabilities(self, output: Tensor) -> Tensor:
        """Those of the next token (R, V), given outputs (R, D); -inf for padding and `bos`."""
        logits = self.model.project(output)
        found = _log_softmax(logits, out=logits if _is_spare(logits) else None)  # new memory takes longer
        found[:, PAD] = found[:, self.bos] = -torch.inf
        return found

    def select(self, rows: Tensor) -> "Task":
        """Return the task of the sentences `rows` (int64 indices, which may repeat) alone."""
        lengths = [self.lengths[row] for row in rows.tolist()]
        memory, source, limits = self.memory.select(rows), self.source[rows], self.limits[rows]
        return Task(self.model, memory, source, lengths, limits, self.bos, self.eos)


def searched(
    find: Callable[[Task], list[list[Hypothesis]]],
    model: Seq2Seq,
    source: Tensor,
    source_lengths: Tensor,
    ends: tuple[int, int],
    length_factor: float,
    length_offset: int,
    need_weights: bool,
) -> Decoded:
    """Encode the sources, `find` the candidates of each, and look up the weights of the first.

    source (B, S) padded with 0, source_lengths (B,). An output has at most `length_factor` times as many
    tokens as its source and `length_offset` more; what the model can read limits it too. Runs in evaluation
    mode and gives the model back in the mode it was in. Raises ValueError for a limit under 1, and UserError
    where the likeliest tokens have no finite probability.
    """
    lengths = source_lengths.tolist()
    if not lengths:
        return Decoded([], None)
    limits = [int(min(length_factor * length + length_offset, model.longest)) for length in lengths]
    if min(limits) < 1:
        raise ValueError(f"an output may have at least 1 token, got a limit of {min(limits)}")
    with torch.no_grad(), evaluating(model):
        every = torch.arange(len(lengths), device=source.device)
        memory = model.encode(source, source_lengths).select(every)  # a copy that every step reads in order
        task = Task(model, memory, source, lengths, torch.tensor(limits, device=source.device), *ends)
        candidates = find(task)
        if not all(found and math.isfinite(found[0].log_probability) for found in candidates):
            raise UserError("the model gives no finite probabilities: its weights may be NaN or infinite")
        weights = _looks(task, [found[0].tokens for found in candidates]) if need_weights else None
    return Decoded(candidates, weights)


def greedy(
    model: Seq2Seq,
    source: Tensor,
    source_lengths: Tensor,
    bos: int,
    eos: int,
    need_weights: bool = False,
    count: int = 1,
    *,
    length_factor: LengthFactor = 2.0,
    length_offset: LengthOffset = 10,
) -> Decoded:
    """Take the likeliest token at every step until `eos` or the length limit.

    Arguments and limits are those of `searched`. Padding and `bos` are never put out. A finished sentence
    leaves the batch, so that short ones do not wait for long ones; the output for a sentence does not depend
    on its batch.

    Raises UserError for a `count` above 1.
    """
    require_single(count)
    limits = length_factor, length_offset
    return searched(follow_best, model, source, source_lengths, (bos, eos), *limits, need_weights)


def require_single(count: int) -> None:
    """Raise UserError where greedy search is to find more than one output."""
    if count > 1:
        raise UserError("greedy search finds one output a source; choose search=beam or search=sample")


def follow_best(task: Task) -> list[list[Hypothesis]]:
    """Return the greedy hypothesis of each sentence."""

    def choose(log_probabilities: Tensor, *_: object) -> Tensor:
        return largest(log_probabilities, 1)[1][:, 0]

    return [[found] for found in follow(task, choose)]


def follow(task: Task, choose: Chooser) -> list[Hypothesis]:
    """Take the tokens that `choose` says; one hypothesis a sentence, ranked by its log-probability."""
    model, memory = task.model, task.memory
    state = model.start(memory)
    rows = torch.arange(len(task.limits), device=task.limits.device)  # the sentences still running
    last = torch.full_like(rows, task.bos)
    tokens = last.new_full((len(rows), int(task.limits.max())), task.eos)
    totals = torch.zeros(len(rows), dtype=exact(rows.device), device=rows.device)
    while rows.numel():
        state, output, _ = model.step(memory, state, last, False)
        log_probabilities = task.log_probabilities(output)
        last = choose(log_probabilities, rows, state.place - 1)
        totals[rows] += log_probabilities.gather(1, last[:, None])[:, 0].to(totals.dtype)
        tokens[rows, state.place - 1] = last
        running = (last != task.eos) & (task.limits[rows] > state.place)
        if not bool(running.all()):
            kept = running.nonzero()[:, 0]
            rows, last = rows[kept], last[kept]
            memory, state = memory.select(kept), state.select(kept)
    return [_hypothesis(*found, task.eos) for found in zip(tokens.tolist(), totals.tolist(), strict=True)]


def exact(device: torch.device) -> torch.dtype:
    """Return the type to sum log-probabilities in: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def _hypothesis(tokens: list[int], total: float, eos: int) -> Hypothesis:
    end = tokens.index(eos) if eos in tokens else len(tokens)
    return Hypothesis(tokens[:end], total, total)


def _looks(task: Task, tokens: list[list[int]]) -> list[Tensor] | None:
    """Where the model looks while it puts these tokens out: (L, H, len(tokens), source length) of each."""
    read = [torch.tensor([task.bos, *found][: max(len(found), 1)]) for found in tokens]
    target_in = pad_sequence(read, batch_first=True).to(task.source.device)
    _, weights = task.model.states(task.memory, target_in, True)
    if weights is None:
        return None
    sizes = zip(weights, tokens, task.lengths, strict=True)
    return [look[:, :, : len(found), :length] for look, found, length in sizes]


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


def _is_spare(logits: Tensor) -> bool:
    """Whether float32 log-probabilities may take the place of the logits: no part of another tensor."""
    own = not logits._is_view() and not logits.requires_grad
    return own and logits.is_cpu and logits.dtype == torch.float32


def _log_softmax(logits: Tensor, out: Tensor | None = None) -> Tensor:
    kind = torch.promote_types(logits.dtype, torch.float32)
    return torch.log_softmax(logits, -1, dtype=kind, out=out)
