"""The command line's table of contents: every command, its group, and how each one ends."""

from typing import Annotated

import typer

from attnrun.cli.completion import completion
from attnrun.cli.data import data
from attnrun.cli.doctor import doctor
from attnrun.cli.ends import guarded
from attnrun.cli.listing import list_catalog
from attnrun.cli.smoke import smoke
from attnrun.cli.train import resume, train
from attnrun.cli.translate import translate

app = typer.Typer(
    help="Run attention mechanisms on real tasks, from kernel regression to neural translation.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(guarded(train))
app.command()(guarded(translate))
app.command()(guarded(resume))
app.command("list")(guarded(list_catalog))
app.add_typer(data, name="data")
app.command()(guarded(smoke))
app.command()(guarded(doctor))
app.command()(guarded(completion))


def _print_version(wanted: bool) -> None:
    if wanted:
        from attnrun import __version__

        typer.echo(f"attnrun {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run attention mechanisms on real tasks, from kernel regression to neural translation."""
