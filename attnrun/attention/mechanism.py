"""A mechanism: the choices of five config groups that make an attention together."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from attnrun.attention.locality import Kind, Locality, Predictive
from attnrun.attention.multihead import MultiHead
from attnrun.attention.pooling import Max
from attnrun.attention.positions import Position, Rotary
from attnrun.attention.scores import Score
from attnrun.attention.softmax import Normaliser, is_softmax, masked_softmax
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

ScoreFactory = Callable[[int, int], Score]  # (query_size, key_size) -> score
PositionFactory = Callable[[int, int], Position]  # (size, heads) -> position
LocalityFactory = Callable[[int], Locality]  # query_size -> locality


@dataclass(frozen=True)
class Heads:
    """How vectors are parted among heads.

    `count` is the number of heads; `groups` those of keys and values, which must divide it (null: as many);
    without `projections` a head is a slice of the vectors as they are.
    """

    count: PositiveInt = 1
    groups: PositiveInt | None = None
    projections: bool = False


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """Any score with any normaliser, positions, locality and heads. By default: one head that sees all.

    Attributes:
        attention: builds the score; None leaves attention out, where a model can do without.
        normaliser: makes weights of scores.
        position: builds the scheme of positions.
        mask: builds the locality, which narrows what padding and causality leave.
        heads: how many, of which kind.

    Additive attention in two heads, with sparsemax for the softmax, of queries of 6 features to keys of 8:

    >>> import torch
    >>> from attnrun.attention import Additive, sparsemax
    >>> mechanism = Mechanism(attention=Additive, normaliser=sparsemax, heads=Heads(2, projections=True))
    >>> attention = mechanism.build(6, 8, size=10, kind="cross")
    >>> attention(torch.randn(1, 3, 6), *[torch.randn(1, 4, 8)] * 2)[0].shape
    torch.Size([1, 3, 10])
    """

    attention: ScoreFactory | None = None
    normaliser: Normaliser = masked_softmax
    position: PositionFactory = Position
    mask: LocalityFactory = Locality
    heads: Heads = field(default_factory=Heads)

    def build(
        self,
        query_size: int,
        key_size: int,
        size: int,
        kind: Kind,
        position: Position | None = None,
        *,
        bias: bool = False,
        dropout: float = 0.0,
    ) -> MultiHead:
        """Return an attention of queries to keys and values of one size, `size` wide, `kind` of `Locality`.

        Raises UserError where the parts do not go together.
        """
        assert self.attention is not None, "a model without attention builds none"
        locality = self.mask(query_size)
        made = MultiHead(
            query_size,
            key_size,
            key_size,
            size,
            self.heads.count,
            self.attention,
            self.normaliser,
            position,
            locality if kind in locality.kinds else None,
            groups=self.heads.groups,
            projections=self.heads.projections,
            bias=bias and self.heads.projections,
            output_bias=bias and self.heads.projections,
            dropout=dropout,
        )
        _check_reach(made.score)
        made.kind = kind
        return made

    def require_use(self, model: str, *kinds: Kind) -> None:
        """Raise UserError where a choice finds nothing to act on in `model`, with attentions of `kinds`."""
        if "self" not in kinds and type(self.position(2, 1)) is not Position:
            raise UserError(f"{model} knows the order by itself and takes no positions; set position=none")
        if self.attention is None:
            _check_idle(self, "without attention there is nothing for it to do")
        elif not set(self.mask(1).kinds) & set(kinds):
            what = {"self": "within one sequence (self-attention)", "cross": "from a target to a source"}
            choices = {"self": "window or block", "cross": "local-m or local-p"}
            raise UserError(
                f"mask: this one narrows attention {what[self.mask(1).kinds[0]]}, which {model} has not; "
                f"choose mask=full, or one for attention {what[kinds[0]]}: {choices[kinds[0]]}"
            )
        else:
            _check_parts(self, self.attention(2, 2))


def _check_parts(mechanism: Mechanism, score: Score) -> None:
    """Refuse what changes nothing for a score that is not by content."""
    if isinstance(score, Max):
        if isinstance(mechanism.mask(1), Predictive):
            raise UserError("mask: max pooling has no weights to multiply; choose mask=local-m or full")
        _check_idle(mechanism, "max pooling has no weights", "normaliser")
    if not score.by_content and isinstance(mechanism.position(2, 1), Rotary):
        raise UserError(
            "position: this attention does not look at what queries and keys hold, so that turning them "
            "changes nothing; choose position=sinusoidal or learned, which mark the values too"
        )


def _check_reach(score: Score) -> None:
    """Refuse a kernel so narrow that no key of that many features is in reach."""
    size = math.sqrt(score.key_size)
    if score.key_size > 1 and score.reach < size / 2:
        raise UserError(
            f"attention: this kernel is 0 from a distance of {score.reach:g} on, and vectors of size "
            f"{score.key_size} lie farther apart; set attention.width={2 * size:.0f}, or choose gaussian"
        )


def _check_idle(mechanism: Mechanism, why: str, *names: str) -> None:
    """Refuse choices that do nothing, of these parts or of all."""
    usual = {"mask": "full", "heads": "single", "normaliser": "softmax"}
    default = {
        "mask": type(mechanism.mask(1)) is Locality,
        "heads": mechanism.heads == Heads(),
        "normaliser": is_softmax(mechanism.normaliser),
    }
    for name in names or default:
        if not default[name]:
            raise UserError(f"{name}: {why}; set {name}={usual[name]}")
