"""A mechanism: the choices of five config groups that make an attention together."""

from collections.abc import Callable
from dataclasses import dataclass, field

from attnrun.attention.locality import Kind, Locality
from attnrun.attention.multihead import MultiHead
from attnrun.attention.positions import Position
from attnrun.attention.scores import Score
from attnrun.attention.softmax import Normaliser, masked_softmax
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
        return MultiHead(
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

    def require_use(self, model: str, *kinds: Kind) -> None:
        """Raise UserError where a choice finds nothing to act on in `model`, with attentions of `kinds`."""
        if self.attention is None:
            _check_idle(self)
        elif not set(self.mask(1).kinds) & set(kinds):
            what = {"self": "within one sequence (self-attention)", "cross": "from a target to a source"}
            choices = {"self": "window or block", "cross": "local-m or local-p"}
            raise UserError(
                f"mask: this one narrows attention {what[self.mask(1).kinds[0]]}, which {model} has not; "
                f"choose mask=full, or one for attention {what[kinds[0]]}: {choices[kinds[0]]}"
            )


def _check_idle(mechanism: Mechanism) -> None:
    """Refuse choices that do nothing without attention."""
    idle = {
        "mask": type(mechanism.mask(1)) is Locality,
        "heads": mechanism.heads == Heads(),
        "normaliser": getattr(mechanism.normaliser, "func", mechanism.normaliser) is masked_softmax,
    }
    for name, default in idle.items():
        if not default:
            usual = {"mask": "full", "heads": "single", "normaliser": "softmax"}[name]
            raise UserError(f"{name}: without attention there is nothing for it to do; set {name}={usual}")
