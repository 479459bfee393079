"""How a command ends: one clear line on stderr and the right exit code, never a traceback."""

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from attnrun.errors import Interrupted, RunFailed, UserError
from attnrun.escape import for_json, for_message, for_terminal
from attnrun.runs.files import strict, unusable
from attnrun.runs.signals import StopAtOnce


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with every foreseen ending turned into its exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            with StopAtOnce():
                command(*args, **kwargs)
        except (UserError, RunFailed, Interrupted) as error:
            say(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            _drop_stdout()
            raise typer.Exit(141) from None
        except OSError as error:  # a place that cannot be written, a full disk
            say(unusable(error))
            raise typer.Exit(1) from None

    return run


def echo_json(document: Any) -> None:
    """Print one JSON document, letters of every script as they are, nothing that steers a terminal.

    NaN and infinities are null, as in the files of a run.
    """
    clean, _ = strict(document)
    typer.echo(for_json(json.dumps(clean, indent=2, ensure_ascii=False, allow_nan=False)))


def echo_line(text: str) -> None:
    """Print one line of foreign text: literally on a terminal, elsewhere exactly as it is."""
    encoding = sys.stdout.encoding or "utf-8"
    # `color` keeps Typer from cutting out what looks like an escape code.
    typer.echo(for_terminal(text, encoding) if sys.stdout.isatty() else text, color=True)


def say(message: str) -> None:
    """Print one line for the person, on stderr; text from outside is shown literally."""
    line = "; ".join(for_message(part) for part in message.splitlines() or [""])
    typer.echo(f"attnrun: {line}", err=True)


def _drop_stdout() -> None:
    """Let the interpreter flush into nothing at its end, when the reader of a pipe has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
