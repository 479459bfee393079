"""`attnrun report`: a finished run, or two side by side, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import echo_line, say
from attnrun.cli.options import RunName, Trust, finished_run
from attnrun.errors import UserError


def report(
    run: RunName,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="OTHER_RUN", help="To compare with, of the same task.", autocompletion=complete_run
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the page there; else RUN/report.html."),
    ] = None,
    sentences: Annotated[
        int,
        typer.Option("--sentences", min=1, help="Test samples to show, the best and the worst among them."),
    ] = 200,
    trust: Trust = None,
) -> None:
    """Write a page about a run, or about two side by side.

    What it gave, where it looked, its best and its worst answers. It is one file, which needs no network.
    With OTHER_RUN it holds both, and the difference of their weights.
    """
    from attnrun.analysis.report_page import page
    from attnrun.cli.report_document import document
    from attnrun.runs.files import write_durably

    names = [run] if other is None else [run, other]
    directories = [finished_run(name) for name in names]
    path = output or directories[0] / "report.html"
    if path.is_dir():  # told now, not when all is done
        raise UserError(f"{path} is a directory; name a file in it: --output {path / 'report.html'}")
    found = document(directories, sentences, tuple(trust or ()))
    for note in found["notes"]:
        say(note)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, page(found, found["title"]))
    echo_line(str(path))
