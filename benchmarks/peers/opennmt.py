"""OpenNMT-py: an RNN with input feeding and a Transformer."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import Row
from attnrun.bench.training import DROPOUT, SMOOTHING
from attnrun.data.batching import Batch
from benchmarks.peers.common import PAD, PeerBatch, find_opennmt, training


def rnn_training(sizes: Sizes, batches: Sequence[Batch]) -> Row:
    """Return the row of the RNN's training; its encoder has one direction."""
    find_opennmt()
    from onmt.decoders.decoder import InputFeedRNNDecoder
    from onmt.encoders.rnn_encoder import RNNEncoder
    from onmt.modules.embeddings import Embeddings

    size, layers = sizes.rnn, sizes.rnn_layers
    source, target = (Embeddings(size, sizes.vocabulary, PAD) for _ in range(2))
    encoder = RNNEncoder("GRU", False, layers, size, 0.0, source, False)
    decoder = InputFeedRNNDecoder("GRU", False, layers, size, attn_type="mlp", dropout=0.0, embeddings=target)
    return _row(encoder, decoder, nn.Linear(size, sizes.vocabulary), 0.0, batches)


def transformer_training(sizes: Sizes, batches: Sequence[Batch]) -> Row:
    """Return the row of the Transformer's training."""
    find_opennmt()
    from onmt.decoders.transformer import TransformerDecoder
    from onmt.encoders.transformer import TransformerEncoder
    from onmt.modules.embeddings import Embeddings

    def embeddings() -> Any:
        return Embeddings(sizes.model, sizes.vocabulary, PAD, position_encoding=True, dropout=DROPOUT)

    shape = sizes.layers, sizes.model, sizes.heads, sizes.feedforward
    encoder = TransformerEncoder(*shape, DROPOUT, 0.0, embeddings(), 0, 0)
    rest = DROPOUT, 0.0, embeddings(), 0, 0, False, False, -1, 1
    decoder = TransformerDecoder(*shape, False, "scaled-dot", *rest)
    return _row(encoder, decoder, nn.Linear(sizes.model, sizes.vocabulary), SMOOTHING, batches)


def _row(encoder: Any, decoder: Any, generator: nn.Linear, smoothing: float, batches: Sequence[Batch]) -> Row:
    from onmt.models.model import NMTModel

    model = NMTModel(encoder, decoder)
    model.generator = generator
    return training(model, _loss(model, smoothing), batches)


def _loss(model: Any, smoothing: float) -> Callable[[PeerBatch], Tensor]:
    def loss(batch: PeerBatch) -> Tensor:
        # The model drops the last column of the target itself.
        target = torch.cat([batch.target_in, batch.target[:, -1:]], 1)[..., None]
        states, _ = model(batch.source[..., None], target, batch.source_lengths)
        logits = model.generator(states).flatten(0, 1)
        return F.cross_entropy(logits, batch.target.flatten(), ignore_index=PAD, label_smoothing=smoothing)

    return loss
