"""One line for what a run ran out of: what it wanted, and which keys to lower."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from attnrun.errors import RunFailed
from attnrun.runs.failures import one_line
from attnrun.runs.files import CannotWrite

CONFIG = {
    "experiment": "translation",
    "seed": 3,
    "batch_size": 64,
    "eval_batch_size": 128,
    "model": {
        "_target_": "x",
        "hidden": 256,
        "layers": 1,
        "tied": True,
        "dropout": 0.1,
        "cell": {"size": 99},
    },
    "data": {"samples": 50},
    "trainer": {"epochs": 5},
}
ADVICE = "lower batch_size=64, eval_batch_size=128, model.hidden=256, model.cell.size=99"


def caught(action: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as found:
        action()
    return found.value


def test_torch_without_memory() -> None:
    error = caught(lambda: torch.empty(10**15, dtype=torch.uint8))
    assert one_line(error, CONFIG) == f"out of memory (1,000,000,000,000,000 bytes wanted): {ADVICE}"


def test_numpy_without_memory() -> None:
    error = caught(lambda: np.empty(2**50, dtype=np.uint8))
    assert one_line(error, CONFIG) == f"out of memory (1 PiB wanted): {ADVICE}"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MemoryError(), ""),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ""),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU"), " (20 GiB wanted)"),
        (RuntimeError("MPS backend out of memory (…). Tried to allocate 1.50 MB"), " (1.5 MB wanted)"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`\nx"), ""),
        (MemoryError("Caught MemoryError in DataLoader worker process 0.\nOriginal Traceback"), ""),
    ],
)  # fmt: skip
def test_the_other_ways_to_be_without_memory(error: BaseException, wanted: str) -> None:
    assert one_line(error, CONFIG) == f"out of memory{wanted}: {ADVICE}"


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"data": {"samples": 50, "noise": 0.5}, "seed": 7}, "lower data.samples=50"),
        ({"batch_tokens": 4096}, "lower batch_tokens=4096"),
        ({"model": None, "data": {"path": "x.csv"}}, "take less data or a smaller model"),
    ],
)
def test_the_advice_fits_the_experiment(config: dict[str, object], advice: str) -> None:
    assert one_line(MemoryError(), config) == f"out of memory: {advice}"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RunFailed("step 3: the loss (nan) is not finite"), "step 3: the loss (nan) is not finite"),
        (ValueError("one\ntwo"), "ValueError: one"),
        (RuntimeError("size mismatch"), "RuntimeError: size mismatch"),
        (OSError(errno.EIO, "Input/output error"), "OSError: [Errno 5] Input/output error"),
        (PermissionError(13, "Permission denied", "/x/figures"), "cannot use /x/figures: Permission denied"),
        (
            PermissionError(13, "Permission denied", "outputs/a"),
            "cannot use outputs/a: Permission denied; what attnrun makes lands in ./outputs: "
            "go where that can be written",
        ),
        (FileNotFoundError(2, "No such file", "outputs"), "cannot use outputs: No such file"),
        (
            CannotWrite(Path("/none/x"), 1234, OSError(30, "Read-only file system")),
            "cannot write /none/x: Read-only file system (1,234 bytes wanted)",
        ),
        (
            ValueError("Caught ValueError in DataLoader worker process 1.\nOriginal …:\nValueError: odd\n"),
            "ValueError: odd",
        ),
    ],
)
def test_other_failures_keep_their_first_line(error: BaseException, line: str) -> None:
    assert one_line(error, CONFIG) == line
