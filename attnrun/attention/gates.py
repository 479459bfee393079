"""A gate for each head of a model, which is 1 as long as nobody asks what the head is worth."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnrun.attention.multihead import MultiHead


@dataclass(frozen=True, order=True)
class Head:
    """Which head: of target over source (`cross`), of a side over itself (`source`, `target`, `self`).

    Layers and heads count from 0, the layers of each side by themselves.
    """

    side: str
    layer: int
    head: int


class GatedHeads:
    """The heads of all attentions in a model, in the order in which the model has them.

    Attributes:
        heads: T of them; none without attention.
    """

    def __init__(self, model: nn.Module) -> None:
        named = {name: part for name, part in model.named_modules() if isinstance(part, MultiHead)}
        self._attentions = list(named.values())
        crossing = any(attention.kind == "cross" for attention in self._attentions)
        self.heads: list[Head] = []
        layers: Counter[str] = Counter()
        for name, attention in named.items():
            side = _side(name, attention, crossing)
            self.heads += [Head(side, layers[side], head) for head in range(attention.heads)]
            layers[side] += 1

    @contextmanager
    def gated(self, gates: Tensor) -> Iterator[None]:
        """Within this context multiply what each head found by its gate, before the heads are joined.

        gates (T,), or (B, T) one for each example of a batch: the mask variables ξ_h of Michel, Levy and
        Neubig 2019, section 2.3. The weights stay what they are. With 0 a head says nothing, as with its
        rows of W_o zeroed.

        Raises:
            RuntimeError: there are not T gates.
        """
        counts = [attention.heads for attention in self._attentions]
        try:
            for attention, own in zip(self._attentions, torch.split(gates, counts, -1), strict=True):
                attention.gate = own
            yield
        finally:
            for attention in self._attentions:
                attention.gate = None


def _side(name: str, attention: MultiHead, crossing: bool) -> str:
    if attention.kind == "cross" or not crossing:
        return attention.kind
    return "source" if name.startswith("encoder") else "target"
