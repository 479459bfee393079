"""Types of configuration values with their permitted ranges; the bridge checks them before a run starts.

It takes finite numbers alone, whatever the range.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

_LARGEST = 2**63 - 1  # of a length in Python, and of a whole number in torch

PositiveInt = Annotated[int, Gt(0), Le(_LARGEST)]
NonNegativeInt = Annotated[int, Ge(0), Le(_LARGEST)]
Seed = NonNegativeInt  # what torch's generators take
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Probability = Annotated[float, Ge(0), Lt(1)]  # of dropping something: 1 would drop everything
Fraction = Annotated[float, Ge(0), Le(1)]
