"""A trained Transformer for CTranslate2, an engine in C++ that decodes on CPUs and GPUs.

Letters: E model size, H heads, D the size of a head, P places.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnrun.attention import Dot, LearnedPositions, MultiHead, Position, Rotary, ScaledDot, Sinusoidal
from attnrun.attention.locality import Locality
from attnrun.attention.softmax import is_softmax
from attnrun.errors import UserError
from attnrun.models.layers import CrossAttention, DecoderLayer, EncoderLayer, FeedForward, SelfAttention
from attnrun.models.stacks import Stack
from attnrun.models.transformer import Transformer

POSITIONS = (Position, Sinusoidal, LearnedPositions, Rotary)
PLACES = 1024  # that a sinusoidal scheme is written out for: CTranslate2 reads them from a table


def save(model: nn.Module, source: Sequence[str], target: Sequence[str], directory: Path) -> None:
    """Write `model` as a CTranslate2 model to a new directory.

    Args:
        source, target: the tokens by number, beginning with `<pad>`, `<unk>`, `<bos>` and `<eos>`; a source
            is handed to the engine as it is, without an end.

    Raises:
        UserError: this is no Transformer, or one with a part that the engine has not; the message names it.
    """
    if not isinstance(model, Transformer):
        raise UserError("CTranslate2 runs Transformers alone; export a run of model=transformer")
    first = model.encoder.layers[0]
    for attention in _attentions(model):
        _check(attention)
    spec = _spec(model, first)
    for side, stack, embedding in (
        (spec.encoder, model.encoder, model.source_embedding),
        (spec.decoder, model.decoder, model.target_embedding),
    ):
        _fill_stack(side, stack, embedding)
    _fill_linear(spec.decoder.projection, model.output)
    spec.register_source_vocabulary(distinct(source))
    spec.register_target_vocabulary(distinct(target))
    _, unknown, begin, end = distinct(target)[:4]
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = unknown, begin, end
    spec.config.decoder_start_token = begin
    spec.config.layer_norm_epsilon = first.feedforward.residual.norm.eps
    spec.validate()
    spec.optimize(quantization=None)
    directory.mkdir(parents=True)
    spec.save(str(directory))


def _attentions(model: Transformer) -> list[MultiHead]:
    """Every attention of the model."""
    return [module for module in model.modules() if isinstance(module, MultiHead)]


def _check(attention: MultiHead) -> None:
    """Raise UserError for what the engine has not."""
    place = attention.position
    known: list[tuple[str, bool, str]] = [
        ("attention", type(attention.score) in (Dot, ScaledDot), "scaled-dot or dot"),
        ("normaliser", is_softmax(attention.normaliser), "softmax"),
        ("position", type(place) in POSITIONS, "sinusoidal, learned, rotary or none"),
        ("mask", type(attention.locality) is Locality, "full"),
        ("heads", isinstance(attention.W_q, nn.Linear), "multi"),
        ("heads", attention.groups == attention.heads, "multi"),
    ]
    for group, there, choices in known:
        if not there:
            raise UserError(f"CTranslate2 has not the {group} of this run; it takes {group}={choices}")


def _spec(model: Transformer, first: EncoderLayer) -> Any:
    """The empty form of a model of this kind."""
    from ctranslate2.specs import (
        TransformerDecoderSpec,
        TransformerEncoderSpec,
        TransformerSpec,
        common_spec,
    )

    relu = isinstance(first.feedforward.activation, nn.ReLU)
    keys = {
        "pre_norm": first.feedforward.residual.first,
        "activation": common_spec.Activation.RELU if relu else common_spec.Activation.GELU,
    }
    position, heads = model.encoder.position, first.self_attention.attention.heads
    if isinstance(position, Rotary):  # 0: all features of a head
        keys |= {"rotary_dim": 0, "rotary_interleave": True, "rotary_base": position.base}
    return TransformerSpec(
        TransformerEncoderSpec(len(model.encoder.layers), heads, **keys),
        TransformerDecoderSpec(len(model.decoder.layers), heads, **keys),
    )


def _fill_stack(side: Any, stack: Stack, embedding: nn.Embedding) -> None:
    table = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
    table.weight = _array(embedding.weight)
    table.multiply_by_sqrt_depth = np.int8(1)
    if hasattr(side, "position_encodings"):
        side.position_encodings.encodings = _array(_places(stack.position))
    if isinstance(stack.norm, nn.LayerNorm):
        _fill_norm(side.layer_norm, stack.norm)
    layers: Sequence[EncoderLayer | DecoderLayer] = stack.layers
    for spec, layer in zip(side.layer, layers, strict=True):
        _fill_self(spec.self_attention, layer.self_attention)
        if isinstance(layer, DecoderLayer):
            _fill_cross(spec.attention, layer.cross_attention)
        _fill_feedforward(spec.ffn, layer.feedforward)


def _places(position: Position) -> Tensor:
    """What is added to the embedding of each place, (P, E)."""
    if isinstance(position, LearnedPositions):
        return position.table
    places: Tensor = position.embed(torch.zeros(1, PLACES, position.size))[0]
    return places


def _fill_self(spec: Any, layer: SelfAttention) -> None:
    attention = layer.attention
    _fill_norm(spec.layer_norm, layer.residual.norm)
    _fill_joined(spec.linear[0], _query(attention), _parts(attention.W_k), _parts(attention.W_v))
    _fill_linear(spec.linear[1], attention.W_o)


def _fill_cross(spec: Any, layer: CrossAttention) -> None:
    attention = layer.attention
    _fill_norm(spec.layer_norm, layer.residual.norm)
    _fill_joined(spec.linear[0], _query(attention))
    _fill_joined(spec.linear[1], _parts(attention.W_k), _parts(attention.W_v))
    _fill_linear(spec.linear[2], attention.W_o)


def _fill_feedforward(spec: Any, feedforward: FeedForward) -> None:
    _fill_norm(spec.layer_norm, feedforward.residual.norm)
    _fill_linear(spec.linear_0, feedforward.widen)
    _fill_linear(spec.linear_1, feedforward.narrow)


Parts = tuple[Tensor, Tensor | None]


def _parts(linear: nn.Module) -> Parts:
    assert isinstance(linear, nn.Linear)
    return linear.weight, linear.bias


def _query(attention: MultiHead) -> Parts:
    """W_q for an engine that divides every product by √D: for plain products it is √D times as large."""
    weight, bias = _parts(attention.W_q)
    if isinstance(attention.score, ScaledDot):
        return weight, bias
    factor = math.sqrt(attention.score.query_size)
    return weight * factor, None if bias is None else bias * factor


def _fill_linear(spec: Any, linear: nn.Module) -> None:
    _fill_joined(spec, _parts(linear))


def _fill_joined(spec: Any, *parts: Parts) -> None:
    """Several matrices, each (E, E), as one with their rows in turn."""
    spec.weight = _array(torch.cat([weight for weight, _ in parts]))
    biases = [bias for _, bias in parts if bias is not None]
    if biases:
        spec.bias = _array(torch.cat(biases))


def _fill_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _array(norm.weight), _array(norm.bias)


def _array(tensor: Tensor) -> Any:
    return tensor.detach().float().cpu().numpy().copy()


def distinct(tokens: Sequence[str]) -> list[str]:
    """Return the tokens; one that is empty, or spelled like one before it, with its number."""
    spellings, seen, made = set(tokens), set[str](), []
    for number, token in enumerate(tokens):
        name = token
        while not name or name in seen or (name != token and name in spellings):
            name = f"{name}#{number}"
        seen.add(name)
        made.append(name)
    return made
