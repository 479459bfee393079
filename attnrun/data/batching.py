"""Batches of sentence pairs in an order that depends on (seed, epoch) alone, so that resuming is slicing.

Letters: B batch, S source length, T target length.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from attnrun.data.corpus import Pair
from attnrun.data.tokenisers import Tokeniser
from attnrun.data.vocabulary import PAD

Order = list[list[int]]


@dataclass(frozen=True)
class Batch:
    """Padded sentence pairs, all int64; padding is 0 and only ever at the end of a row."""

    source: Tensor  # (B, S)
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
    """Number sequences of unequal length in flat arrays, which workers share without copying."""

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        kept = [np.asarray(row, dtype=np.int32) for row in rows]
        self.lengths = np.array([len(row) for row in kept], dtype=np.int64)
        self._ends = np.cumsum(self.lengths)
        self._flat = np.concatenate(kept) if kept else np.zeros(0, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._flat[self._ends[index] - self.lengths[index] : self._ends[index]]

    def fingerprint(self) -> str:
        """Return the sha256 of the numbers and where each sequence ends."""
        return hashlib.sha256(self.lengths.tobytes() + self._flat.tobytes()).hexdigest()

    def padded(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the sequences (B, longest) padded with 0, and their lengths (B,)."""
        lengths = self.lengths[list(indices)]
        rows = np.full((len(indices), lengths.max(initial=0)), PAD, dtype=np.int64)
        for row, index in zip(rows, indices, strict=True):
            sequence = self[index]
            row[: len(sequence)] = sequence
        return torch.from_numpy(rows), torch.from_numpy(lengths)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as numbers: the source bare, the target between bos and eos."""

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


def bucketed_order(
    lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int, epoch: int, bucket: int = 100
) -> Order:
    """Return shuffled batches of indices of about equal length: a pure function of the arguments.

    All indices are shuffled, taken `bucket` batches at a time, sorted by length within these, cut into
    batches, and the batches shuffled. Every index occurs exactly once; only one batch may be short.
    A small `bucket` pads more and orders more at random.
    """
    generator = np.random.default_rng([seed, epoch])
    keys, shuffled = np.asarray(lengths), generator.permutation(len(lengths))
    batches: Order = []
    for start in range(0, len(shuffled), bucket * batch_size):
        pool = shuffled[start : start + bucket * batch_size]
        pool = pool[np.argsort(keys[pool], kind="stable")]
        batches += _cut(pool.tolist(), batch_size)
    return [batches[place] for place in generator.permutation(len(batches))]


def sequential_order(lengths: Sequence[int] | np.ndarray, batch_size: int) -> Order:
    """Return batches of indices sorted by length, the longest first, for evaluation."""
    return _cut(np.argsort(-np.asarray(lengths), kind="stable").tolist(), batch_size)


class TextBatches:
    """What the training loop draws from: `order(epoch)` and `collate(indices)`; nothing in it changes."""

    def __init__(self, pairs: EncodedPairs, *, batch_size: int, seed: int, bucket: int = 100) -> None:
        self.pairs, self.batch_size, self.seed, self.bucket = pairs, batch_size, seed, bucket
        # By target, then by source: the decoder is the dear part of a step.
        source, target = pairs.source.lengths, pairs.target.lengths
        self._keys = target * (source.max(initial=0) + 1) + source

    def order(self, epoch: int) -> Order:
        """Return the batches of an epoch, by index."""
        return bucketed_order(self._keys, self.batch_size, self.seed, epoch, self.bucket)

    def sequential(self) -> Order:
        """Return the batches for evaluation, the longest first."""
        return sequential_order(self._keys, self.batch_size)

    def collate(self, indices: Sequence[int]) -> Batch:
        """Return the pairs with these indices as one padded batch."""
        return Batch(*self.pairs.source.padded(indices), *self.pairs.target.padded(indices))


def _cut(indices: list[int], size: int) -> Order:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
