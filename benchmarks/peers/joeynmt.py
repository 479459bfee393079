"""JoeyNMT: an RNN and a Transformer of its own parts, trained and searched by its own functions."""

import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from attnrun.bench.decoding import Sources
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import Row
from attnrun.bench.training import DROPOUT, SMOOTHING
from attnrun.data.batching import Batch
from benchmarks.peers.common import BOS, EOS, PAD, UNK, PeerBatch, renumbered, training


def rnn_config(
    size: int, encoder_size: int, layers: int, dropout: float = 0.0, tied: bool = False
) -> dict[str, Any]:
    """Return the model section of JoeyNMT's config for the RNN; the sizes mean what they do in ours.

    Its encoder has both directions, which JoeyNMT 2.3 cannot do without.
    """
    embeddings = {"embedding_dim": size, "scale": False, "freeze": False, "dropout": dropout}
    both = {"type": "recurrent", "rnn_type": "gru", "num_layers": layers, "dropout": dropout}
    return {
        "initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "embed_initializer": "normal",
        "embed_init_weight": 0.1,
        "tied_embeddings": False,
        "tied_softmax": tied,
        "encoder": {
            **both,
            "embeddings": dict(embeddings),
            "hidden_size": encoder_size // 2,
            "bidirectional": True,
        },
        "decoder": {
            **both,
            "embeddings": dict(embeddings),
            "hidden_size": size,
            "hidden_dropout": dropout,
            "input_feeding": True,
            "init_hidden": "bridge",
            "attention": "bahdanau",
        },
    }


def transformer_config(sizes: Sizes) -> dict[str, Any]:
    """Return the model section of JoeyNMT's config for the Transformer."""
    side = {
        "type": "transformer",
        "num_layers": sizes.layers,
        "num_heads": sizes.heads,
        "embeddings": {"embedding_dim": sizes.model, "scale": True, "freeze": False},
        "hidden_size": sizes.model,
        "ff_size": sizes.feedforward,
        "dropout": DROPOUT,
        "layer_norm": "post",
        "activation": "relu",
    }
    return {
        "initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "embed_initializer": "xavier_uniform",
        "tied_embeddings": False,
        "tied_softmax": True,
        "encoder": side,
        "decoder": {**side, "embeddings": dict(side["embeddings"])},  # type: ignore[call-overload]
    }


def rnn_training(sizes: Sizes, batches: Sequence[Batch]) -> Row:
    """Return the row of the RNN's training."""
    model = _model(rnn_config(sizes.rnn, sizes.rnn, sizes.rnn_layers), sizes.vocabulary)
    return training(model, _loss(model, 0.0), batches)


def transformer_training(sizes: Sizes, batches: Sequence[Batch]) -> Row:
    """Return the row of the Transformer's training."""
    model = _model(transformer_config(sizes), sizes.vocabulary)
    return training(model, _loss(model, SMOOTHING), batches)


def decoding(sizes: Sizes, sources: Sources) -> Row:
    """Return the row of its search, which computes every prefix anew."""
    from joeynmt.batch import Batch as JoeyBatch
    from joeynmt.search import search

    model = _model(transformer_config(sizes), sizes.vocabulary).eval()
    given = [(renumbered(batch.source), batch.source_lengths) for batch in sources.padded()]
    length = sources.length

    def call() -> None:
        for source, lengths in given:
            rows = torch.arange(len(source))
            cpu = torch.device("cpu")
            batch = JoeyBatch(source, lengths, None, None, None, rows, cpu, PAD, EOS, False)
            with torch.no_grad():
                found = search(model, batch, length, sources.beam, 1.0, 1, min_output_length=length)[0]
            assert found.shape[1] == length

    return Row(call, sources.count)


def _model(config: dict[str, Any], words: int) -> Any:
    from joeynmt.model import build_model

    vocabulary = _vocabulary(words)
    return build_model(config, vocabulary, vocabulary)


def _vocabulary(words: int) -> Any:
    from joeynmt.vocabulary import Vocabulary

    specials = {
        "unk": ("<unk>", UNK),
        "pad": ("<pad>", PAD),
        "bos": ("<s>", BOS),
        "eos": ("</s>", EOS),
        "sep": (None, None),
    }
    named = {
        f"{name}_{key}": value
        for name, both in specials.items()
        for key, value in zip(("token", "id"), both, strict=True)
    }
    return Vocabulary([f"w{n}" for n in range(words - 4)], types.SimpleNamespace(**named, lang_tags=[]))


def _loss(model: Any, smoothing: float) -> Callable[[PeerBatch], Tensor]:
    """What its `TrainManager._train_step` computes of a batch, a mean over tokens."""
    model.loss_function = ("crossentropy", smoothing)

    def loss(batch: PeerBatch) -> Tensor:
        total, _, _, _ = model(
            return_type="loss",
            src=batch.source,
            src_length=batch.source_lengths,
            src_mask=(batch.source != PAD)[:, None],
            trg_input=batch.target_in,
            trg=batch.target,
            trg_mask=(batch.target != PAD)[:, None],
        )
        return total / batch.tokens

    return loss
