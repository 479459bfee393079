"""`attnrun compare`: mechanisms over seeds, with what the differences between them are worth."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attnrun.cli.complete import complete_run_or_sweep
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir
from attnrun.errors import UserError
from attnrun.runs.layout import OUTPUTS

if TYPE_CHECKING:
    from attnrun.cli.comparisons import Comparison
    from attnrun.cli.gathering import Gathered

Goal = Literal["min", "max"]


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|SWEEP…",
            help="Paths, names or their beginnings; latest is the newest sweep, or run beside one.",
            autocompletion=complete_run_or_sweep,
        ),
    ],
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="KEY[,KEY]", help="Group by these config keys alone: attention."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Another metric than the primary one.")
    ] = None,
    goal: Annotated[
        Goal | None, typer.Option("--goal", help="Whether the lowest or the highest of --metric is best.")
    ] = None,
    all_metrics: Annotated[bool, typer.Option("--all-metrics", help="Every metric, a table each.")] = False,
    translations: Annotated[
        bool, typer.Option("--translations", help="Add what `attnrun significance` says of a run a group.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw means and seeds: .png or .svg.")
    ] = None,
    config_dir: ConfigDir = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print a Markdown table.")] = False,
) -> None:
    """Compare runs over their seeds: mean, spread, 95 % intervals, and what is decided.

    Runs that differ in their seed alone make a group; a group is named by the keys and choices in which it
    differs from the others.
    """
    _check_options(metric, goal, all_metrics, translations, plot, as_json + as_csv + as_md, as_csv or as_md)
    from attnrun.cli.comparison_texts import show
    from attnrun.cli.comparisons import compared, document, representatives
    from attnrun.cli.gathering import gather

    gathered = gather(OUTPUTS, runs, [key for key in (by or "").split(",") if key], config_dir)
    found = list(compared(gathered, metric, goal, all_metrics))
    chosen = representatives(gathered, found[0])
    if as_json:
        echo_json(document(gathered, found) | (_translations_document(chosen) if translations else {}))
    elif as_csv or as_md:
        _print_text(found, as_csv)
    else:
        show(found)
        if translations:
            _show_translations(chosen)
    if plot is not None:
        _draw(found[0], plot)
    _tell(gathered, found, [] if translations else chosen)


def _check_options(
    metric: str | None,
    goal: Goal | None,
    all_metrics: bool,
    translations: bool,
    plot: Path | None,
    formats: int,
    is_text: bool,
) -> None:
    if formats > 1:
        raise UserError("--json, --csv and --md are three forms of one output; give one of them")
    if all_metrics and (metric or goal or plot):
        raise UserError("--all-metrics takes no --metric, --goal or --plot, which are about one metric")
    if goal and not metric:
        raise UserError("--goal is about --metric; the primary metric has its own")
    if translations and is_text:
        raise UserError("--translations has tables of its own; give it without --csv and --md")
    if plot is not None:
        from attnrun.analysis.canvas import figure_kind

        figure_kind(plot)


def _print_text(found: "list[Comparison]", as_csv: bool) -> None:
    from attnrun.cli.comparison_texts import as_markdown, as_values

    typer.echo(as_values(found) if as_csv else as_markdown(found), nl=False, color=True)


def _draw(one: "Comparison", path: Path) -> None:
    from attnrun.analysis.comparing_plot import group_means
    from attnrun.analysis.plots import save

    save(group_means(one.rows, one.metric), path)


def _tell(gathered: "Gathered", found: "list[Comparison]", translated: list[Path]) -> None:
    """Say what is not among the figures, and what to do next."""
    for note in [*gathered.notes, *(note for one in found for note in one.notes)]:
        say(note)
    if len(translated) > 1:
        words = shlex.join(["attnrun", "significance", *map(str, translated)])
        say(f"whether single runs translate the test set differently: {words}")


def _translations(chosen: list[Path]) -> Any:
    from attnrun.analysis.significance import compare as compare_translations

    if len(chosen) < 2:
        raise UserError("--translations compares groups of runs that have a test set with BLEU: two or more")
    return compare_translations(chosen)


def _translations_document(chosen: list[Path]) -> dict[str, Any]:
    from attnrun.cli.significance import document

    names = list(map(str, chosen))
    return {"translations": [document(one, names) for one in _translations(chosen)]}


def _show_translations(chosen: list[Path]) -> None:
    from attnrun.cli.significance import show

    for one in _translations(chosen):
        show(one, chosen)
