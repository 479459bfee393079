"""RNN encoder-decoder, with attention or without.

Sutskever, Vinyals and Le 2014 and Cho et al. 2014 (without attention: the context is fixed); Bahdanau, Cho
and Bengio 2014, section 3 and appendix A.2 (attention before the recurrent step: the query is the decoder's
previous state); Luong, Pham and Manning 2015, section 3 (after it: the query is the new state).

Legend: B batch, S source length, T target length, E embedding size, D decoder state size, C encoder state
size, H heads.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism, MultiHead, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.errors import UserError
from attnrun.models.cells import CELLS
from attnrun.models.encoder import RnnEncoder
from attnrun.models.initialise import initialise_rnn, shrink
from attnrun.models.seq2seq import DecoderState, Memory, consult, embeddings
from attnrun.ranges import PositiveInt, Probability

Look = tuple[Tensor, Tensor | None]  # contexts (B, N, C) and, if asked for, weights (B, H, N, S)


class RnnDecoder(nn.Module):
    """Answer token by token while looking at what an encoder left; the decoder's half of `seq2seq.Seq2Seq`.

    `before` are the modules of a subclass that stand before the decoder's own, by name, `target_embedding`
    among them; `encode` is the subclass's too. `size` is that of the encoder's states, `bridged` whether the
    decoder's first state is a learned map of the encoder's last. The other keys are those of `RnnSeq2Seq`.

    Raises UserError where the mechanism cannot join the states.
    """

    longest = math.inf  # target tokens that it can read
    target_embedding: nn.Embedding

    def __init__(
        self,
        before: Mapping[str, nn.Module],
        target_size: int,
        mechanism: Mechanism,
        *,
        cell: str,
        embedding: int,
        hidden: int,
        size: int,
        layers: int,
        bridged: bool,
        attend: str,
        input_feeding: bool,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        make_cell = CELLS[cell]
        for name, module in before.items():
            self.add_module(name, module)
        self.attention = _build(mechanism, hidden, size)
        bridges = layers * make_cell.parts if bridged else 0
        self.bridges = nn.ModuleList(Linear(size, hidden) for _ in range(bridges))
        gates = make_cell.gates * hidden
        self.from_token = Linear(embedding, gates)
        self.from_context = Linear(size, gates, bias=False) if attend == "before" else None
        self.from_readout = Linear(embedding, gates, bias=False) if input_feeding else None
        self.from_below = nn.ModuleList(Linear(hidden, gates) for _ in range(layers - 1))
        self.cells = nn.ModuleList(make_cell(hidden) for _ in range(layers))
        read = hidden + size + (embedding if attend == "before" else 0)
        self.readout = Linear(read, embedding)
        self.output = Linear(embedding, target_size)
        self.dropout = Dropout(dropout)
        self.parts = make_cell.parts
        initialise_rnn(self, hidden)
        if tied:
            shrink(self.target_embedding)
            self.output.weight = self.target_embedding.weight

    def remember(self, states: Tensor, lengths: Tensor, final: list[Tensor]) -> Memory:
        """Return what the decoder needs of states (B, S, C), of which the first `lengths` (B,) are real.

        `final` are the encoder's last states, one tensor (layers, B, C) for each part of its cell.
        """
        mask = lengths_mask(lengths, states.shape[1])
        projected = () if self.attention is None else self.attention.project(states, states)
        return Memory(states, mask, projected, self._bridge(final), summary=final[0][-1])

    def _bridge(self, final: list[Tensor]) -> tuple[Tensor, ...]:
        """The decoder's first state from the encoder's final one, layer by layer: ((B, D), ...).

        With two directions a learned map of their concatenation (Bahdanau et al. 2014, appendix A.2.2, has
        one of the backward state alone); tanh keeps a hidden state in its range, an LSTM's cell has none.
        """
        by_layer = [part[layer] for layer in range(len(self.cells)) for part in final]
        if not self.bridges:
            return tuple(by_layer)
        mapped = [bridge(state) for bridge, state in zip(self.bridges, by_layer, strict=True)]
        return tuple(torch.tanh(m) if i % self.parts == 0 else m for i, m in enumerate(mapped))

    def start(self, memory: Memory) -> DecoderState:
        """Return the decoder's state before its first step; where it is fed, its last readout is zero."""
        if self.from_readout is None:
            return DecoderState(memory.initial)
        nothing = memory.states.new_zeros(len(memory.states), self.readout.out_features)
        return DecoderState((*memory.initial, nothing))

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read token (B · K,): the next state, the output (B · K, E), weights (B · K, 1, H, S) or None."""
        embedded = self.dropout(self.target_embedding(token))
        following, top, look = self._advance(memory, state, self.from_token(embedded), need_weights)
        context, weights = look or self._look(memory, top[:, None], state.place, need_weights)
        output = self._read(top, context[:, 0], embedded)
        return self._feed(following, output), output, None if weights is None else weights.transpose(1, 2)

    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Run the decoder over target_in (B, T) with teacher forcing: outputs (B, T, E) before the
        projection.

        With `need_weights` also the attention weights (B, 1, H, T, S), None without attention.
        """
        embedded = self.dropout(self.target_embedding(target_in))  # (B, T, E)
        gates = self.from_token(embedded.transpose(0, 1))  # (T, B, gates): all steps at once
        state = self.start(memory)
        tops, looks, outputs = [], [], []
        for gate, token in zip(gates, embedded.unbind(1), strict=True):
            state, top, look = self._advance(memory, state, gate, need_weights)
            tops.append(top)
            if look is not None:
                looks.append(look)
                if self.from_readout is not None:
                    outputs.append(self._read(top, look[0][:, 0], token))
                    state = self._feed(state, outputs[-1])
        top = torch.stack(tops, 1)  # (B, T, D)
        context, weights = _joined(looks) if looks else self._look(memory, top, 0, need_weights)
        output = torch.stack(outputs, 1) if outputs else self._read(top, context, embedded)
        return output, None if weights is None else weights[:, None]

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., target vocabulary)."""
        logits: Tensor = self.output(states)
        return logits

    def _advance(
        self, memory: Memory, state: DecoderState, gates: Tensor, need_weights: bool
    ) -> tuple[DecoderState, Tensor, Look | None]:
        """One step of the decoder: the next state, its top (B, D), and what it found in the source (N = 1).

        None for the latter where no state depends on it: then many steps can look at once. The state holds
        `parts` tensors (B, D) a layer, from the bottom layer up, and last what is fed; gates is the token's
        share of the first layer's input (B, gates * D).
        """
        count = len(self.cells) * self.parts
        before, look = state.tensors[:count], None
        if self.from_readout is not None:
            gates = gates + self.from_readout(state.tensors[count])
        if self.from_context is not None:
            look = self._look(memory, self._top(before)[:, None], state.place, need_weights)
            gates = gates + self.from_context(look[0][:, 0])
        after = self._recur(gates, before)
        top = self._top(after)
        if self.from_context is None and self.from_readout is not None:
            look = self._look(memory, top[:, None], state.place, need_weights)
        return DecoderState(after, state.place + 1), top, look

    def _recur(self, gates: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The next state of all cells, from the bottom layer up."""
        after: tuple[Tensor, ...] = ()
        for layer, cell in enumerate(self.cells):
            if layer > 0:
                gates = self.from_below[layer - 1](self.dropout(self._top(after)))
            after += cell(gates, before[layer * self.parts : (layer + 1) * self.parts])
        return after

    def _look(self, memory: Memory, query: Tensor, place: int, need_weights: bool) -> Look:
        """What queries (B · K, N, D), the first at `place` of the target, find in the source."""
        if self.attention is None:
            assert memory.summary is not None
            summary = memory.summary.repeat_interleave(len(query) // len(memory.summary), 0)
            return summary[:, None].expand(-1, query.shape[1], -1), None
        keys, values = memory.projected
        return consult(self.attention, query, (keys, values), memory.mask, place, need_weights)

    def _top(self, tensors: tuple[Tensor, ...]) -> Tensor:
        return tensors[-self.parts]

    def _feed(self, state: DecoderState, output: Tensor) -> DecoderState:
        """Keep the output (B, E) for the next step to read, where it does."""
        if self.from_readout is None:
            return state
        return DecoderState((*state.tensors, output), state.place)

    def _read(self, top: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """The layer under the projection, of (..., D), (..., C) and (..., E).

        Before the step: Bahdanau et al. 2014, appendix A.2.2, with tanh for maxout. After it, without the
        token: Luong et al. 2015, section 3, the attentional vector.
        """
        parts = [self.dropout(top), self.dropout(context)]
        if self.from_context is not None:
            parts.append(embedded)
        return torch.tanh(self.readout(torch.cat(parts, dim=-1)))


class RnnSeq2Seq(RnnDecoder):
    """Translate with a recurrent encoder and an attention decoder; satisfies `seq2seq.Seq2Seq`.

    `mechanism` joins decoder states to encoder states. Without attention every step sees the encoder's final
    top-layer state. `joint` says that both sides have one vocabulary: they share one embedding.

    `encoder_size` is the size of the encoder's states, both directions together; None stands for `hidden`, so
    that scores that need queries and keys of one size have them. `attend` says when the decoder looks:
    "before" its recurrent step, which then reads the context, or "after", when the context only joins the
    new state in the readout. With `input_feeding` each step also reads the readout of the one before (Luong
    et al. 2015, section 3.3).

    Dropout acts on embeddings, between layers and on what the readout reads. `tied` uses the target
    embeddings as output weights (Press and Wolf 2017).

    Raises UserError for a scheme of positions, since recurrence has the order already, where the two
    directions cannot share `encoder_size`, and where the mechanism cannot join the states.
    """

    source_embedding: nn.Embedding
    encoder: RnnEncoder

    def __init__(
        self,
        source_size: int,
        target_size: int,
        mechanism: Mechanism,
        joint: bool = False,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 128,
        hidden: PositiveInt = 256,
        encoder_size: PositiveInt | None = None,
        layers: PositiveInt = 1,
        bidirectional: bool = True,
        attend: Literal["before", "after"] = "before",
        input_feeding: bool = False,
        dropout: Probability = 0.1,
        tied: bool = False,
    ) -> None:
        mechanism.require_use("an RNN", "cross")
        size = encoder_size or hidden
        both = embeddings(source_size, target_size, embedding, joint)
        encoder = RnnEncoder(
            embedding, size, cell=cell, layers=layers, bidirectional=bidirectional, dropout=dropout
        )
        super().__init__(
            {"source_embedding": both[0], "target_embedding": both[1], "encoder": encoder},
            target_size,
            mechanism,
            cell=cell,
            embedding=embedding,
            hidden=hidden,
            size=size,
            layers=layers,
            bridged=bidirectional or size != hidden,
            attend=attend,
            input_feeding=input_feeding,
            dropout=dropout,
            tied=tied,
        )

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        embedded = self.dropout(self.source_embedding(source))  # (B, S, E)
        states, final = self.encoder(embedded, source_lengths)
        return self.remember(states, source_lengths, final)


def _build(mechanism: Mechanism, hidden: int, size: int) -> MultiHead | None:
    """The attention of decoder states of size `hidden` to encoder states of `size`, None without one."""
    if mechanism.attention is None:
        return None
    try:
        return mechanism.build(hidden, size, size, "cross")
    except UserError as error:
        try:
            mechanism.build(hidden, hidden, hidden, "cross")
        except UserError:
            raise error from None
        raise UserError(f"{error}; or model.encoder_size=null, which makes both sizes {hidden}") from error


def _joined(looks: list[Look]) -> Look:
    """T looks of one step each in one: contexts (B, T, C), weights (B, H, T, S)."""
    weights = [found for _, found in looks if found is not None]
    return torch.cat([context for context, _ in looks], 1), torch.cat(weights, 2) if weights else None
