"""The greatest memory that a call has at once (Linux with glibc)."""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK = "5"  # what resets the peak when written to clear_refs (proc(5))


def peak_bytes(call: Callable[[], object]) -> int | None:
    """Return by how much the process's resident memory grew at most during the call; None where unknown.

    Memory that freed objects left to the process is given back first, so that it is not used unseen.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        before = _status("VmRSS")
        _RESET.write_text(_PEAK, encoding="ascii")
    except (OSError, AttributeError):
        return None
    call()
    return max(0, _status("VmHWM") - before)


def _status(key: str) -> int:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
