"""RNN encoder-decoder, with attention or without.

Sutskever, Vinyals and Le 2014 and Cho et al. 2014 (without attention: the context is fixed); Bahdanau, Cho
and Bengio 2014, section 3 and appendix A.2 (with attention: the query is the decoder's previous state).

Legend: B batch, S source length, T target length, E embedding size, D decoder state size, C encoder state
size.
"""

from typing import Literal, overload

import torch
from torch import Tensor, nn

from attnrun.attention import Normaliser, Position, Score, attend, lengths_mask, masked_softmax
from attnrun.errors import UserError
from attnrun.models.cells import CELLS
from attnrun.models.encoder import RnnEncoder
from attnrun.models.initialise import initialise_rnn, shrink
from attnrun.models.seq2seq import AttentionFactory, DecoderState, Memory, PositionFactory
from attnrun.ranges import PositiveInt, Probability

PAD = 0


class RnnSeq2Seq(nn.Module):
    """Translate with a recurrent encoder and an attention decoder; satisfies `seq2seq.Seq2Seq`.

    `attention(query_size, key_size)` builds the score; None leaves it out: every step then sees the encoder's
    final top-layer state. `normaliser` makes weights of the scores. `joint` says that both sides have one
    vocabulary: they share one embedding. Dropout acts on embeddings, between layers and on what the readout
    reads. `tied` uses the target embeddings as output weights (Press and Wolf 2017).

    Raises UserError for a scheme of positions, since recurrence has the order already, and where the score
    cannot join a decoder state (hidden) to an encoder state (hidden, or twice that where bidirectional).
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        attention: AttentionFactory | None,
        joint: bool = False,
        normaliser: Normaliser = masked_softmax,
        position: PositionFactory = Position,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 128,
        hidden: PositiveInt = 256,
        layers: PositiveInt = 1,
        bidirectional: bool = True,
        dropout: Probability = 0.1,
        tied: bool = False,
    ) -> None:
        super().__init__()
        if type(position(hidden, 1)) is not Position:
            raise UserError("an RNN reads words in their order and takes no positions; set position=none")
        make_cell = CELLS[cell]
        self.source_embedding = nn.Embedding(source_size, embedding, padding_idx=PAD)
        self.target_embedding = (
            self.source_embedding if joint else nn.Embedding(target_size, embedding, padding_idx=PAD)
        )
        self.encoder = RnnEncoder(
            embedding, hidden, cell=cell, layers=layers, bidirectional=bidirectional, dropout=dropout
        )
        self.score = _build_score(attention, hidden, self.encoder.size)
        self.normaliser = normaliser
        bridged = layers * make_cell.parts if bidirectional else 0
        self.bridges = nn.ModuleList(nn.Linear(self.encoder.size, hidden) for _ in range(bridged))
        gates = make_cell.gates * hidden
        self.from_token = nn.Linear(embedding, gates)
        self.from_context = nn.Linear(self.encoder.size, gates, bias=False)
        self.from_below = nn.ModuleList(nn.Linear(hidden, gates) for _ in range(layers - 1))
        self.cells = nn.ModuleList(make_cell(hidden) for _ in range(layers))
        self.readout = nn.Linear(hidden + self.encoder.size + embedding, embedding)
        self.output = nn.Linear(embedding, target_size)
        self.dropout = nn.Dropout(dropout)
        self.parts = make_cell.parts
        initialise_rnn(self, hidden)
        if tied:
            shrink(self.target_embedding)
            self.output.weight = self.target_embedding.weight

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Read source (B, S), padded with 0; `source_lengths` (B,) from 1 to S, in any order."""
        embedded = self.dropout(self.source_embedding(source))  # (B, S, E)
        states, final = self.encoder(embedded, source_lengths)
        mask = lengths_mask(source_lengths, source.shape[1])
        projected = () if self.score is None else (self.score.project_keys(states),)
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
        """Return the decoder's state before its first step."""
        return DecoderState(memory.initial)

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, Tensor | None]:
        """Read token (B,): the next state, the output (B, E) and the weights (B, 1, 1, S) or None."""
        embedded = self.dropout(self.target_embedding(token))
        gates = self.from_token(embedded)
        tensors, context, weights = self._advance(memory, state.tensors, gates, need_weights)
        output = self._read(self._top(tensors), context, embedded)
        return DecoderState(tensors), output, None if weights is None else weights[:, None]

    @overload
    def states(self, memory: Memory, target_in: Tensor, need_weights: Literal[False] = ...) -> Tensor: ...
    @overload
    def states(
        self, memory: Memory, target_in: Tensor, need_weights: Literal[True]
    ) -> tuple[Tensor, Tensor | None]: ...
    def states(
        self, memory: Memory, target_in: Tensor, need_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Run the decoder over target_in (B, T) with teacher forcing: outputs (B, T, E) before the
        projection.

        With `need_weights` also the attention weights (B, 1, 1, T, S), None without attention.
        """
        embedded = self.dropout(self.target_embedding(target_in))  # (B, T, E)
        gates = self.from_token(embedded.transpose(0, 1))  # (T, B, gates): all steps at once
        tensors = memory.initial
        tops, contexts, rows = [], [], []
        for gate in gates.unbind(0):
            tensors, context, weights = self._advance(memory, tensors, gate, need_weights)
            tops.append(self._top(tensors))
            contexts.append(context)
            rows.append(weights)
        output = self._read(torch.stack(tops, 1), torch.stack(contexts, 1), embedded)
        return (output, _stack_weights(rows)) if need_weights else output

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., target vocabulary)."""
        logits: Tensor = self.output(states)
        return logits

    def _advance(
        self, memory: Memory, state: tuple[Tensor, ...], gates: Tensor, need_weights: bool
    ) -> tuple[tuple[Tensor, ...], Tensor, Tensor | None]:
        """One step of the decoder: the next state, the context (B, C) and, if asked, the weights (B, 1, S).

        state holds `parts` tensors (B, D) a layer, from the bottom layer up; gates is the token's share of
        the first layer's input (B, gates * D).
        """
        context, weights = self._look(memory, self._top(state), need_weights)
        gates = torch.addmm(gates, context, self.from_context.weight.t())
        following: tuple[Tensor, ...] = ()
        for layer, cell in enumerate(self.cells):
            if layer > 0:
                gates = self.from_below[layer - 1](self.dropout(self._top(following)))
            following += cell(gates, state[layer * self.parts : (layer + 1) * self.parts])
        return following, context, weights

    def _look(self, memory: Memory, query: Tensor, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """The context (B, C) for query (B, D), the previous top state, and its weights (B, 1, S)."""
        if self.score is None:
            assert memory.summary is not None
            return memory.summary, None
        context, weights = attend(
            self.score,
            query[:, None],
            memory.states,
            memory.states,
            memory.mask,
            normaliser=self.normaliser,
            projected=memory.projected[0],
            need_weights=need_weights,
        )
        return context.squeeze(1), weights

    def _top(self, state: tuple[Tensor, ...]) -> Tensor:
        return state[-self.parts]

    def _read(self, top: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """The layer under the projection (Bahdanau et al. 2014, appendix A.2.2, with tanh for maxout)."""
        seen = torch.cat([self.dropout(top), self.dropout(context), embedded], dim=-1)
        return torch.tanh(self.readout(seen))


def _build_score(attention: AttentionFactory | None, query_size: int, key_size: int) -> Score | None:
    if attention is None:
        return None
    try:
        return attention(query_size, key_size)
    except UserError as error:
        if query_size == key_size:
            raise
        raise UserError(
            f"{error}; or model.bidirectional=false, which makes both sizes {query_size}"
        ) from error


def _stack_weights(rows: list[Tensor | None]) -> Tensor | None:
    """T weights (B, 1, S) -> (B, 1, 1, T, S)."""
    kept = [row for row in rows if row is not None]
    return torch.stack(kept, dim=2)[:, None] if kept else None
