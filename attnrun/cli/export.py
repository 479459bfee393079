"""`attnrun export`: write a trained model for other engines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, Trust
from attnrun.errors import UserError, suggest

if TYPE_CHECKING:
    from attnrun.export.formats import Format

_OUTPUTS = Path("outputs")
_NEXT = {
    "safetensors": "from safetensors.torch import load_file; load_file({file!r})",
    "ctranslate2": "import ctranslate2; ctranslate2.Translator({directory!r})",
    "onnx": "import onnxruntime; onnxruntime.InferenceSession({file!r})",
}


def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Path, name, its beginning, or latest.", autocompletion=complete_run
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="safetensors, ctranslate2 or onnx.",
            autocompletion=lambda: list(_NEXT),
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="A new directory; else RUN/export/FORMAT."),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Write the model that a run trained for another engine, with what it reads texts by.

    Formats: safetensors (the weights), ctranslate2 (fast decoding of Transformers), onnx (log-probabilities
    of a target, given its source).
    """
    if to not in _NEXT:
        raise UserError(f"no format {to!r}{suggest(to, _NEXT)}")
    from attnrun.runs.find import find

    directory = find(_OUTPUTS, run)
    place = directory / "export" / to if output is None else output
    if place.exists():
        raise UserError(f"{place} is there already; remove it, or choose a new directory by --output")
    _export(directory, cast("Format", to), place, tuple(trust or ()))
    files = sorted(path.name for path in place.iterdir())
    if as_json:
        echo_json({"run": str(directory), "format": to, "directory": str(place), "files": files})
        return
    typer.echo(f"{to}: {place}")
    for name in files:
        typer.echo(f"  {place / name}")
    (model,) = [place / name for name in files if name.startswith("model.")]
    typer.echo("Next: " + _NEXT[to].format(file=str(model), directory=str(place)))


def _export(directory: Path, to: "Format", place: Path, trust: tuple[str, ...]) -> None:
    from attnrun.export.formats import require, write
    from attnrun.launch.trained import open_model

    require(to)
    write(open_model(directory, trust), to, place)
