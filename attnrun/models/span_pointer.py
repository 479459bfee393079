"""Reading comprehension: where in a passage is the answer to a question?

Letters: B batch, N tokens of the passage, M tokens of the question, H heads, E size of a state.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from attnrun.attention import Dropout, Mechanism, lengths_mask
from attnrun.attention.dense import Linear
from attnrun.models.encoder import RnnEncoder
from attnrun.models.initialise import initialise_rnn
from attnrun.models.readers import RnnReader
from attnrun.ranges import PositiveInt, Probability


class SpanPointer(nn.Module):
    """Point at the first and the last token of the answer.

    One reader reads both texts; each token of the passage looks at the question for what concerns it; a
    second reader goes over passage and findings side by side, and two pointers are laid on its states. In the
    manner of Seo et al. 2017, section 2, with attention in their one direction from passage to question.
    Without attention every token finds the same, the reader's last state of the question.

    Raises UserError for a scheme of positions, since recurrence has the order already, and where the parts of
    the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        mechanism: Mechanism,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        embedding: PositiveInt = 64,
        hidden: PositiveInt = 64,
        layers: PositiveInt = 1,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        mechanism.require_use("an RNN that points at answers", "cross")
        form = {"cell": cell, "layers": layers, "bidirectional": True, "dropout": dropout}
        self.reader = RnnReader(vocabulary, embedding=embedding, size=hidden, **form)  # type: ignore[arg-type]
        self.attention = mechanism.build(hidden, hidden, hidden, "cross") if mechanism.attention else None
        self.second = RnnEncoder(3 * hidden, hidden, **form)  # type: ignore[arg-type]
        self.dropout = Dropout(dropout)
        self.output = Linear(hidden, 2)
        initialise_rnn(self, hidden // 2)

    def forward(
        self, passages: Tensor, passage_lengths: Tensor, questions: Tensor, question_lengths: Tensor
    ) -> Tensor:
        """Return logits (B, 2, N) of the first and the last token, -inf on padding.

        passages (B, N) and questions (B, M), padded with 0; lengths (B,) from 1 on.
        """
        return self.look(passages, passage_lengths, questions, question_lengths, need_weights=False)[0]

    def look(
        self,
        passages: Tensor,
        passage_lengths: Tensor,
        questions: Tensor,
        question_lengths: Tensor,
        need_weights: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """As `forward`, with the weights (B, 1, H, N, M) of the question's tokens where asked for."""
        states, _ = self.reader(passages, passage_lengths)
        asked, last = self.reader(questions, question_lengths)
        weights = None
        if self.attention is None:
            found = last[:, None].expand_as(states)
        else:
            mask = lengths_mask(question_lengths, questions.shape[1])
            found, weights = self.attention(states, asked, asked, mask, need_weights=need_weights)
        both = torch.cat([states, found, states * found], -1)
        read, _ = self.second(self.dropout(both), passage_lengths)
        logits = self.output(self.dropout(read)).mT  # (B, 2, N)
        padding = ~lengths_mask(passage_lengths, passages.shape[1])  # (B, 1, N)
        return logits.masked_fill(padding, -torch.inf), None if weights is None else weights[:, None]


def best_spans(logits: Tensor, longest: int) -> Tensor:
    """Return the likeliest first and last tokens (B, 2), of spans of at most `longest` tokens.

    logits (B, 2, N) as `SpanPointer` gives them.
    """
    first, last = logits.log_softmax(-1).unbind(1)  # (B, N)
    tokens = first.shape[1]
    scores = first.new_full((min(longest, tokens), *first.shape), -torch.inf)  # by length, row, first token
    for further in range(len(scores)):
        scores[further, :, : tokens - further] = first[:, : tokens - further] + last[:, further:]
    best = scores.transpose(0, 1).flatten(1).argmax(1)
    begin = best % tokens
    return torch.stack([begin, begin + best // tokens], 1)
