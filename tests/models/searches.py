"""Models for searches to go through: small vocabularies, large weights, outputs of many lengths."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnrun.attention import Additive, Heads, Mechanism, Monotonic, Rotary, ScaledDot, Sinusoidal
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.transformer import Transformer
from attnrun.models.word_by_word import WordByWord

BOS, EOS = 2, 3
SOURCES, TARGETS = 19, 11  # vocabularies
LENGTHS = torch.tensor([3, 7, 1, 5, 6, 2, 4])
MULTI = Heads(3, projections=True)


def sources() -> Tensor:
    """Seven sentences (7, 7), padded with 0."""
    source = torch.randint(4, SOURCES, (7, 7), generator=torch.Generator().manual_seed(5))
    return source.masked_fill(torch.arange(7) >= LENGTHS[:, None], 0)


def rnn(targets: int = TARGETS, seed: int = 11, **keys: Any) -> RnnSeq2Seq:
    parts = {"attention": partial(Additive, hidden=5)} | {
        name: keys.pop(name) for name in ("attention", "mask") if name in keys
    }
    sizes = {"embedding": 17, "hidden": 23, "encoder_size": 46, "dropout": 0.3}
    torch.manual_seed(seed)
    return _loud(RnnSeq2Seq(SOURCES, targets, Mechanism(**parts), **sizes, **keys), 2.5)


def transformer(targets: int = TARGETS, seed: int = 3, **parts: Any) -> Transformer:
    mechanism = Mechanism(**{"attention": ScaledDot, "position": Sinusoidal, "heads": MULTI, **parts})
    torch.manual_seed(seed)
    return _loud(Transformer(SOURCES, targets, mechanism, size=12, feedforward=13), 1.7)


def word_by_word(targets: int = TARGETS) -> WordByWord:
    torch.manual_seed(7)
    return _loud(WordByWord(SOURCES, targets, Mechanism(), embedding=13, hidden=17), 3)


MODELS = {
    "rnn": rnn,
    "lstm, two layers, fed back": partial(rnn, cell="lstm", layers=2, attend="after", input_feeding=True),
    "local-m": partial(rnn, mask=partial(Monotonic, width=1), attend="after"),
    "no attention": partial(rnn, attention=None),
    "transformer": transformer,
    "additive, rotary": partial(
        transformer, attention=partial(Additive, hidden=5), position=Rotary, heads=Heads(2, projections=True)
    ),
    "shared keys, local-m": partial(transformer, mask=partial(Monotonic, width=1), heads=Heads(3, 1, True)),
    "word by word": word_by_word,
}


@torch.no_grad()
def _loud(model: Any, factor: float) -> Any:
    """Double precision, and outputs of many lengths; padding is likely, were it permitted."""
    for parameter in model.parameters():
        parameter.mul_(factor)
    model.output.bias.normal_()
    model.output.bias[[0, BOS]] += 2
    return model.double().eval()
