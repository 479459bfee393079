"""Where a run computes: device, threads, precision and seeds."""

import ctypes
import hashlib
import os
import random
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from attnrun.errors import UserError, suggest
from attnrun.ranges import NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    import torch

Function = TypeVar("Function", bound=Callable[..., object])

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How to compute, which changes no result beyond rounding.

    Attributes:
        device: `auto` (the first of cuda, mps and cpu that is there), `cpu`, `cuda`, `mps`, `cuda:1` ….
        threads: of one process, 0 for torch's choice, or for a share of the cores where there are several.
        processes: that train one model together, each on its part of every batch and, of NVIDIA GPUs, one.
        precision: `bfloat16` and `float16` keep float32 weights and compute under autocast; with float16 a
            training scales its loss.
        compile: make code for the loss of a training first, by torch.compile: minutes at the start, quicker
            steps then. It needs a C++ compiler, for a GPU Triton too, and pays for large models on GPUs.
        data_workers: processes that put batches together, 0 for the training process itself.
        watch: show in TensorBoard what attention looks at after each evaluation, and embeddings at the end.
    """

    device: str = "auto"
    threads: NonNegativeInt = 0
    processes: PositiveInt = 1
    precision: Literal["float32", "bfloat16", "float16", "float64"] = "float32"
    compile: bool = False
    data_workers: NonNegativeInt = 0
    watch: bool = True


def present_devices() -> list[str]:
    """Return the names of the devices of this machine, `cpu` first."""
    import torch

    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return [*names, "mps"] if torch.backends.mps.is_available() else names


def resolve_device(name: str) -> "torch.device":
    """Return the device called `name`.

    Raises:
        UserError: no such device; the message names those that are there.
    """
    import torch

    present = present_devices()
    if name == "auto":
        return torch.device(_best(present))
    if name in present or (name == "cuda" and "cuda:0" in present):
        return torch.device("cuda:0" if name == "cuda" else name)
    there = f"this machine has {', '.join(present)}"
    if name.split(":")[0] in ("cpu", "cuda", "mps"):
        raise UserError(f"no device {name!r} (runtime.device); {there}")
    hint = "; did you mean 'cuda'?" if name == "gpu" else suggest(name, ["auto", "cpu", "cuda", "mps"])
    raise UserError(f"no device is called {name!r} (runtime.device){hint} ({there})")


def _best(present: list[str]) -> str:
    return next((name for name in ("cuda:0", "mps") if name in present), "cpu")


def of_rank(runtime: Runtime, rank: int, processes: int) -> Runtime:
    """Return the settings of one of `processes` on this machine: a device and threads of its own.

    Raises UserError where there is no device for each.
    """
    if processes == 1:
        return runtime
    threads = runtime.threads or max(1, cores() // processes)
    return replace(runtime, device=_device_of_rank(runtime.device, rank, processes), threads=threads)


def _device_of_rank(name: str, rank: int, processes: int) -> str:
    count = sum(device.startswith("cuda") for device in present_devices())
    if name == "cpu" or (name == "auto" and not count):
        return "cpu"
    wanted = f"runtime.processes={processes}"
    if name not in ("auto", "cuda"):
        raise UserError(f"{wanted} cannot share runtime.device={name}; choose cuda, for one each, or cpu")
    if count < processes:
        here = f"this machine has {count} CUDA device" + "s" * (count != 1)
        raise UserError(f"{wanted} with runtime.device={name}: {here}, one each; or runtime.device=cpu")
    return f"cuda:{rank}"


def cores() -> int:
    """Return how many cores this process may use, where the system tells, else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_precision(device: "torch.device", precision: str) -> None:
    """Raise UserError where `device` cannot compute in `precision`."""
    if device.type == "mps" and precision == "float64":
        raise UserError("runtime.precision=float64 does not exist on mps; use float32, or runtime.device=cpu")


def weight_dtype(precision: str) -> "torch.dtype":
    """Return the type of the weights: float64 for float64, else float32."""
    import torch

    return torch.float64 if precision == "float64" else torch.float32


def autocast(device: "torch.device", precision: str) -> AbstractContextManager[object]:
    """Return the context to compute a loss in."""
    import torch

    if precision not in ("bfloat16", "float16"):
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def compiled(function: Function) -> Function:
    """Return the function as torch compiles it, once for all sizes of its tensors where it can.

    Dropout draws the same numbers as without.
    """
    import torch

    made = torch.compile(function, dynamic=True, options={"fallback_random": True})
    return made  # type: ignore[return-value]


def prepare_process(threads: int = 0) -> None:
    """Compute in this process from now on with `threads` threads, 0 for as many as it uses already.

    It keeps the memory that tensors leave, up to 32 MiB each, for those of the next step: given back to the
    system it returns zeroed, page by page, and small models decode a third faster without. Of the C libraries
    glibc alone has the switches, mallopt(3).
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 2**25)
        mallopt(_M_TRIM_THRESHOLD, -1)  # never


def keyed_seed(*key: int | str) -> int:
    """Return a seed in [0, 2^63) that is a pure function of `key`, such as (seed, "step", 17)."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators, those of all devices included."""
    import torch

    reseed(seed)
    torch.manual_seed(seed % 2**63)  # devices that are not in use yet too


def reseed(seed: int) -> None:
    """As `seed_everything`, for devices that are in use already, and fast enough for every step (20 µs).

    `torch.manual_seed` notes the call, with the stack as text, for each device that may come into use
    later: half a millisecond, and memory that is never given back.
    """
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed % 2**63)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed % 2**63)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed % 2**63)
