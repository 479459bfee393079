"""Image files: one of them for a model, or a folder of them with a sub-folder for each class.

Whatever a file holds, no more is unpacked than the bounds below permit.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from attnrun.data.examples import Examples
from attnrun.data.images import Images, split_by_content
from attnrun.data.reading import entries_of, existing_file, existing_folder
from attnrun.errors import UserError
from attnrun.escape import for_terminal
from attnrun.ranges import Fraction, PositiveInt

if TYPE_CHECKING:
    from PIL.Image import Image

Colours = Literal["grey", "colour"]

MAXIMUM_PIXELS = 50_000_000  # of a file
_MAXIMUM_BYTES = 100 * 2**20  # of a file
_MAXIMUM_TOTAL = 2 * 2**30  # bytes of all images, as they are kept
_FORMATS = ("PNG", "JPEG")
_ENDS = (".png", ".jpg", ".jpeg")
_CHANNELS: dict[Colours, int] = {"grey": 1, "colour": 3}


def load(
    seed: int,
    *,
    path: str,
    size: PositiveInt = 32,
    colours: Colours = "colour",
    valid: Fraction = 0.1,
    test: Fraction = 0.2,
) -> Images:
    """Read the PNG and JPEG files of a folder, in which each sub-folder is a class and its name the label.

    Hidden files and folders are passed over.

    Args:
        seed: changes nothing.
        path: the folder.
        size: rows and columns that each image is brought to, whatever its shape was.
        colours: whether colours are kept.
        valid: share to validate on, as for `images.split_by_content`.
        test: share to test on.

    Raises:
        UserError: the folder or a file in it is not as described, or a share leaves a split empty.
    """
    del seed
    folder = existing_folder(path, "a sub-folder of images for each class")
    files = {entry.name: _files(entry) for entry in entries_of(folder) if entry.is_dir()}
    if len(files) < 2:
        raise UserError(
            f"{folder} has {len(files)} sub-folders, and needs one for each of at least two classes"
        )
    shape = _CHANNELS[colours], size, size
    total = sum(map(len, files.values())) * int(np.prod(shape, dtype=object))
    if total > _MAXIMUM_TOTAL:
        limit = f"{_MAXIMUM_TOTAL // 2**20} MiB"
        raise UserError(
            f"{folder}: its images would take {total // 2**20} MiB, and {limit} is the most; lower data.size"
        )
    images = [read_image(file, shape) for there in files.values() for file in there]
    labels = [number for number, there in enumerate(files.values()) for _ in there]
    found = Examples(torch.from_numpy(np.stack(images)), torch.tensor(labels))
    return split_by_content(str(folder), list(files), found, valid, test)


def read_image(path: str | Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a PNG or JPEG file as bytes (K, Y, X) of this shape: grey of 1 channel, colours of 3.

    An image of another shape is stretched to it. A transparent part shows what colour its file gives it.

    Raises:
        UserError: the file is missing, damaged, of another kind, or too large.
    """
    import struct
    import zlib

    from PIL import Image, UnidentifiedImageError

    file = existing_file(path)
    if file.stat().st_size > _MAXIMUM_BYTES:
        raise UserError(f"{file} is larger than {_MAXIMUM_BYTES // 2**20} MiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size, which is checked below, and of odd notes in it
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(image, file)
                return _pixels(image, shape)
    except UnidentifiedImageError:
        raise UserError(f"{file} is no PNG or JPEG image") from None
    except Image.DecompressionBombError:
        raise UserError(f"{file} has more than {MAXIMUM_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError, LookupError, EOFError, struct.error, zlib.error) as error:
        said = getattr(error, "strerror", None) or str(error)
        reason = " ".join(said.split()) or type(error).__name__
        raise UserError(f"cannot read the image {file}: {for_terminal(reason)}") from None


def to_png(pixels: np.ndarray) -> bytes:
    """Return the PNG file of bytes (K, Y, X), grey of 1 channel, colours of 3; `read_image` undoes it."""
    from io import BytesIO

    from PIL import Image

    stream = BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(stream, "PNG")
    return stream.getvalue()


def _check_size(image: "Image", file: Path) -> None:
    width, height = image.size
    if width * height > MAXIMUM_PIXELS:
        raise UserError(f"{file} has {width} x {height} pixels, more than {MAXIMUM_PIXELS:,}")


def _pixels(image: "Image", shape: tuple[int, int, int]) -> np.ndarray:
    from PIL import Image as Pillow
    from PIL import ImageOps

    channels, rows, columns = shape
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits, which `convert` would cut off
        upright = Pillow.fromarray((np.asarray(upright) // 257).astype(np.uint8))
    small = upright.convert("L" if channels == 1 else "RGB").resize(
        (columns, rows), Pillow.Resampling.BILINEAR
    )
    return np.asarray(small, dtype=np.uint8).reshape(rows, columns, channels).transpose(2, 0, 1).copy()


def _files(folder: Path) -> list[Path]:
    """The image files of a class."""
    found = entries_of(folder)
    for file in found:
        if not file.name.lower().endswith(_ENDS):
            raise UserError(f"{file} does not end in {', '.join(_ENDS)}; a class's folder holds images alone")
    if not found:
        raise UserError(f"{folder} holds no images")
    return found
