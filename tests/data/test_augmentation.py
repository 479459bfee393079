"""Images changed by chance: equal to an interpolation one pixel at a time."""

import math

import pytest
import torch
from torch import Tensor

from attnrun.data.augmentation import Augmentation

SHAPE = (11, 3, 5, 7)  # B, K, Y, X


def images() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, SHAPE, generator=generator, dtype=torch.uint8)


def at(image: Tensor, x: float, y: float) -> Tensor:
    """The colours (K,) at a place counted in pixels, between them in proportion, black outside."""
    total = torch.zeros(len(image), dtype=torch.float64)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                total += image[:, row, column] * (1 - abs(x - column)) * (1 - abs(y - row))
    return total


@pytest.mark.parametrize(
    ("shift", "turn", "zoom", "flip"),
    [(1.5, 0, 0, False), (0, 30, 0, False), (0, 0, 0.3, False), (0, 0, 0, True), (1.2, 40, 0.2, True)],
)
def test_it_equals_an_interpolation_one_pixel_at_a_time(
    shift: float, turn: float, zoom: float, flip: bool
) -> None:
    given = images()
    torch.manual_seed(3)
    found = Augmentation(shift, turn, zoom, flip)(given)
    torch.manual_seed(3)
    draws = (torch.rand(5, len(given)) * 2 - 1).double()
    assert found.shape == SHAPE and found.dtype == torch.float32
    sides = set()
    for image, changed, drawn in zip(given, found, draws.T.tolist(), strict=True):
        across, down, turned, zoomed, side = drawn
        angle, size = math.radians(turn) * turned, 1 + zoom * zoomed
        mirror = -1 if flip and side < 0 else 1
        sides.add(mirror)
        for row in range(5):
            for column in range(7):
                x, y = column - 3, row - 2  # from the middle
                from_x = mirror * (math.cos(angle) * x - math.sin(angle) * y) / size + across * shift
                from_y = (math.sin(angle) * x + math.cos(angle) * y) / size + down * shift
                expected = at(image, from_x + 3, from_y + 2)
                torch.testing.assert_close(changed[:, row, column].double(), expected, atol=2e-2, rtol=0)
    assert len(sides) == 1 + flip


def test_without_changes_nothing_is_drawn_and_nothing_changes() -> None:
    given = images()
    torch.manual_seed(3)
    assert torch.equal(Augmentation()(given), given)
    expected = torch.Generator().manual_seed(3)
    assert torch.equal(torch.rand(3), torch.rand(3, generator=expected))


def test_each_image_is_changed_in_its_own_way_and_the_draw_follows_the_seed() -> None:
    same = images()[:1].expand(7, -1, -1, -1)
    torch.manual_seed(3)
    first = Augmentation(shift=1)(same)
    second = Augmentation(shift=1)(same)
    torch.manual_seed(3)
    assert torch.equal(Augmentation(shift=1)(same), first) and not torch.equal(first, second)
    assert len({image.numpy().tobytes() for image in first}) == 7
