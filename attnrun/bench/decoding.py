"""Searches as `attnrun translate` makes them, by a Transformer that never ends a sentence early."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.texts import GetTexts
from attnrun.bench.training import transformer
from attnrun.data.batching import Batch, TextBatches
from attnrun.data.vocabulary import BOS, EOS
from attnrun.models.beam import beam
from attnrun.models.decoding import Decoded, greedy
from attnrun.models.transformer import Transformer
from attnrun.training.seq2seq import decode

BEAM = 5
_NEVER = -1e9  # a logit that no search takes
_SPREAD = 5.0  # of the others: a trained model is as sure of its tokens, one of random weights of none


@dataclass(frozen=True)
class Sources:
    """Sentences to decode."""

    batches: TextBatches
    count: int
    length: int  # tokens to put out for each
    model: Transformer
    beam: int  # 1 is greedy

    def padded(self) -> list[Batch]:
        """Return the batches in the order in which they are decoded."""
        return [self.batches.collate(indices) for indices in self.batches.sequential()]


def endless(sizes: Sizes) -> Transformer:
    """Return a Transformer of random weights that never puts the end out, so that all work is equal."""
    model = transformer(sizes).eval()
    with torch.no_grad():
        model.output.bias.normal_(0, _SPREAD, generator=torch.Generator().manual_seed(0))
        model.output.bias[EOS] = _NEVER
    return model


def decoding(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """Greedy search and beam search; the inputs are `Sources`."""
    model = endless(sizes)
    for name, size, count in (("greedy", 1, sizes.decoded), ("beam", BEAM, sizes.beam_decoded)):
        pairs = texts().sources(count)
        batches = TextBatches(pairs, batch_size=sizes.decoded_batch, seed=0)
        sources = Sources(batches, len(pairs), sizes.decoded_length, model, size)
        how = "greedy" if size == 1 else f"beam {size}"
        counts = f"{len(pairs)} sentences of {sources.length} tokens, {sizes.decoded_batch} a batch"
        title = f"decoding, {how}, {counts}"
        yield Table(name, title, "sentences", {OURS: Row(_ours(sources), len(pairs))}, sources)


def _ours(sources: Sources) -> Callable[[], None]:
    find = partial(_search(sources.beam, sources.length), sources.model, bos=BOS, eos=EOS)

    def call() -> None:
        answers = decode(find, sources.batches, torch.device("cpu"))
        assert all(len(answer.tokens) == sources.length for answer in answers)

    return call


def _search(size: int, length: int) -> Callable[..., Decoded]:
    limits = {"length_factor": 0.0, "length_offset": length}
    return partial(greedy, **limits) if size == 1 else partial(beam, size=size, **limits)  # type: ignore[arg-type]
