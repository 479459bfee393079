"""`attnrun board`: TensorBoard over runs, on this machine alone."""

import tempfile
import threading
from pathlib import Path
from typing import Annotated

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import echo_line, say
from attnrun.errors import UserError
from attnrun.runs.layout import OUTPUTS


def board(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Paths, names, their beginnings, or latest; none: all in ./outputs.",
            autocompletion=complete_run,
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="None: a free one from 6006 on; 0: any.")
    ] = None,
) -> None:
    """Serve TensorBoard on 127.0.0.1 until Ctrl-C; print its link."""
    from attnrun.runs.find import find

    directories = [find(OUTPUTS, name) for name in runs or ()]
    if not directories and not OUTPUTS.is_dir():
        raise UserError("there is no ./outputs here; name a RUN, or train one first")
    with tempfile.TemporaryDirectory(prefix="attnrun-board-") as together:
        echo_line(_serve(_place(directories, Path(together)), port))
        say("Ctrl-C ends it")
        threading.Event().wait()


def _place(directories: list[Path], together: Path) -> Path:
    """One directory with all of these runs: links in `together` where they are several."""
    if len(directories) < 2:
        return directories[0] if directories else OUTPUTS
    for number, directory in enumerate(directories, 1):
        (together / f"{number}-{directory.name}").symlink_to(directory.resolve())
    return together


def _serve(place: Path, port: int | None) -> str:
    """Return the link of a server that runs as long as this process."""
    from tensorboard import program

    server = program.TensorBoard()
    chosen = [] if port is None else ["--port", str(port)]
    server.configure(argv=[None, "--logdir", str(place.resolve()), "--host", "127.0.0.1", *chosen])
    try:
        return str(server.launch())
    except program.TensorBoardServerException as error:
        raise UserError(f"TensorBoard does not start: {error}") from None
