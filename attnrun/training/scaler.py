"""Scaling of the loss, as small gradients vanish in float16 (Micikevicius et al. 2018, section 3.2)."""

from dataclasses import asdict, dataclass
from typing import Any

_FIRST = 2.0**16
_LARGEST = 2.0**24
_PATIENCE = 2000  # steps without an overflow before the scale is doubled


@dataclass
class Scaler:
    """The factor of the loss: halved by an overflow, doubled after a long while without one.

    Powers of two alone, so that scaling there and back changes no digit of a float32.
    """

    scale: float = _FIRST
    steps: int = 0  # since the scale last changed

    def succeeded(self) -> None:
        """Count a step whose gradient was finite."""
        self.steps += 1
        if self.steps >= _PATIENCE and self.scale < _LARGEST:
            self.scale, self.steps = 2 * self.scale, 0

    def reduced(self) -> bool:
        """Halve the scale after an overflow; return False where it is 1, and so not what is wrong."""
        if self.scale <= 1:
            return False
        self.scale, self.steps = self.scale / 2, 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return plain values for `load_state_dict`."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.scale, self.steps = float(state["scale"]), int(state["steps"])
