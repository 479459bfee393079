"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_run

_run = typer.Argument(
    metavar="RUN", help="A path, a name, its beginning, or latest.", autocompletion=complete_run
)
RunName = Annotated[str, _run]
OptionalRunName = Annotated[str | None, _run]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        metavar="DIR",
        help="A directory of your own config groups.",
        file_okay=False,
        exists=True,
    ),
]
Trust = Annotated[
    list[str] | None, typer.Option("--trust", metavar="MODULE", help="Let configs name code of this module.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
CorpusKeys = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of the corpus, e.g. limit=1000.")
]
