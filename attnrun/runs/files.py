"""Files that are either wholly there or not at all, and JSON without NaN."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

MAXIMUM_BYTES = 16 * 2**20  # of a JSON or YAML file about a run; a larger one is not ours

_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*")


def checked_name(name: str) -> str:
    """Return `name`, raising ValueError unless it is plain: no other place can be reached by it."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a file of a run: use a-z, 0-9, _, - and / between parts")
    return name


def write_durably(path: Path, data: bytes) -> None:
    """Write `path` so that a crash or power cut leaves the old content or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames and removals in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, data: Any) -> None:
    """Write strict JSON durably; NaN and infinities become null (see `strict` for their names)."""
    clean, _ = strict(data)
    text = json.dumps(clean, indent=2, ensure_ascii=False, allow_nan=False)
    write_durably(path, (text + "\n").encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None where it is absent, damaged or unreasonably large."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def as_lines(content: str | list[dict[str, Any]]) -> bytes:
    """Return text that ends with a newline, or records as JSON lines, in UTF-8; lone surrogates escaped."""
    if isinstance(content, str):
        text = content if content.endswith("\n") else content + "\n"
    else:
        text = "".join(json.dumps(strict(record)[0], ensure_ascii=False) + "\n" for record in content)
    return text.encode("utf-8", "backslashreplace")


def strict(data: Any, place: str = "") -> tuple[Any, list[str]]:
    """Return `data` as plain JSON values, and the places where a NaN or an infinity became None."""
    if isinstance(data, dict):
        return _strict_items({str(key): value for key, value in data.items()}, place)
    if isinstance(data, list | tuple):
        pairs = [strict(value, f"{place}[{index}]") for index, value in enumerate(data)]
        return [value for value, _ in pairs], [name for _, names in pairs for name in names]
    if hasattr(data, "tolist"):  # a tensor, an array or a numpy scalar
        return strict(data.tolist(), place)
    if isinstance(data, float) and not math.isfinite(data):
        return None, [place]
    return data, []


def _strict_items(items: dict[str, Any], place: str) -> tuple[dict[str, Any], list[str]]:
    clean, names = {}, []
    for key, value in items.items():
        clean[key], bad = strict(value, f"{place}.{key}" if place else key)
        names += bad
    return clean, names
