"""`attnrun smoke`: every experiment for a few steps, as a check for CI."""

import importlib.util
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_experiment
from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson
from attnrun.errors import RunFailed
from attnrun.launch import catalog


@dataclass(frozen=True)
class Row:
    """What became of one experiment."""

    experiment: str
    status: str
    seconds: float
    message: str


def smoke(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPERIMENT", help="Only these; none: all.", autocompletion=complete_experiment
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Run every experiment for a few steps; fail if one fails.

    One that needs a package which is not installed is skipped.
    """
    from attnrun.cli.train import check_experiment

    for name in experiments or []:
        check_experiment(name)
    chosen = [
        entry for entry in catalog.entries("experiment") if not experiments or entry.name in experiments
    ]
    workplace = Path(tempfile.mkdtemp(prefix="attnrun-smoke-"))
    rows = [_skipped(entry) or _run(entry, steps, workplace) for entry in chosen]
    _show(rows, as_json)
    failed = [row.experiment for row in rows if row.status not in ("done", "skipped")]
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(rows)} failed: {', '.join(failed)}; their runs are in {workplace}"
        )
    shutil.rmtree(workplace)


def _skipped(entry: catalog.Entry) -> Row | None:
    if not entry.needs or importlib.util.find_spec(entry.needs) is not None:
        return None
    return Row(entry.name, "skipped", 0.0, f'needs {entry.needs}: pip install "attnrun[tasks]"')


def _run(entry: catalog.Entry, steps: int, workplace: Path) -> Row:
    from attnrun.launch.bridge import launch
    from attnrun.launch.config import compose
    from attnrun.launch.quoting import quote

    place = quote(str(workplace / entry.name))
    small = entry.smoke.split()
    short = [f"trainer.max_steps={steps}"] if "trainer" in compose(entry.name, small) else []
    words = [*short, f"hydra.run.dir={place}", *small]
    start = time.monotonic()
    report = launch(entry.name, words)[0]
    return Row(entry.name, report.status, round(time.monotonic() - start, 1), report.message)


def _show(rows: list[Row], as_json: bool) -> None:
    if as_json:
        echo_json([asdict(row) for row in rows])
        return
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table

    table = new_table("experiment", "status", "seconds", "message")
    for row in rows:
        table.add_row(*(literal(cell) for cell in asdict(row).values()))
    Console(highlight=False).print(table)
