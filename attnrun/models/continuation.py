"""A language model as searches know an encoder-decoder: the source is how a text begins, the target how it
goes on.

Letters: B batch, R rows, W tokens of a window.
"""

import math

import torch
from torch import Tensor

from attnrun.models.language_model import LanguageModel
from attnrun.models.seq2seq import DecoderState, Memory


class Continuation:
    """Goes on with texts that a language model of `context` tokens reads; for `decoding.greedy` and others.

    A source begins with `bos`, and all of a batch are of one length. Where the tokens fill the context, the
    model begins anew with `bos` and the later half of them. The first `specials` numbers are never put out,
    so that a text ends where its length is limited.
    """

    longest = math.inf  # target tokens that it can read

    def __init__(self, model: LanguageModel, context: int, specials: int) -> None:
        self.model, self.context, self.specials = model, context, specials

    def encode(self, source: Tensor, source_lengths: Tensor) -> Memory:
        """Keep the last tokens of source (B, S), of which as many as fit are read in the first step."""
        kept = self.context if source.shape[1] <= self.context else self.context - self.context // 2
        window = torch.cat([source[:, :1], source[:, 1:][:, max(source.shape[1] - kept, 0) :]], 1)
        nothing = torch.zeros(len(source), 1, 1, device=source.device)
        return Memory(nothing, nothing > -1, projected=(), initial=(window,))

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step: the window (B, W), not read yet."""
        return DecoderState(memory.initial)

    def step(
        self, memory: Memory, state: DecoderState, token: Tensor, need_weights: bool = True
    ) -> tuple[DecoderState, Tensor, None]:
        """Read a token (R,), at first the window instead: the next state, the output (R, E), no weights."""
        window, *past = state.tensors
        anew = state.place == 0
        if not anew:
            anew = window.shape[1] == self.context
            kept = window[:, self.context // 2 + 1 :] if anew else window[:, 1:]
            window = torch.cat([window[:, :1], kept, token[:, None]], 1)
        if anew:
            known, read = self.model.start(len(window)), window
        else:
            known, read = DecoderState(tuple(past), window.shape[1] - 1), token[:, None]
        after, states, _ = self.model.step(known, read)
        return DecoderState((window, *after.tensors), state.place + 1), states[:, -1], None

    def project(self, states: Tensor) -> Tensor:
        """Turn states (..., E) into logits (..., vocabulary), -inf for the specials."""
        logits = self.model.project(states)
        special = torch.arange(logits.shape[-1], device=logits.device) < self.specials
        return logits.masked_fill(special, -torch.inf)
