"""`attnrun export`: write a trained model for other engines."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, RunName, Trust, finished_run
from attnrun.errors import UserError
from attnrun.export.formats import FORMATS, require, write


def export(
    run: RunName,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="safetensors, ctranslate2 or onnx.",
            autocompletion=lambda: list(FORMATS),
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="A new directory; else RUN/export/FORMAT."),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Write the model that a run trained for another engine.

    With what it reads texts by. Formats: safetensors (the weights), ctranslate2 (fast decoding of
    Transformers), onnx (log-probabilities of a target, given its source).
    """
    form = require(to)
    from attnrun.launch.trained import open_model

    directory = finished_run(run)
    place = directory / "export" / to if output is None else output
    if place.exists():
        raise UserError(f"{place} is there already; remove it, or choose a new directory by --output")
    write(open_model(directory, tuple(trust or ())), to, place)
    files = sorted(path.name for path in place.iterdir())
    if as_json:
        echo_json({"run": str(directory), "format": to, "directory": str(place), "files": files})
        return
    typer.echo(f"{to}: {place}")
    for name in files:
        typer.echo(f"  {place / name}")
    (model,) = [place / name for name in files if name.startswith("model.")]
    typer.echo("Next: " + form.opened_by.format(file=str(model), directory=str(place)))
