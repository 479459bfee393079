"""Images: IDX files, the digits, Fashion-MNIST over loopback, folders of files, and the splits."""

import gzip
import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attnrun.data import fashion_mnist, image_folder
from attnrun.data.download import fetch, verify
from attnrun.data.examples import Examples
from attnrun.data.idx import read_idx
from attnrun.data.image_folder import read_image
from attnrun.data.images import Form, ImageBatches, Images, digits, split_by_content
from attnrun.errors import UserError

FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def message(function: Any, *words: Any, **keys: Any) -> str:
    """Return the one line of the refusal."""
    with pytest.raises(UserError) as caught:
        function(*words, **keys)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    return str(caught.value)


def pictures(count: int, shape: tuple[int, int, int] = (3, 5, 7), seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


# IDX files


def idx(*shape: int, kind: int = 8, body: bytes | None = None) -> bytes:
    size = int(np.prod(shape))
    head = bytes((0, 0, kind, len(shape))) + b"".join(struct.pack(">I", one) for one in shape)
    return head + (bytes(n % 251 for n in range(size)) if body is None else body)


def test_an_idx_file_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "some"
    path.write_bytes(idx(2, 3, 5))
    assert np.array_equal(read_idx(path, 3), np.arange(30).reshape(2, 3, 5))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "0 bytes are too few for the header"),
        (idx(2, 3, 5)[:15], "15 bytes are too few for the header"),
        (b"\x1f\x8b" + idx(2, 3, 5)[2:], "not an IDX file: it begins with 1f 8b 08 03"),
        (idx(2, 3, 5, kind=13), "data of type 0d, not of bytes (08)"),
        (idx(30), "1 axes, where 3 are wanted"),
        (idx(2, 3, 5)[:-1], "2 x 3 x 5 bytes, and 29 follow"),
        (idx(2, 3, 5) + b"x", "2 x 3 x 5 bytes, and 31 follow"),
        (idx(2**32 - 1, 2**32 - 1, 2**32 - 1, body=b"x" * 9), "and 9 follow"),
        (idx(0, 3, 5), "is empty"),
    ],
)
def test_a_damaged_idx_file_is_refused_by_name(tmp_path: Path, body: bytes, expected: str) -> None:
    path = tmp_path / "some"
    path.write_bytes(body)
    refused = message(read_idx, path, 3)
    assert expected in refused and str(path) in refused


# Fashion-MNIST


def test_the_whole_of_fashion_mnist(real_data: Path, server: Any, cache: Path) -> None:
    url = server.serve_files(real_data / "images/fashion-mnist", "*.gz", "/fashion")
    data = fashion_mnist.load(0, url=f"{url}/")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [55_000, 5_000, 10_000]
    assert data.train.inputs.shape == (55_000, 1, 28, 28) and data.train.inputs.dtype == torch.uint8
    assert data.test.targets[:4].tolist() == [9, 2, 1, 1]  # ankle boot, pullover, trouser, trouser
    assert torch.bincount(data.test.targets).tolist() == [1_000] * 10
    assert data.form.shape == (1, 28, 28)
    assert data.form.mean[0] == pytest.approx(float((data.train.inputs / 255).mean()), abs=1e-5)
    assert data.form.spread[0] == pytest.approx(0.353, abs=1e-3)
    assert set(verify(fashion_mnist.package()).values()) == {"ok"}
    server.stop()  # all is in the cache now
    fewer = fashion_mnist.load(7, url=url, valid=100, limit=31)
    assert torch.equal(fewer.train.inputs, data.train.inputs[:31])
    assert torch.equal(fewer.valid.inputs, data.valid.inputs[-100:])
    assert "leaves none of 60000" in message(fashion_mnist.load, 0, url=url, valid=60_000)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (gzip.compress(b"other", mtime=0), "is not the file it should be"),
        (gzip.compress(bytes(100), mtime=0)[:-3], "no sound gzip"),
        (b"<html>", "no sound gzip"),
        (gzip.compress(bytes(60_009), mtime=0), "would have more than 60,008 bytes"),
    ],
    ids=["other", "cut", "page", "long"],
)
def test_a_wrong_download_is_refused_and_says_what_to_do(
    server: Any, cache: Path, body: bytes, expected: str
) -> None:
    for name in FILES:
        server.serve(f"/{name}-ubyte.gz", body)
    package = fashion_mnist.package(url=server.url())
    first = package.files[1]
    small = type(package)(package.name, "", "", "", (first,), instead=package.instead)
    refused = message(fetch, small)
    assert expected in refused and "by hand" in refused and refused.endswith("comes with scikit-learn")
    assert "that file, unpacked, at" in refused and first.url in refused
    assert "is no http" in message(fashion_mnist.load, 0, url="ftp://x")


# The digits


def test_the_digits_are_those_of_the_library_in_fixed_splits() -> None:
    from sklearn.datasets import load_digits

    data = digits(0)
    parts = (data.train, data.valid, data.test)
    assert sum(map(len, parts)) == 1797 and len(data.test) == 385 and len(data.valid) == 206
    shades = torch.cat([part.inputs for part in parts]).double() * 16 / 255
    found = torch.cat([shades.round().flatten(1), torch.cat([part.targets for part in parts])[:, None]], 1)
    images, labels = load_digits(return_X_y=True)
    assert sorted(found.tolist()) == sorted(np.column_stack([images, labels]).tolist())
    few = digits(0, limit=101)
    assert len(few.train) == 101 and torch.equal(few.train.inputs, data.train.inputs[:101])
    assert torch.equal(few.test.inputs, data.test.inputs)
    again = digits(5)
    assert again.test.fingerprint() == data.test.fingerprint()
    assert data.form.shape == (1, 8, 8)


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert message(digits, 0).endswith('pip install "attnrun[tasks]"')


# Splits, forms and batches


def test_a_split_depends_on_the_pixels_alone() -> None:
    images = pictures(97)
    images[41] = images[3]
    found = Examples(images, torch.arange(97) % 2)
    data = split_by_content("some", ["a", "b"], found, 0.2, 0.3)
    sets = [
        {image.numpy().tobytes() for image in part.inputs} for part in (data.train, data.valid, data.test)
    ]
    assert sum(map(len, sets)) == 96 and not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    order = torch.randperm(97, generator=torch.Generator().manual_seed(3))[:59]
    fewer = split_by_content("some", ["a", "b"], Examples(images[order], found.targets[order]), 0.2, 0.3)
    assert {image.numpy().tobytes() for image in fewer.test.inputs} <= sets[2]
    for row, image in enumerate(images):
        if any(torch.equal(image, other) for other in data.test.inputs) and row not in (3, 41):
            (place,) = [n for n, other in enumerate(data.test.inputs) if torch.equal(image, other)]
            assert data.test.targets[place] == found.targets[row]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [((0.0, 0.3), "none for the split 'valid'"), ((0.2, 0.0), "split 'test'"), ((0.5, 0.5), "split 'train'")],
)
def test_a_split_of_nothing_is_refused(shares: tuple[float, float], expected: str) -> None:
    found = Examples(pictures(97), torch.arange(97) % 2)
    assert expected in message(split_by_content, "some", ["a", "b"], found, *shares)


def test_a_class_without_images_to_train_on_is_refused() -> None:
    found = Examples(pictures(97), torch.zeros(97, dtype=torch.int64))
    assert "no image of the class 'b'" in message(split_by_content, "some", ["a", "b"], found, 0.2, 0.3)


def test_batches_are_standardised_by_channel() -> None:
    images = pictures(97)
    images[:, 1] //= 3
    train = Examples(images, torch.arange(97) % 2)
    form = Images("some", ["a", "b"], train, train, train).form
    flat = images.double().transpose(0, 1).flatten(1) / 255
    torch.testing.assert_close(torch.tensor(form.mean).double(), flat.mean(1), atol=1e-6, rtol=0)
    expected = flat.std(1, unbiased=False)
    torch.testing.assert_close(torch.tensor(form.spread).double(), expected, atol=1e-6, rtol=0)
    batch = ImageBatches(train, 97, 0, form).collate(range(97))
    assert batch.inputs.shape == (97, 3, 5, 7) and batch.targets.tolist() == train.targets.tolist()
    torch.testing.assert_close(batch.inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.inputs.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    assert Form.from_json(form.to_json()) == form


def test_a_channel_that_is_the_same_everywhere_stays_finite() -> None:
    train = Examples(torch.full((5, 1, 2, 3), 40, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64))
    form = Images("some", ["a"], train, train, train).form
    assert ImageBatches(train, 5, 0, form).collate(range(5)).inputs.abs().max() < 1e-3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"shape": [1, 2]},
        {"shape": [2, 3, 5], "mean": [0.1], "spread": [1, 2], "classes": []},
        {"shape": [1, 10**9, 5], "mean": [0.1], "spread": [1], "classes": []},
        {"shape": [1, 0, 5], "mean": [0.1], "spread": [1], "classes": []},
    ],
)
def test_a_damaged_form_is_an_error(data: Any) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        Form.from_json(data)


# Files


def write(path: Path, mode: str, size: tuple[int, int] = (7, 5), **how: Any) -> np.ndarray:
    """Write an image of random pixels; return them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if mode in ("L", "I;16") else (size[1], size[0], 3)
    most = 65_536 if mode == "I;16" else 256
    pixels = np.random.default_rng(len(path.name)).integers(0, most, shape)
    Image.fromarray(pixels.astype(np.uint16 if mode == "I;16" else np.uint8)).save(path, **how)
    return pixels


def test_files_are_read_as_they_are_and_brought_to_size(tmp_path: Path) -> None:
    grey, colour, deep = (tmp_path / f"{name}.png" for name in ("grey", "colour", "deep"))
    pixels = write(grey, "L")
    assert np.array_equal(read_image(grey, (1, 5, 7))[0], pixels)
    assert np.array_equal(read_image(grey, (3, 5, 7)), np.stack([pixels] * 3))
    pixels = write(colour, "RGB")
    assert np.array_equal(read_image(str(colour), (3, 5, 7)), pixels.transpose(2, 0, 1))
    luma = pixels @ [0.299, 0.587, 0.114]
    assert np.abs(read_image(colour, (1, 5, 7))[0] - luma).max() <= 1
    pixels = write(deep, "I;16")
    assert np.array_equal(read_image(deep, (1, 5, 7))[0], pixels // 257)
    small = read_image(colour, (3, 2, 3))
    assert small.shape == (3, 2, 3) and small.dtype == np.uint8


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8] = 255
    notes = Image.Exif()
    notes[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=100, exif=notes)
    found = read_image(tmp_path / "a.jpg", (1, 16, 16))[0]
    assert found[:, 8:].min() > 240 and found[:, :8].max() < 15


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(bytes(999))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def whole() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(6_300, dtype=np.uint8).reshape(90, 70)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "is no PNG or JPEG image"),
        (b"plain text", "is no PNG or JPEG image"),
        (b"GIF89a" + bytes(20), "is no PNG or JPEG image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is no PNG or JPEG image"),
        (whole()[:100], "cannot read the image"),
        (whole()[:60] + b"\0" * 40 + whole()[100:], "cannot read the image"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "is no PNG or JPEG image"),
        (png(10_000, 10_000), "has 10000 x 10000 pixels, more than 50,000,000"),
        (png(100_000, 100_000), "has more than 50,000,000 pixels"),
        (png(3, 3, (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))), "cannot read the image"),
    ],
    ids=["empty", "text", "gif", "eps", "cut", "holed", "jpeg", "large", "larger", "packed note"],
)
def test_a_file_that_is_no_sound_image_is_named(tmp_path: Path, body: bytes, expected: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(body)
    refused = message(read_image, path, (1, 5, 7))
    assert expected in refused and str(path) in refused


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "here.png", "L")
    assert "did you mean" in message(read_image, tmp_path / "hera.png", (1, 5, 7))
    assert "a directory" in message(read_image, tmp_path, (1, 5, 7))


# Folders


def folder(place: Path, counts: dict[str, int]) -> Path:
    for name, count in counts.items():
        for number in range(count):
            write(place / name / f"{'x' * (number + 1)}.{'png' if number % 2 else 'JPG'}", "RGB")
    return place


def test_a_folder_has_a_class_for_each_sub_folder(tmp_path: Path) -> None:
    place = folder(tmp_path, {"[b]": 31, "a": 29})
    (place / ".hidden").mkdir()
    (place / "a/.DS_Store").write_text("x")
    (place / "README.md").write_text("beside the classes")
    data = image_folder.load(0, path=str(place), size=5, valid=0.2, test=0.3)
    assert data.classes == ["[b]", "a"]
    parts = (data.train, data.valid, data.test)
    assert sum(map(len, parts)) == 60
    assert torch.bincount(torch.cat([part.targets for part in parts])).tolist() == [31, 29]
    assert data.train.inputs.shape[1:] == (3, 5, 5)
    grey = image_folder.load(1, path=str(place), size=7, colours="grey", valid=0.2, test=0.3)
    assert grey.form.shape == (1, 7, 7)


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path) -> None:
    def refused(**keys: Any) -> str:
        return message(image_folder.load, 0, **{"path": str(tmp_path), **keys})

    assert "no folder" in refused(path=str(tmp_path / "none")) and "no folder" in refused(path="")
    assert "no folder" in refused(path="a\0b")
    assert "has 0 sub-folders" in refused()
    folder(tmp_path, {"a": 3})
    assert "has 1 sub-folders" in refused()
    assert "not a folder" in refused(path=str(tmp_path / "a/x.JPG"))
    (tmp_path / "b").mkdir()
    assert f"{tmp_path / 'b'} holds no images" in refused()
    (tmp_path / "b/notes.txt").write_text("x")
    assert "notes.txt does not end in .png" in refused()
    (tmp_path / "b/notes.txt").rename(tmp_path / "b/notes.png")
    assert "notes.png is no PNG or JPEG image" in refused()
    os.replace(tmp_path / "a/xx.png", tmp_path / "b/notes.png")
    assert "MiB is the most; lower data.size" in refused(size=100_000)
    assert "of 3 images leave none" in refused(valid=0.0)
