"""IDX files, in which MNIST and its like are published: a header of big-endian numbers, then bytes.

LeCun, Cortes and Burges, The MNIST database of handwritten digits, "File formats".
"""

import math
import struct
from pathlib import Path

import numpy as np

from attnrun.data.reading import existing_file
from attnrun.errors import UserError

_BYTES = 0x08  # the code of unsigned bytes
_MOST = 2**31  # bytes of a file


def read_idx(path: str | Path, axes: int) -> np.ndarray:
    """Return the unsigned bytes of an IDX file with so many axes.

    Raises:
        UserError: the file is missing, not of this form, or not of the length that its header says.
    """
    file = existing_file(path)
    try:
        size = file.stat().st_size
        if size > _MOST:
            raise UserError(f"{file} is larger than {_MOST // 2**20} MiB")
        body = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None
    start = 4 + 4 * axes
    if len(body) < start:
        raise UserError(f"{file}: {len(body)} bytes are too few for the header of an IDX file")
    shape = _shape(body, axes, file)
    if len(body) - start != math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise UserError(f"{file}: its header tells of {sizes} bytes, and {len(body) - start} follow")
    return np.frombuffer(body, np.uint8, offset=start).reshape(shape)


def _shape(body: bytes, axes: int, file: Path) -> tuple[int, ...]:
    first, second, kind, count = body[:4]
    if first or second:
        raise UserError(f"{file}: not an IDX file: it begins with {body[:4].hex(' ')}, not with 00 00")
    if kind != _BYTES:
        raise UserError(f"{file}: its header tells of data of type {kind:02x}, not of bytes (08)")
    if count != axes:
        raise UserError(f"{file}: its header tells of {count} axes, where {axes} are wanted")
    shape: tuple[int, ...] = struct.unpack(f">{axes}I", body[4 : 4 + 4 * axes])
    if not math.prod(shape):
        raise UserError(f"{file} is empty: its header tells of {' x '.join(map(str, shape))} bytes")
    return shape
