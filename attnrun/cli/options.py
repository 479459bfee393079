"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import say
from attnrun.runs.layout import OUTPUTS

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


def finished_run(name: str) -> Path:
    """Return the run that `name` means to a command that needs a trained model.

    `latest` is the newest that is done; where another was begun later, a line on stderr says so.
    """
    from attnrun.runs.find import RunRecord, find

    run = find(OUTPUTS, name, finished=True)
    if name == "latest" and (newest := find(OUTPUTS, name)) != run:
        say(f"latest is {run}, the newest that is done; {newest} is {RunRecord(newest).status}")
    return run
