"""What the paths in a config stand for: the content of the user's files, wherever they lie."""

import glob
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK = 2**20  # bytes


def with_contents(node: Any) -> Any:
    """Return plain config values where what names files that exist has become a hash of their content."""
    if isinstance(node, list):
        return [with_contents(value) for value in node]
    if not isinstance(node, dict):
        return node
    changed = {key: with_contents(value) for key, value in node.items()}
    if isinstance(node.get("alignments"), str):
        changed["alignments"] = _content(node["alignments"], ())
    if isinstance(node.get("path"), str):
        changed["path"] = _content(node["path"], (node.get("source"), node.get("target")))
    return changed


def _content(path: str, ends: tuple[Any, ...]) -> str:
    """Return a hash of the file `path`, or of the files in it or beside it that end as `ends` say.

    The path itself where there is nothing to read: whoever opens it will tell what is wrong.
    """
    digest = hashlib.sha256()
    try:
        files = list(_files(Path(os.path.expanduser(path)), ends))
        for name, file in files:
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
            digest.update(_digest(file))
    except (OSError, ValueError):
        return path
    return digest.hexdigest() if files else path


def _files(place: Path, ends: tuple[Any, ...]) -> Iterator[tuple[str, Path]]:
    """Yield each file with the part of its name that matters, which of a single file is none."""
    if place.is_file():
        yield "", place
        return
    pattern = place / "*" if place.is_dir() else place.with_name(glob.escape(place.name) + ".*")
    for file in sorted(pattern.parent.glob(pattern.name)):
        if file.is_file() and file.name.removesuffix(".gz").endswith(tuple(f".{end}" for end in ends)):
            yield file.name.removeprefix(place.name), file


def _digest(file: Path) -> bytes:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.digest()
