"""Which attention of a model is meant: of the target over the source, or of a side over itself."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap


class Kind(StrEnum):
    """What looks at what; any model that attends has the first."""

    cross = "cross"
    source = "source"
    target = "target"


OWN = (Kind.source, Kind.target)  # of a side over itself


def has(model: Any, kind: Kind) -> bool:
    """Tell whether a model, as `load` returns it, can be asked for this kind of attention."""
    return hasattr(model, "weights" if kind == Kind.cross else "self_weights")


def weights_of(
    model: Any, inputs: list[str], kind: Kind, *chosen: list[int] | None
) -> "Sequence[AttentionMap]":
    """Return the maps of this kind for these inputs; `chosen` are layers and heads, as `weights` takes them.

    Raises NoAttention where the model has none of this kind, and UserError as its `weights` does.
    """
    from attnrun.analysis.maps import NoAttention

    if kind == Kind.cross:
        found: Sequence[AttentionMap] = model.weights(inputs, *chosen)
        return found
    if not has(model, kind):
        raise NoAttention(
            f"--of {kind.value}: only a Transformer between two sides has one that looks at itself"
        )
    own: Sequence[AttentionMap] = model.self_weights(inputs, kind.value, *chosen)
    return own
