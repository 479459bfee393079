"""What a run ran out of, in one line that says what would help. No need of torch to tell."""

import errno
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attnrun.errors import RunFailed, first_line
from attnrun.runs.files import CannotWrite, unusable

# What torch raises as a RuntimeError: from its allocators, from cuBLAS and cuDNN, and from C++.
_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|_STATUS_ALLOC_FAILED|std::bad_alloc", re.I
)
_ALLOCATED = re.compile(r"(?:tried|unable) to allocate ([\d.]+) ?([KMGTP]?i?B(?:ytes)?)\b", re.I)
_IN_WORKER = re.compile(r"Caught \w+ in DataLoader worker process")


def one_line(error: BaseException, config: Mapping[str, Any]) -> str:
    """Return what stopped a run and what would help, for the person who gave `config` (plain, resolved)."""
    text = str(error)
    if isinstance(error, RunFailed | CannotWrite):
        return first_line(error)
    if _is_memory(error):
        return _memory_advice(text, config)
    if isinstance(error, OSError) and error.filename is not None:
        return unusable(error)
    if _IN_WORKER.search(first_line(error)):
        return text.strip().splitlines()[-1]  # of the worker's traceback
    kind, line = type(error).__name__, first_line(error)
    return kind if line == kind else f"{kind}: {line}"


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(_MEMORY.search(str(error)))
    )


def _memory_advice(text: str, config: Mapping[str, Any]) -> str:
    wanted = _ALLOCATED.search(text)
    what = f"out of memory ({_amount(wanted[1])} {wanted[2]} wanted)" if wanted else "out of memory"
    keys = [*_batch_keys(config), *_sizes(config, "model")] or _sizes(config, "data")
    return f"{what}: lower {', '.join(keys)}" if keys else f"{what}: take less data or a smaller model"


def _amount(number: str) -> str:
    return f"{int(number):,}" if number.isdigit() else f"{float(number):g}"


def _batch_keys(config: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in _numbers(config) if "batch" in key.rpartition(".")[2]]


def _sizes(config: Mapping[str, Any], group: str) -> list[str]:
    """The whole numbers above one in a group: of a model widths and layers, of data how much there is."""
    node = config.get(group)
    found = _numbers(node, f"{group}.") if isinstance(node, Mapping) else ()
    return [f"{key}={value}" for key, value in found if value > 1]


def _numbers(node: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, int]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{place}{key}.")
        elif isinstance(value, int) and not isinstance(value, bool):
            yield f"{place}{key}", value
