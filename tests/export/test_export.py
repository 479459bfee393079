"""Exported models give what the trained ones give: scores, and the same greedy translations."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attnrun.attention import (
    Dot,
    Gaussian,
    Heads,
    LearnedPositions,
    Mechanism,
    Position,
    Rotary,
    ScaledDot,
    Sinusoidal,
)
from attnrun.errors import UserError
from attnrun.export import ctranslate, onnx
from attnrun.models.decoding import forced, greedy
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.transformer import Transformer

SPECIALS = ["<pad>", "<unk>", "<bos>", "<eos>"]
SOURCE = [*SPECIALS, "<pad>", "", "<pad>#4", *(f"s{n}" for n in range(16))]
TARGET = [*SPECIALS, *(f"t{n}" for n in range(15))]
LENGTHS, TARGET_LENGTHS = [5, 7, 2, 11], [3, 5, 7, 2]


def padded(rows: list[list[int]]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def made(position: Any = Sinusoidal, score: Any = ScaledDot, heads: Any = None, **keys: Any) -> Transformer:
    torch.manual_seed(7)
    mechanism = Mechanism(attention=score, position=position, heads=heads or Heads(count=3, projections=True))
    model = Transformer(
        len(SOURCE), len(TARGET), mechanism, size=24, layers=2, decoder_layers=3, feedforward=37, **keys
    )
    for weight in model.parameters():  # biases and norms too are to tell
        weight.data += 0.1 * torch.randn_like(weight)
    return model.eval()


def sentences() -> tuple[list[list[int]], list[list[int]]]:
    draw = torch.Generator().manual_seed(3)
    sizes = (len(SOURCE), LENGTHS), (len(TARGET), TARGET_LENGTHS)
    source, target = (
        [torch.randint(4, size, (n,), generator=draw).tolist() for n in lengths] for size, lengths in sizes
    )
    return source, target


@pytest.mark.parametrize(
    ("norm", "score", "position", "bias"),
    list(
        itertools.product(
            ["pre", "post"],
            [ScaledDot, Dot],
            [Position, Sinusoidal, LearnedPositions, partial(Rotary, base=500.0)],
            [True, False],
        )
    ),
)
def test_ctranslate2_scores_and_decodes_alike(
    tmp_path: Path, norm: Any, score: Any, position: Any, bias: bool
) -> None:
    import ctranslate2

    activation = "gelu" if bias else "relu"
    model = made(position, score, norm=norm, bias=bias, tied=not bias, activation=activation)
    ctranslate.save(model, SOURCE, TARGET, tmp_path / "model")
    engine = ctranslate2.Translator(str(tmp_path / "model"), compute_type="float32", intra_threads=1)
    source, target = sentences()
    names = [*SPECIALS, "<pad>#4#4", "#5", *SOURCE[6:]]
    spelled = [[names[number] for number in row] for row in source]
    lengths = torch.tensor(LENGTHS)
    wanted = forced(model, padded(source), lengths, padded([[2, *row, 3] for row in target]))
    scored = engine.score_batch(spelled, [[TARGET[number] for number in row] for row in target])
    for row, theirs in zip(wanted.log_probabilities, scored, strict=True):
        torch.testing.assert_close(
            torch.tensor(theirs.log_probs), row[: len(theirs.log_probs)], rtol=0, atol=1e-5
        )
    ours = greedy(model, padded(source), lengths, bos=2, eos=3, length_factor=0.0, length_offset=13)
    found = engine.translate_batch(
        spelled,
        beam_size=1,
        max_decoding_length=13,
        min_decoding_length=0,
        suppress_sequences=[["<pad>"], ["<bos>"]],
    )
    assert [[TARGET[n] for n in row] for row in ours.tokens] == [one.hypotheses[0] for one in found]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"score": lambda query, key: Gaussian(query, key, width=5.0)}, "attention=scaled-dot or dot"),
        ({"heads": Heads(count=4, groups=2, projections=True)}, "heads=multi"),
        ({"heads": Heads(count=3, projections=False)}, "heads=multi"),
    ],
)
def test_ctranslate2_refuses_what_it_has_not_by_name(
    tmp_path: Path, keys: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        ctranslate.save(made(**keys), SOURCE, TARGET, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_ctranslate2_refuses_an_rnn(tmp_path: Path) -> None:
    model = RnnSeq2Seq(len(SOURCE), len(TARGET), Mechanism(attention=ScaledDot), embedding=7, hidden=6)
    with pytest.raises(UserError, match="model=transformer"):
        ctranslate.save(model, SOURCE, TARGET, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_onnx_says_why_it_takes_no_rnn(tmp_path: Path) -> None:
    model = RnnSeq2Seq(len(SOURCE), len(TARGET), Mechanism(attention=ScaledDot), embedding=7, hidden=6)
    with pytest.raises(UserError, match="ONNX's exporter does not take this model: "):
        onnx.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_onnx_gives_the_same_log_probabilities(tmp_path: Path) -> None:
    import onnxruntime

    model = made()
    onnx.save(model, tmp_path / "model")
    session = onnxruntime.InferenceSession(str(tmp_path / "model/model.onnx"))
    source, target = sentences()
    for rows in (slice(0, 4), slice(1, 2), slice(0, 3)):
        inputs = (
            padded(source[rows]),
            torch.tensor(LENGTHS[rows]),
            padded([[2, *row] for row in target[rows]]),
        )
        (found,) = session.run(None, {n: x.numpy() for n, x in zip(onnx.NAMES, inputs, strict=True)})
        with torch.no_grad():
            wanted = onnx.Forced(model)(*inputs)
        torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=0, atol=1e-5)
