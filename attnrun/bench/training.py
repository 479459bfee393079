"""Training steps of the two translators, as `attnrun train` makes them: loss, gradient, clipping, Adam."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial

from torch import nn

from attnrun.attention import Additive, Heads, Mechanism, ScaledDot, Sinusoidal
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.texts import GetTexts, first_batches, target_tokens
from attnrun.data.batching import Batch, TextBatches
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.transformer import Transformer
from attnrun.training.optim import adam
from attnrun.training.seq2seq import forced_loss
from attnrun.training.step import Stepper

CLIP = 1.0
RATE = 1e-3
SMOOTHING = 0.1  # of the Transformer's labels
DROPOUT = 0.1  # in the Transformer


def rnn(sizes: Sizes) -> RnnSeq2Seq:
    """Return a GRU encoder, both directions, and a GRU decoder with Bahdanau's attention, without dropout."""
    mechanism = Mechanism(attention=partial(Additive, hidden=sizes.rnn))
    return RnnSeq2Seq(
        sizes.vocabulary,
        sizes.vocabulary,
        mechanism,
        embedding=sizes.rnn,
        hidden=sizes.rnn,
        layers=sizes.rnn_layers,
        dropout=0.0,
    )


def transformer(sizes: Sizes) -> Transformer:
    """Return a Transformer with tied target embeddings."""
    heads = Heads(count=sizes.heads, projections=True)
    return Transformer(
        sizes.vocabulary,
        sizes.vocabulary,
        Mechanism(attention=ScaledDot, position=Sinusoidal, heads=heads),
        size=sizes.model,
        layers=sizes.layers,
        feedforward=sizes.feedforward,
        dropout=DROPOUT,
        attention_dropout=0.0,
        tied=True,
    )


def trainer(model: nn.Module, label_smoothing: float = 0.0) -> Callable[[Sequence[Batch]], None]:
    """Return what makes one step on each of some batches."""
    model.train()
    loss = partial(forced_loss, model, label_smoothing=label_smoothing)
    stepper = Stepper(model, adam(model.parameters(), lr=RATE), loss, nullcontext, CLIP)

    def train(batches: Sequence[Batch]) -> None:
        for number, batch in enumerate(batches):
            stepper.step([batch], number)

    return train


def rnn_batches(sizes: Sizes, texts: GetTexts, pairs: int) -> list[Batch]:
    """Return batches of so many pairs of about one length."""
    return first_batches(TextBatches(texts().encoded(), batch_size=pairs, seed=0), sizes.rnn_batches)


def rnn_training(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """GRU + Bahdanau; the inputs are the batches."""
    batches = rnn_batches(sizes, texts, sizes.rnn_pairs)
    what = f"2 x {sizes.rnn // 2} + {sizes.rnn}, {sizes.rnn_layers} + {sizes.rnn_layers} layers"
    title = f"GRU + Bahdanau training, {what}, vocabulary {sizes.vocabulary}, {sizes.rnn_pairs} pairs a batch"
    yield _table("rnn-training", title, batches, trainer(rnn(sizes)))


def transformer_training(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """Transformer-Tiny; the inputs are the batches."""
    tokens = TextBatches(texts().encoded(), batch_tokens=sizes.batch_tokens, seed=0)
    batches = first_batches(tokens, sizes.batches)
    what = f"{sizes.layers} + {sizes.layers} layers of {sizes.model}/{sizes.feedforward}, {sizes.heads} heads"
    title = (
        f"Transformer training, {what}, vocabulary {sizes.vocabulary}, {sizes.batch_tokens} tokens a batch"
    )
    step = trainer(transformer(sizes), SMOOTHING)
    yield _table("transformer-training", title, batches, step)


def _table(name: str, title: str, batches: list[Batch], train: Callable[[Sequence[Batch]], None]) -> Table:
    row = Row(partial(train, batches), target_tokens(batches))
    return Table(name, title, "target tokens", {OURS: row}, batches, with_memory=True)
