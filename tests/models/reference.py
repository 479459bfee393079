"""The attention decoder once more, from the paper, one sentence and one number at a time, in float64."""

import math

import torch
from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def gru(weights: dict[str, Tensor], x: Tensor, h: Tensor) -> Tensor:
    """Cho et al. 2014, with the reset gate after the recurrent product as in torch."""
    size = len(h)
    inner, outer = weights["ih"] @ x + weights["b_ih"], weights["hh"] @ h + weights["b_hh"]
    r = sigmoid(inner[:size] + outer[:size])
    z = sigmoid(inner[size : 2 * size] + outer[size : 2 * size])
    n = torch.tanh(inner[2 * size :] + r * outer[2 * size :])
    return (1 - z) * n + z * h


def additive_context(model, query: Tensor, states: Tensor) -> tuple[Tensor, list[float]]:
    """Bahdanau et al. 2014, appendix A.1.2 and eq. 5-6, one key at a time."""
    score = model.attention.score
    W_q, W_k, v = score.W_q.weight, score.W_k.weight, score.v.weight[0]
    energies = [float(v @ torch.tanh(W_q @ query + W_k @ state)) for state in states]
    total = sum(math.exp(e) for e in energies)
    alphas = [math.exp(e) / total for e in energies]
    return sum(a * state for a, state in zip(alphas, states, strict=True)), alphas


def encode(model, tokens: list[int], layers: int) -> tuple[Tensor, list[Tensor]]:
    """Bidirectional GRU layers: states (S, 2 hidden) of the top, the final state of each layer joined."""
    rnn = model.encoder.rnn
    sequence = [model.source_embedding.weight[token] for token in tokens]
    finals = []
    for layer in range(layers):
        passes = []
        for suffix in ("", "_reverse"):
            names = {"ih": "weight_ih", "hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
            weights = {short: getattr(rnn, f"{long}_l{layer}{suffix}") for short, long in names.items()}
            h, states = torch.zeros(rnn.hidden_size, dtype=torch.float64), []
            for x in sequence[::-1] if suffix else sequence:
                h = gru(weights, x, h)
                states.append(h)
            passes.append(states[::-1] if suffix else states)
            finals.append(h)
        sequence = [torch.cat(pair) for pair in zip(*passes, strict=True)]
    joined = [torch.cat(finals[2 * layer : 2 * layer + 2]) for layer in range(layers)]
    return torch.stack(sequence), joined


def decode(model, source: list[int], target_in: list[int], layers: int) -> tuple[Tensor, Tensor]:
    """Logits (T, vocabulary) and attention weights (T, S) of one sentence."""
    states, finals = encode(model, source, layers)
    bridges = zip(model.bridges, finals, strict=True)
    h = [torch.tanh(bridge.weight @ final + bridge.bias) for bridge, final in bridges]
    before, feeding = model.from_context is not None, model.from_readout is not None
    read = torch.zeros(model.readout.out_features, dtype=torch.float64)
    logits, rows = [], []
    for token in target_in:
        embedded = model.target_embedding.weight[token]
        inputs = [(model.from_token.weight, embedded)]
        if before:
            context, alphas = additive_context(model, h[-1], states)
            inputs.append((model.from_context.weight, context))
        if feeding:
            inputs.append((model.from_readout.weight, read))
        below = torch.cat([part for _, part in inputs])
        for layer in range(layers):
            fed = model.from_below[layer - 1] if layer else None
            weights = {
                "ih": fed.weight if fed else torch.cat([matrix for matrix, _ in inputs], 1),
                "b_ih": fed.bias if fed else model.from_token.bias,
                "hh": model.cells[layer].recurrent.weight,
                "b_hh": model.cells[layer].recurrent.bias,
            }
            h[layer] = below = gru(weights, below, h[layer])
        if not before:
            context, alphas = additive_context(model, h[-1], states)
        seen = [h[-1], context, *([embedded] if before else [])]
        read = torch.tanh(model.readout.weight @ torch.cat(seen) + model.readout.bias)
        logits.append(model.output.weight @ read + model.output.bias)
        rows.append(torch.tensor(alphas, dtype=torch.float64))
    return torch.stack(logits), torch.stack(rows)
