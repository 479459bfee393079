"""The command line's table of contents: every command, its group, and how each one ends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from attnrun.cli.align import align
from attnrun.cli.bench import bench
from attnrun.cli.board import board
from attnrun.cli.claim import claim
from attnrun.cli.compare import compare
from attnrun.cli.completion import completion
from attnrun.cli.data import data
from attnrun.cli.doctor import doctor
from attnrun.cli.ends import guarded
from attnrun.cli.evaluate import evaluate
from attnrun.cli.export import export
from attnrun.cli.heads import heads
from attnrun.cli.listing import list_catalog
from attnrun.cli.predict import predict
from attnrun.cli.report import report
from attnrun.cli.reproduce import reproduce
from attnrun.cli.score import score
from attnrun.cli.show import show
from attnrun.cli.significance import significance
from attnrun.cli.smoke import smoke
from attnrun.cli.sweep import status, sweep
from attnrun.cli.train import resume, train
from attnrun.cli.translate import translate
from attnrun.escape import for_message
from attnrun.launch.catalog import names

_NO_COMMAND = re.compile(r"No such command '(.*)'\.")


class _Literal(TyperGroup):
    """Shows the user's words literally where they are no command, option or argument."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _told_literally():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _told_literally():
            return super().invoke(ctx)


@contextmanager
def _told_literally() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)
        if isinstance(message, str):  # of Typer, about a word that is no command, option or argument
            vars(error)["message"] = for_message(message) + _way_out(error)
        raise


def _way_out(error: Any) -> str:
    """What to write instead: for an argument that is missing its help, for --key the key as it is written."""
    kind = type(error).__name__  # Typer has these errors in a private module
    if (command := _NO_COMMAND.match(error.message)) and command[1] in names("experiment"):
        return f" Did you mean `attnrun train {command[1]}`?"
    if kind == "MissingParameter":
        return getattr(error.param, "help", None) or ""
    if kind != "NoSuchOption" or error.possibilities or not error.ctx:
        return ""
    words = [param.metavar for param in error.ctx.command.params if param.param_type_name == "argument"]
    key = error.option_name.removeprefix("--")
    is_key = "KEY=VALUE" in words and key.replace(".", "_").isidentifier()
    return f"; a key is written {key}=VALUE" if is_key else ""


app = typer.Typer(
    cls=_Literal,
    help="Run attention mechanisms on real tasks, from kernel regression to neural translation.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(guarded(train))
app.command()(guarded(sweep))
app.command()(guarded(status))
app.command()(guarded(translate))
app.command()(guarded(predict))
app.command()(guarded(evaluate))
app.command()(guarded(score))
app.command()(guarded(show))
app.command()(guarded(heads))
app.command()(guarded(board))
app.command()(guarded(report))
app.command()(guarded(align))
app.command()(guarded(compare))
app.command()(guarded(significance))
app.command()(guarded(claim))
app.command()(guarded(reproduce))
app.command()(guarded(resume))
app.command()(guarded(export))
app.command("list")(guarded(list_catalog))
app.add_typer(data, name="data")
app.command()(guarded(smoke))
app.command()(guarded(doctor))
app.command()(guarded(bench))
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
