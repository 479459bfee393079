"""Marian of Hugging Face's transformers: the Transformer, with torch's fused attention."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from attnrun.bench.decoding import Sources
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import Row
from attnrun.bench.training import DROPOUT, SMOOTHING
from attnrun.data.batching import Batch
from benchmarks.peers.common import BOS, EOS, PAD, PeerBatch, renumbered, training


def transformer_training(sizes: Sizes, batches: Sequence[Batch]) -> Row:
    """Return the row of its training."""
    model = _model(sizes)

    def loss(batch: PeerBatch) -> Tensor:
        mask = batch.source != PAD
        read = {"input_ids": batch.source, "attention_mask": mask, "decoder_input_ids": batch.target_in}
        logits = model(**read, use_cache=False).logits.flatten(0, 1)
        return F.cross_entropy(logits, batch.target.flatten(), ignore_index=PAD, label_smoothing=SMOOTHING)

    return training(model, loss, batches)


def decoding(sizes: Sizes, sources: Sources) -> Row:
    """Return the row of `generate`, with its cache."""
    model = _model(sizes).eval()
    given = [renumbered(batch.source) for batch in sources.padded()]
    limits = {"max_new_tokens": sources.length, "min_new_tokens": sources.length}

    def call() -> None:
        for source in given:
            mask = (source != PAD).long()
            found = model.generate(
                source, attention_mask=mask, num_beams=sources.beam, do_sample=False, use_cache=True, **limits
            )
            assert found.shape[1] == sources.length + 1

    return Row(call, sources.count)


def _model(sizes: Sizes) -> Any:
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=sizes.vocabulary,
        d_model=sizes.model,
        encoder_layers=sizes.layers,
        decoder_layers=sizes.layers,
        encoder_attention_heads=sizes.heads,
        decoder_attention_heads=sizes.heads,
        encoder_ffn_dim=sizes.feedforward,
        decoder_ffn_dim=sizes.feedforward,
        activation_function="relu",
        dropout=DROPOUT,
        attention_dropout=0.0,
        activation_dropout=0.0,
        max_position_embeddings=256,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        attn_implementation="sdpa",
    )
    torch.manual_seed(0)
    return MarianMTModel(config)
