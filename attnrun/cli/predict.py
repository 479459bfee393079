"""`attnrun predict`: what a trained model answers, whatever its task."""

from typing import Annotated, Any

import typer

from attnrun.cli.ends import echo_json, echo_line
from attnrun.cli.options import AsJson, RunName, Trust, finished_run
from attnrun.errors import UserError


def predict(
    run: RunName,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT", help="Texts, numbers or files, as the task takes them; - reads lines from stdin."
        ),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Print what a trained model answers to each input.

    A text gets its label or its tags, a file its class, a number its value.
    """
    from attnrun.cli.inputs import read_inputs
    from attnrun.launch.trained import open_model

    given = read_inputs(inputs or []).lines
    if not given:
        raise UserError("nothing to answer: give INPUT, or lines on stdin")
    directory = finished_run(run)
    answers = open_model(directory, tuple(trust or ())).predict(given)
    if as_json:
        pairs = [{"input": text, "answer": answer} for text, answer in zip(given, answers, strict=True)]
        echo_json({"run": str(directory), "answers": pairs})
        return
    for answer in answers:
        echo_line(_line(answer))


def _line(answer: Any) -> str:
    """A list as words, anything else as it is."""
    if isinstance(answer, list):
        return " ".join(map(_line, answer))
    return f"{answer:g}" if isinstance(answer, float) else str(answer)
