"""Processes that train together, without torchrun, and what they do in the tests."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import tensorboard.plugins.hparams.plugin_data_pb2  # noqa: F401
import torch
import torch._dynamo
from torch import Tensor, nn

from attnrun.errors import Interrupted, RunFailed
from attnrun.launch.config import check
from attnrun.launch.job import open_run
from attnrun.runs import ranks
from attnrun.runs.device import Runtime
from attnrun.runs.run import Run
from attnrun.runs.silent import SilentRun
from attnrun.training.loop import Trainer, fit
from tests.training import tiny

# Each process starts as a copy of one that has imported all that a training does, and has computed nothing.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.training.several"])


def together(work: Callable[..., Any], *arguments: Any, count: int = 2) -> list[Any]:
    """Call `work(rank, *arguments)` in `count` ranks; return what each gave, or the name of its error."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pipes = [_SERVER.Pipe(duplex=False) for _ in range(count)]
    crew = [
        _SERVER.Process(target=_serve, args=(far, rank, count, port, work, arguments))
        for rank, (_, far) in enumerate(pipes)
    ]
    for one, (_, far) in zip(crew, pipes, strict=True):
        one.start()
        far.close()
    found = [near.recv() if near.poll(60) else "silent" for near, _ in pipes]
    for one in crew:
        one.join(20)
        one.kill()
    return found


def _serve(pipe: Connection, rank: int, count: int, port: int, work: Callable[..., Any], given: Any) -> None:
    places = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "RANK": rank, "WORLD_SIZE": count}
    os.environ.update({name: str(value) for name, value in places.items()})
    torch.set_num_threads(1)
    ranks.join(torch.device("cpu"))
    try:
        found = work(rank, *given)
    except ranks.Released:
        found = "Released"
    except (Exception, KeyboardInterrupt) as error:
        found = f"{type(error).__name__}: {error}"
    pipe.send(found)


def run_of(rank: int, directory: Path, **runtime: Any) -> Run:
    """Open the run of a rank of a tiny training."""
    return (SilentRun if rank else Run).open(
        directory,
        experiment="tiny",
        config={},
        config_hash="1234",
        seed=3,
        runtime=Runtime(device="cpu", **runtime),
        primary=("loss", "min"),
        quiet=True,
    )


def experiment(
    rank: int, directory: Path, plain: dict[str, Any], trust: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Train what a config says, and return its metrics."""
    plan = check(plain, trust)
    plan = replace(plan, runtime=replace(plan.runtime, processes=ranks.count()))
    with open_run(SilentRun if rank else Run, plan, directory) as run:
        metrics: dict[str, Any] = plan.module.train(plan.config, run)
        run.finish(metrics)
    return metrics


def train_tiny(rank: int, directory: Path, trainer: Trainer, stop_at: int = 0, stopped: int = 1) -> str:
    """Train as `tiny` does; a signal at a call of the loss in the process `stopped` alone."""

    def stop(call: int) -> None:
        if call == stop_at and rank == stopped:
            signal.raise_signal(signal.SIGTERM)

    with run_of(rank, directory) as run:
        tiny.train(run, trainer, stop)
        run.finish({})
    return "done"


def deterministic(
    rank: int, directory: Path, trainer: Trainer, optimiser: Callable[..., Any], bad: int | None = None
) -> dict[str, Any]:
    """Train on rows in float64 without chance, a parameter beside that nobody uses; return weights and state.

    A batch with row number `bad` has an infinite loss.
    """
    with run_of(rank, directory, precision="float64") as run:
        model = tiny.make_model(run)
        model[2] = nn.Identity()  # no dropout
        model.register_parameter("unused", nn.Parameter(torch.ones(2, dtype=torch.float64)))
        data = _Rows(11)

        def loss(indices: Tensor) -> tuple[Tensor, int]:
            total = nn.functional.cross_entropy(model(data.x[indices]), data.y[indices], reduction="sum")
            return total * (torch.inf if bad in indices.tolist() else 1.0), len(indices)

        made = optimiser(model.parameters())
        keys = {"model": model, "optimiser": made, "batches": data, "loss": loss}
        measured: list[int] = []

        def evaluate() -> dict[str, float]:
            measured.append(rank)
            return {"loss": float(loss(torch.arange(4))[0])}

        error = ""
        try:
            fit(run, trainer, **keys, evaluate=evaluate)
        except (ranks.Released, RunFailed, Interrupted) as raised:
            error = f"{type(raised).__name__}: {raised}"
    weights = {name: value.detach().tolist() for name, value in model.named_parameters()}
    return {"weights": weights, "error": error, "measured": measured}


class _Rows(tiny.Data):
    """19 rows in batches of 9, 9 and 1, of which one of two processes has nothing."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.x = self.x.double()

    def order(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 7919 + epoch)
        return [part.tolist() for part in torch.randperm(19, generator=generator).split(9)]

    def collate(self, indices: list[int]) -> Any:
        return torch.tensor(indices)


def drawn(rank: int, directory: Path) -> list[float]:
    """Return the random numbers that the loss of each step draws."""
    numbers: list[float] = []
    with run_of(rank, directory) as run:
        model = tiny.make_model(run)

        def loss(batch: tiny.Batch) -> tuple[Tensor, int]:
            numbers.append(float(torch.rand(())))
            return model(batch.x).sum(), len(batch.y)

        keys = {"model": model, "optimiser": torch.optim.SGD(model.parameters(), lr=0.1), "loss": loss}
        with suppress(ranks.Released):
            fit(run, Trainer(max_steps=3), batches=tiny.Data(3), **keys)
    return numbers


def heavier(rank: int, directory: Path) -> str:
    """As `tiny.train`, but the second process changes a weight in its third step."""
    with run_of(rank, directory) as run:
        model = tiny.make_model(run)
        calls: list[int] = []

        def loss(batch: tiny.Batch) -> tuple[Tensor, int]:
            calls.append(0)
            if len(calls) == 3 and rank:
                model[0].weight.data += 1e-3  # type: ignore[operator, union-attr]
            return model(batch.x).sum(), len(batch.y)

        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        fit(run, Trainer(epochs=3), model=model, optimiser=optimiser, batches=tiny.Data(3), loss=loss)
    return "done"
