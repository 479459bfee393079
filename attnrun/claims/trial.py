"""What one seed of a claim gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Trial:
    """The measurement of one seed.

    Attributes:
        figures: name -> value; all seeds of a claim have the same names, and its conditions are about them.
        curves: name -> points (x, y), where the claim is about how something changes.
        columns: where the figures make a table, how their names end: that of a cell is ROW_COLUMN.
    """

    figures: Mapping[str, float]
    curves: Mapping[str, Points] = field(default_factory=dict)
    columns: Sequence[str] = ()
