"""Images of one size with a class each, in splits that no seed changes; scikit-learn's digits.

Letters: B batch, K channels, Y rows and X columns of pixels, N images.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnrun.data.augmentation import Augmentation
from attnrun.data.examples import Batch, ExampleBatches, Examples
from attnrun.data.splits import part_of
from attnrun.errors import UserError
from attnrun.ranges import Fraction, PositiveInt

_SHADES = 16  # of a pixel of the digits, beside 0
_SCALE = ("mean", "spread")
_LARGEST = 2**24  # pixels of an image in a batch
_FLAT = 1e-3  # the least spread to divide by: of a channel that is the same everywhere


@dataclass(frozen=True)
class Form:
    """What a model takes for an image, and what it may call one."""

    classes: list[str]
    shape: tuple[int, int, int]  # K, Y, X
    mean: list[float]  # of each channel in the training images, black 0 and full 1
    spread: list[float]  # standard deviation of the same

    def standardised(self, images: Tensor) -> Tensor:
        """Images (B, K, Y, X) of bytes or such values -> of mean 0 and spread 1 over the training images."""
        mean, spread = (torch.tensor(values)[:, None, None] for values in (self.mean, self.spread))
        return (images.float() / 255 - mean) / spread

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Form":
        """Return what `to_json` was called on.

        Raises ValueError, TypeError or LookupError for anything else.
        """
        channels, rows, columns = map(int, data["shape"])
        if min(rows, columns) < 1 or rows * columns > _LARGEST:
            raise ValueError(f"no images have {rows} x {columns} pixels")
        mean, spread = ([float(data[name][channel]) for channel in range(channels)] for name in _SCALE)
        return cls([str(name) for name in data["classes"]], (channels, rows, columns), mean, spread)


@dataclass(frozen=True)
class Images:
    """Splits of images; inputs are (N, K, Y, X) uint8, targets (N,) numbers of `classes`."""

    name: str
    classes: list[str]
    train: Examples
    valid: Examples
    test: Examples

    @property
    def form(self) -> Form:
        """What they have in common."""
        images = _pixels(self.train)
        mean, spread = zip(*(_moments(images[:, channel]) for channel in range(images.shape[1])), strict=True)
        channels, rows, columns = images.shape[1:]
        return Form(self.classes, (channels, rows, columns), list(mean), list(spread))


@dataclass(frozen=True)
class ImageBatches(ExampleBatches):
    """Standardised images in batches, those to train on changed by chance each time."""

    form: Form
    augmentation: Augmentation = field(default_factory=Augmentation)

    def collate(self, indices: Sequence[int]) -> Batch:
        """Return the images with these indices; random numbers come from torch's global generator."""
        batch = super().collate(indices)
        return replace(batch, inputs=self.form.standardised(self.augmentation(batch.inputs)))


def digits(
    seed: int, *, valid: Fraction = 0.1, test: Fraction = 0.2, limit: PositiveInt | None = None
) -> Images:
    """Return 1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998), as scikit-learn packs them.

    `valid` and `test` as for `split_by_content`; `limit`: train on the first so many only. `seed` changes
    nothing.

    Raises:
        UserError: scikit-learn is not installed, or a share leaves a split empty.
    """
    del seed
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise UserError(
            'data=digits comes with scikit-learn, which is not installed: pip install "attnrun[tasks]"'
        ) from None
    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images.reshape(-1, 1, 8, 8) * (255 / _SHADES)).astype(np.uint8)
    found = Examples(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))
    made = split_by_content("digits", [str(digit) for digit in range(10)], found, valid, test)
    made = replace(made, train=take(made.train, slice(0, limit)))
    _check_classes(made)
    return made


def split_by_content(name: str, classes: list[str], found: Examples, valid: float, test: float) -> Images:
    """Give about the share `valid` of the images to validate on, and `test` to test on.

    Which split an image belongs to is a function of its pixels alone: equal ones are in the same, and images
    that come to a folder move no other.

    Raises:
        UserError: a split is empty, or a class has no image to train on.
    """
    rows: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for row, image in enumerate(_pixels(found)):
        rows[part_of(image.numpy().tobytes(), valid, test)].append(row)
    for split, there in rows.items():
        if not there:
            shares = f"data.valid={valid} and data.test={test}"
            raise UserError(f"{name}: {shares} of {len(found)} images leave none for the split {split!r}")
    made = Images(name, classes, *(take(found, there) for there in rows.values()))
    _check_classes(made)
    return made


def take(examples: Examples, rows: Sequence[int] | slice) -> Examples:
    """Return some of the images."""
    targets = examples.targets
    assert isinstance(targets, Tensor)
    return Examples(_pixels(examples)[rows], targets[rows])


def _check_classes(images: Images) -> None:
    targets = images.train.targets
    assert isinstance(targets, Tensor)
    counts = torch.bincount(targets, minlength=len(images.classes)).tolist()
    for name, count in zip(images.classes, counts, strict=True):
        if not count:
            raise UserError(
                f"{images.name}: no image of the class {name!r} is left to train on; give it more, or lower "
                "data.valid and data.test"
            )


def _moments(channel: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of bytes, as shares of 255; of their counts, exactly, in little memory."""
    counts = torch.bincount(channel.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum()
    mean = float((shares * values).sum())
    return mean, max(_FLAT, math.sqrt(float((shares * (values - mean).square()).sum())))


def _pixels(examples: Examples) -> Tensor:
    assert isinstance(examples.inputs, Tensor)
    return examples.inputs
