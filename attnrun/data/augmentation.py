"""Images changed a little by chance, so that a training never sees one twice.

Letters: B batch, K channels, Y rows and X columns of pixels.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from attnrun.ranges import NonNegativeFloat, Probability


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed, drawn evenly either way for each image; zeros change nothing.

    Attributes:
        shift: pixels, along rows and along columns.
        turn: degrees.
        zoom: share of the size, from 1 - zoom to 1 + zoom.
        flip: whether half of the images are mirrored from left to right.
    """

    shift: NonNegativeFloat = 0.0
    turn: NonNegativeFloat = 0.0
    zoom: Probability = 0.0
    flip: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Images (B, K, Y, X) of bytes -> as many, float32 where they changed, black where nothing was.

        Random numbers come from torch's global generator.
        """
        if self == Augmentation():
            return images
        grid = F.affine_grid(self._draw(images), list(images.shape), align_corners=False)
        return F.grid_sample(images.float(), grid, align_corners=False)

    def _draw(self, images: Tensor) -> Tensor:
        """For each image (B, 2, 3) where a pixel comes from: x, y and 1, edges at -1 and 1, to x and y."""
        rows, columns = images.shape[-2:]
        across, down, angle, size, side = torch.rand(5, len(images)) * 2 - 1
        angle = angle * math.radians(self.turn)
        size = 1 / (1 + self.zoom * size)
        mirror = torch.where(side < 0, -1.0, 1.0) if self.flip else torch.ones_like(side)
        cos, sin = size * angle.cos(), size * angle.sin()
        to_x = [mirror * cos, -mirror * sin * rows / columns, across * self.shift * 2 / columns]
        to_y = [sin * columns / rows, cos, down * self.shift * 2 / rows]
        return torch.stack([torch.stack(to_x, -1), torch.stack(to_y, -1)], -2)
