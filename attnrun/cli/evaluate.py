"""`attnrun evaluate`: what a trained model reaches on its test split, on other data, with another search."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from attnrun.cli.complete import complete_change
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir, RunName, Trust, finished_run


def evaluate(
    run: RunName,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Other data or another search: corpus.…, data.…, search=beam.",
            autocompletion=complete_change,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the answers there, as JSON lines."),
    ] = None,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Measure a trained model again, or on other data.

    Without KEY=VALUE the test split of its run is measured again, with it other data, or the same by another
    search. Nothing is written to the run.
    """
    from attnrun.launch.changes import changed_groups
    from attnrun.launch.trained import evaluate as measure
    from attnrun.runs.files import as_lines, write_durably
    from attnrun.runs.find import RunRecord

    directory = finished_run(run)
    record, words = RunRecord(directory), overrides or []
    metrics, rows = measure(directory, changed_groups(record.config, words, config_dir), tuple(trust or ()))
    if output is not None:
        write_durably(output, as_lines(rows))
        say(f"answers: {output}")
    if as_json:
        echo_json({"run": str(directory), "changes": words, "metrics": metrics, "in_the_run": record.metrics})
        return
    _show(metrics, record.metrics)


def _show(metrics: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    from attnrun.cli.tables import figures_table, literal, number, print_figures

    table = figures_table("metric", "now", "in the run")
    for name, value in metrics.items():
        table.add_row(
            literal(name), literal(number(value)), literal(number(then[name]) if name in then else "")
        )
    print_figures(table)
