"""`attnrun reproduce`: a section of a textbook, its figures beside ours."""

from typing import TYPE_CHECKING, Annotated

import typer

from attnrun.cli.claim import FAST_FORM
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson
from attnrun.errors import RunFailed

if TYPE_CHECKING:
    from attnrun.claims.measuring import Measured
    from attnrun.claims.sections import ReadSection, Reproduced


def reproduce(
    section: Annotated[
        str | None, typer.Argument(metavar="SECTION", help="A number: 10.2 (zh) or 11.2 (en).")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="The small form, for a trial.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a section of Dive into Deep Learning.

    Its claims, its trainings with what it prints, its exercises. Without SECTION: the sections there are.
    """
    from attnrun.claims.sections import find_section, read_sections
    from attnrun.claims.sections import reproduce as run

    if section is None:
        _list(read_sections(), as_json)
        return
    one = find_section(section)
    measured, trainings, missing = run(one, fast, say)
    if as_json:
        echo_json(
            {
                "section": section,
                "title": one.entry.what,
                "claims": [each.plain() for each in measured],
                "trainings": [each.plain() for each in trainings],
                "exercises": [{"what": each.what, "command": each.command} for each in one.section.exercises],
            }
        )
    else:
        _show(one, measured, trainings)
    if fast:
        say(f"{FAST_FORM} attnrun reproduce {section}")
    if missing:
        raise RunFailed(f"not measured: {', '.join(missing)}")


def _list(sections: "list[ReadSection]", as_json: bool) -> None:
    if as_json:
        keys = [(one.section.zh, one.section.en, one.entry.what) for one in sections]
        echo_json([{"zh": zh, "en": en, "what": what} for zh, en, what in keys])
        return
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table

    table = new_table("zh", "en", "section")
    for one in sections:
        table.add_row(literal(one.section.zh), literal(one.section.en), literal(one.entry.what))
    Console(highlight=False).print(table)


def _show(one: "ReadSection", measured: "list[Measured]", trainings: "list[Reproduced]") -> None:
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table, print_figures, summaries_table

    console = Console(highlight=False)
    console.print(literal(f"{one.entry.what} ({one.entry.source})"))
    claims = new_table("claim", "what is said", "verdict")
    for each in measured:
        claims.add_row(literal(each.claim.name), literal(each.claim.entry.what), literal(each.verdict))
    console.print(claims)
    for training in trainings:
        console.print(literal(f"{training.training.what}: attnrun train {training.training.words}"))
        print_figures(summaries_table("metric", training.found))
    if one.section.exercises:
        console.print("Exercises:")
    for exercise in one.section.exercises:
        console.print(literal(f"  {exercise.what}"), soft_wrap=True)
        console.print(literal(f"      {exercise.command}"), soft_wrap=True)
