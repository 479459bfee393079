"""A Transformer's encoder alone, and the classifier of whole sequences over it.

Letters: B batch, N tokens, L layers, H heads, E model size, C classes.
"""

from typing import Literal

from torch import Tensor, nn

from attnrun.attention import Mechanism, lengths_mask
from attnrun.models.initialise import initialise_transformer
from attnrun.models.layers import Parts
from attnrun.models.stacks import EncoderStack
from attnrun.ranges import PositiveInt, Probability

PAD = 0


class TransformerClassifier(nn.Module):
    """Tell the class of a sequence from the mean of its states.

    The keys are those of `transformer.Transformer`. Two parts of use alone: `encoder`, for any vectors, and
    `states`, for tokens.

    Raises UserError without attention, and where the parts of the mechanism do not go together.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        mechanism: Mechanism,
        *,
        size: PositiveInt = 128,
        layers: PositiveInt = 2,
        feedforward: PositiveInt = 256,
        dropout: Probability = 0.1,
        attention_dropout: Probability = 0.1,
        norm: Literal["pre", "post"] = "pre",
        activation: Literal["relu", "gelu"] = "gelu",
        bias: bool = True,
    ) -> None:
        super().__init__()
        parts = Parts(
            mechanism,
            size=size,
            feedforward=feedforward,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm=norm,
            activation=activation,
            bias=bias,
        )
        mechanism.require_use("an encoder alone", "self")
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PAD)
        self.encoder = EncoderStack(parts, layers)
        self.output = nn.Linear(size, classes)
        initialise_transformer(self)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, N), padded with 0, lengths (B,) from 1 to N -> logits (B, C)."""
        states, _ = self.states(tokens, lengths)
        logits: Tensor = self.output(states.sum(1) / lengths[:, None])
        return logits

    def states(
        self, tokens: Tensor, lengths: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """The states (B, N, E), zero on padding, and the weights (B, L, H, N, N) where asked for."""
        mask = lengths_mask(lengths, tokens.shape[1])  # (B, 1, N)
        states, weights = self.encoder(self.encoder.embed(self.embedding, tokens), mask, need_weights)
        return states.masked_fill(~mask.mT, 0.0), weights
