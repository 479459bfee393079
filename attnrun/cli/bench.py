"""`attnrun bench`: how quick attnrun's own works are on this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson

if TYPE_CHECKING:
    from attnrun.bench.tables import Figures, Measured

_ROUNDS = 5


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="WORK", help="Measure this work; may be given again."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads of torch; 0 for its own choice.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="Time for the samples of each table.")] = 2.0,
    toy: Annotated[
        bool, typer.Option("--toy", help="Toy sizes: shows that all works run, not how quickly.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure speed and memory of attnrun's own works.

    Works: rnn-training, transformer-training, decoding, attention, kernel-regression, bandwidth, growth.
    All on the CPU. Texts are those of Multi30k where the cache has them (attnrun data get multi30k), else
    built in.
    """
    from attnrun.bench.sizes import MINUTES, TOY
    from attnrun.bench.works import Bench, machine
    from attnrun.runs.device import prepare_process

    chosen = Bench(only or (), TOY if toy else MINUTES)
    prepare_process(threads)
    with _progress(len(chosen.names)) as tell:
        measured = list(chosen.measure(_ROUNDS, seconds, tell))
    about = machine() | {"corpus": chosen.corpus}
    if as_json:
        echo_json({"machine": about, "tables": [_plain(found) for found in measured]})
    else:
        _show(measured, about)
    noisy = sum(figures.timing.noisy for found in measured for figures in found.figures.values())
    if noisy:
        say(f"{noisy} samples were taken while other processes used more than a quarter of a core")


@contextmanager
def _progress(works: int) -> Iterator[Callable[[str, str], None]]:
    """Show on a terminal what is being measured; yield what is to be told of it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(bar_width=24), TextColumn("{task.description}")
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.disable = not bar.console.is_terminal
    seen: dict[str, None] = {}
    with bar:
        task = bar.add_task("", total=works)

        def tell(work: str, row: str) -> None:
            seen[work] = None
            bar.update(task, completed=len(seen) - 1, description=f"{work} {row}")

        yield tell


def _plain(measured: "Measured") -> dict[str, Any]:
    grown = _exponents(measured)
    return measured.plain() | ({"exponents": grown} if grown else {})


def _exponents(measured: "Measured") -> dict[str, float]:
    """By which power a table of growth grows; nothing for other tables."""
    from attnrun.bench.growth import exponents

    return exponents(measured) if measured.table.name.startswith("growth-") else {}


def _show(measured: "list[Measured]", about: dict[str, Any]) -> None:
    from rich.console import Console

    from attnrun.cli.tables import figures_table, literal, print_figures

    table = figures_table("work", "median", "figure", "spread", "samples", "peak memory")
    for found in measured:
        for row, figures in found.figures.items():
            size = f" {row}" if len(found.figures) > 1 else ""
            table.add_row(literal(found.table.name + size), *map(literal, _cells(found, figures)))
    print_figures(table)
    console = Console(highlight=False)
    for found in measured:
        powers = [f"{cost} grows as size^{power:.2f}" for cost, power in _exponents(found).items()]
        console.print(literal(f"{found.table.name}: {found.table.title}" + "; ".join(["", *powers])))
        for row, why in found.failed.items():
            console.print(literal(f"  {row} cannot be run: {why}"))
    facts = [f"{about['cores']} cores", f"{about['threads']} threads", f"torch {about['torch']}"]
    texts = [f"texts of {about['corpus']}"] if about["corpus"] else []
    console.print(literal(", ".join([about["cpu"], *facts, about["instructions"], *texts])))


def _cells(found: "Measured", figures: "Figures") -> list[str]:
    from attnrun.bench.show import rate, share, size, time

    timing = figures.timing
    samples = f"{len(timing.samples)}" + (f" ({timing.noisy} noisy)" if timing.noisy else "")
    speed = rate(figures.rate, found.table.unit)
    return [time(timing.median), speed, share(timing.spread), samples, size(figures.peak)]
