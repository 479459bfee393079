"""Batches of sentence pairs in an order that depends on (seed, epoch) alone, so that resuming is slicing.

Letters: B batch, S source length, T target length.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from attnrun.data.corpus import Pair
from attnrun.data.tokenisers import Tokeniser
from attnrun.data.vocabulary import PAD
from attnrun.errors import UserError

Order = list[list[int]]
Cut = Callable[[list[int]], Order]
Redraw = Callable[[np.ndarray], Sequence[int]]


@dataclass(frozen=True)
class Batch:
    """Padded pairs, int64 but for a source of vectors; padding is 0 and only ever at the end of a row."""

    source: Tensor  # (B, S), or (B, S, F) float32
    source_lengths: Tensor  # (B,)
    target: Tensor  # (B, T): bos … eos
    target_lengths: Tensor  # (B,), bos and eos included

    def __len__(self) -> int:
        return self.source.shape[0]

    @property
    def target_in(self) -> Tensor:
        """What a teacher-forced decoder reads, (B, T - 1): the target without its last column."""
        return self.target[:, :-1]

    @property
    def target_out(self) -> Tensor:
        """What it should answer, (B, T - 1): the target without bos."""
        return self.target[:, 1:]

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on `device`."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})


class Sequences:
    """Sequences of unequal length in flat arrays, which workers share without copying.

    A row is of whole numbers; or of vectors (length, F), float32, all of one size F.
    """

    def __init__(self, rows: Iterable[Sequence[int] | np.ndarray]) -> None:
        kept = [_plain(row) for row in rows]
        self.lengths = np.array([len(row) for row in kept], dtype=np.int64)
        self._ends = np.cumsum(self.lengths)
        self._flat = np.concatenate(kept) if kept else np.zeros(0, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._flat[self._ends[index] - self.lengths[index] : self._ends[index]]

    def rows(self) -> list[list[int]]:
        """Return the sequences of numbers as lists."""
        return [self[place].tolist() for place in range(len(self))]

    def fingerprint(self) -> str:
        """Return the sha256 of the numbers and where each sequence ends."""
        return hashlib.sha256(self.lengths.tobytes() + self._flat.tobytes()).hexdigest()

    def padded(self, indices: Sequence[int], redraw: Redraw | None = None) -> tuple[Tensor, Tensor]:
        """Return the sequences, or what `redraw` makes of them, padded with 0, and their lengths (B,).

        Those of numbers are (B, longest) int64, those of vectors (B, longest, F) float32.
        """
        found = [self[index] if redraw is None else redraw(self[index]) for index in indices]
        lengths = np.array([len(sequence) for sequence in found], dtype=np.int64)
        kind = np.int64 if self._flat.ndim == 1 else self._flat.dtype
        rows = np.full((len(indices), lengths.max(initial=0), *self._flat.shape[1:]), PAD, dtype=kind)
        for row, sequence in zip(rows, found, strict=True):
            row[: len(sequence)] = sequence
        return torch.from_numpy(rows), torch.from_numpy(lengths)


def _plain(row: Sequence[int] | np.ndarray) -> np.ndarray:
    vectors = isinstance(row, np.ndarray) and row.ndim == 2
    return np.asarray(row, dtype=np.float32 if vectors else np.int32)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as numbers: the source bare, tokens or vectors, the target between bos and eos."""

    source: Sequences
    target: Sequences
    dropped: int  # how many were longer than max_length

    def __len__(self) -> int:
        return len(self.source)

    def fingerprint(self) -> str:
        """Return a hash of the pairs in their order."""
        return self.source.fingerprint() + self.target.fingerprint()


def encode_pairs(
    pairs: Iterable[Pair], source: Tokeniser, target: Tokeniser, *, max_length: int | None = None
) -> EncodedPairs:
    """Encode pairs; those with more than `max_length` tokens on a side are dropped and counted.

    Raises:
        ValueError: a pair has no token on a side.
    """
    sources, targets, dropped = [], [], 0
    for place, pair in enumerate(pairs):
        source_ids, target_ids = source.encode(pair.source), target.encode(pair.target)
        if not source_ids or not target_ids:
            raise ValueError(f"pair {place} has an empty side")
        if max_length is not None and max(len(source_ids), len(target_ids)) > max_length:
            dropped += 1
            continue
        sources.append(source_ids)
        targets.append([target.bos, *target_ids, target.eos])
    return EncodedPairs(Sequences(sources), Sequences(targets), dropped)


def pairs_of_answers(
    sources: Sequences, answers: Iterable[Sequence[int]], bos: int, eos: int
) -> tuple[list[list[int]], EncodedPairs]:
    """Return what a decoder reads while it says each answer, from bos on, and sources with these answers."""
    read = [[bos, *answer] for answer in answers]
    return read, EncodedPairs(sources, Sequences([*numbers, eos] for numbers in read), 0)


def bucketed_order(
    lengths: Sequence[int] | np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    bucket: int = 100,
    cut: Cut | None = None,
) -> Order:
    """Return shuffled batches of indices of about equal length: a pure function of the arguments.

    All indices are shuffled, taken `bucket` batches at a time, sorted by length within these, cut into
    batches, and the batches shuffled. Every index occurs exactly once; only one batch may be short.
    A small `bucket` pads more and orders more at random. `cut` makes batches of sorted indices that need not
    be of `batch_size`, for None pieces of just that size.
    """
    generator = np.random.default_rng([seed, epoch])
    keys, shuffled = np.asarray(lengths), generator.permutation(len(lengths))
    batches: Order = []
    for start in range(0, len(shuffled), bucket * batch_size):
        pool = shuffled[start : start + bucket * batch_size]
        pool = pool[np.argsort(keys[pool], kind="stable")]
        batches += _cut(pool.tolist(), batch_size) if cut is None else cut(pool.tolist())
    return [batches[place] for place in generator.permutation(len(batches))]


def sequential_order(lengths: Sequence[int] | np.ndarray, batch_size: int) -> Order:
    """Return batches of indices sorted by length, the longest first, for evaluation."""
    return _cut(np.argsort(-np.asarray(lengths), kind="stable").tolist(), batch_size)


def require_one(batch_size: int | None, batch_tokens: int | None) -> None:
    """Raise UserError unless exactly one of the two is given."""
    if (batch_size is None) == (batch_tokens is None):
        wrong = "both null: give one of them" if batch_size is None else "both given: set one of them to null"
        raise UserError(f"batch_size and batch_tokens are {wrong}")


class TextBatches:
    """What the training loop draws from: `order(epoch)` and `collate(indices)`; nothing in it changes."""

    def __init__(
        self,
        pairs: EncodedPairs,
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int,
        bucket: int = 100,
        redraw: tuple[Redraw, Redraw] | None = None,
    ) -> None:
        """Take pairs to batch by their number or by that of their tokens: exactly one of the two is given.

        Args:
            batch_tokens: most numbers that a batch has, source and target, padding included; a pair that has
                more by itself is a batch.
            redraw: what makes source and target of a pair anew each time that it is put into a batch, of
                random numbers from the global generators; lengths count as they are without it.

        Raises:
            UserError: both sizes, or neither.
        """
        require_one(batch_size, batch_tokens)
        self.pairs, self.seed, self.bucket, self.redraw = pairs, seed, bucket, redraw or (None, None)
        # By target, then by source: the decoder is the dear part of a step.
        source, target = pairs.source.lengths, pairs.target.lengths
        self._keys = target * (source.max(initial=0) + 1) + source
        self.batch_tokens = batch_tokens
        about = (batch_tokens or 0) * len(pairs) // max(1, int((source + target).sum()))
        self.batch_size = batch_size or max(1, about)  # pairs

    def order(self, epoch: int) -> Order:
        """Return the batches of an epoch, by index."""
        cut = None if self.batch_tokens is None else self._cut_by_tokens
        return bucketed_order(self._keys, self.batch_size, self.seed, epoch, self.bucket, cut)

    def sequential(self) -> Order:
        """Return the batches for evaluation, of about as many pairs each, the longest first."""
        return sequential_order(self._keys, self.batch_size)

    def collate(self, indices: Sequence[int]) -> Batch:
        """Return the pairs with these indices as one padded batch."""
        source, target = self.redraw
        return Batch(*self.pairs.source.padded(indices, source), *self.pairs.target.padded(indices, target))

    def _cut_by_tokens(self, indices: list[int]) -> Order:
        sides = (self.pairs.source.lengths, self.pairs.target.lengths)
        lengths = zip(*(side[indices].tolist() for side in sides), strict=True)
        batches: Order = []
        longest = [0, 0]
        for index, (source, target) in zip(indices, lengths, strict=True):
            wider = [max(longest[0], source), max(longest[1], target)]
            if not batches or (len(batches[-1]) + 1) * sum(wider) > (self.batch_tokens or 0):
                batches.append([])
                wider = [source, target]
            batches[-1].append(index)
            longest = wider
        return batches


def _cut(indices: list[int], size: int) -> Order:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
