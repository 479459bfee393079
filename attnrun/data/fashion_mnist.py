"""Fashion-MNIST: grey pictures of clothes in ten classes (Xiao, Rasul and Vollgraf 2017)."""

from pathlib import Path

import numpy as np
import torch

from attnrun.data.download import Package, Remote, fetch
from attnrun.data.examples import Examples
from attnrun.data.idx import read_idx
from attnrun.data.images import Images, take
from attnrun.data.transfer import check_address
from attnrun.errors import UserError
from attnrun.ranges import PositiveInt

_UPSTREAM = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
_TRAIN, _TEST = "train", "t10k"

# sha256 and bytes of each file as it is kept; it is served packed
_LIST = """
c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 47040016 train-images-idx3-ubyte
bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 60008 train-labels-idx1-ubyte
5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b 7840016 t10k-images-idx3-ubyte
0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 10008 t10k-labels-idx1-ubyte
"""
CLASSES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def package(*, url: str | None = None) -> Package:
    """Return the four files, see `load`.

    Raises:
        UserError: `url` is no web address.
    """
    base = _UPSTREAM if url is None else url.rstrip("/")
    check_address(base)
    rows = (line.split() for line in _LIST.strip().splitlines())
    return Package(
        name="fashion-mnist",
        licence="MIT, Zalando SE",
        citation="Xiao, Rasul and Vollgraf 2017, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
        "Machine Learning Algorithms, https://arxiv.org/abs/1708.07747",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        files=tuple(
            Remote(name, f"{base}/{name}.gz", sha256, int(size), gzipped=True) for sha256, size, name in rows
        ),
        instead="data=digits, which comes with scikit-learn",
    )


def load(
    seed: int, *, valid: PositiveInt = 5000, limit: PositiveInt | None = None, url: str | None = None
) -> Images:
    """Return 60,000 images of 28 x 28 pixels to train on and 10,000 to test on, downloaded at the first use.

    Args:
        seed: changes nothing.
        valid: so many at the end of those to train on are kept to validate on.
        limit: train on the first so many only.
        url: where the four files are served, packed by gzip; None is the authors' own place.

    Raises:
        UserError: a file cannot be had, or `valid` leaves none to train on.
    """
    del seed
    directory = fetch(package(url=url))
    found, test = (_read(directory, split) for split in (_TRAIN, _TEST))
    count = len(found) - valid
    if count < 1:
        raise UserError(f"data.valid={valid} leaves none of {len(found)} images to train on")
    train = take(found, slice(0, min(count, limit or count)))
    return Images("fashion-mnist", list(CLASSES), train, take(found, slice(count, None)), test)


def _read(directory: Path, split: str) -> Examples:
    images = read_idx(directory / f"{split}-images-idx3-ubyte", 3)
    labels = read_idx(directory / f"{split}-labels-idx1-ubyte", 1)
    return Examples(torch.from_numpy(images[:, None].copy()), torch.from_numpy(labels.astype(np.int64)))
