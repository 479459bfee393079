"""The data that a config makes, of the kind that an experiment takes."""

from collections.abc import Callable
from typing import TypeVar

from attnrun.errors import UserError

Kind = TypeVar("Kind")


def drawn(make: Callable[[int], object], seed: int, kind: type[Kind], told: str) -> Kind:
    """Return what `make` draws by the seed.

    Raises UserError where that is of another kind than `kind`, which a user is `told` of in words.
    """
    data = make(seed)
    if not isinstance(data, kind):
        raise UserError(f"data: this experiment takes {told}")
    return data
