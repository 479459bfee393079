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
    from attnrun.cli.comparison_lines import Curves, Lengths
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
        str | None,
        typer.Option("--metric", help="Another metric than the primary one; for --curves also a logged tag."),
    ] = None,
    goal: Annotated[
        Goal | None, typer.Option("--goal", help="Whether the lowest or the highest of --metric is best.")
    ] = None,
    all_metrics: Annotated[bool, typer.Option("--all-metrics", help="Every metric, a table each.")] = False,
    translations: Annotated[
        bool, typer.Option("--translations", help="Add what `attnrun significance` says of a run a group.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw means and seeds: .png, .svg or .pdf.")
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            "--curves",
            metavar="FILE",
            help="Draw the validation part of the metric over training: .png, .svg or .pdf.",
        ),
    ] = None,
    lengths: Annotated[
        Path | None,
        typer.Option(
            "--lengths", metavar="FILE", help="Draw BLEU by the length of sources: .png, .svg or .pdf."
        ),
    ] = None,
    config_dir: ConfigDir = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print a Markdown table.")] = False,
) -> None:
    """Compare runs over their seeds, and say what is decided.

    Mean, spread and 95 % intervals. Runs that differ in their seed alone make a group; a group is named by
    the keys and choices in which it differs from the others.
    """
    figures = {"--plot": plot, "--curves": curves, "--lengths": lengths}
    _check_options(metric, goal, all_metrics, translations, as_json + as_csv + as_md, as_csv or as_md)
    _check_figures({option: path for option, path in figures.items() if path is not None}, all_metrics)
    from attnrun.cli.comparison_texts import show
    from attnrun.cli.comparisons import compared, document, representatives
    from attnrun.cli.gathering import gather

    gathered = gather(OUTPUTS, runs, [key for key in (by or "").split(",") if key], config_dir)
    lines = _lines(gathered, metric, curves, lengths)
    found = list(compared(gathered, *_of_table(gathered, metric, goal, curves), all_metrics))
    found[0].notes.extend(note for one, _ in lines for note in one.notes)
    chosen = representatives(gathered, found[0])
    _draw(found[0], plot, lines)  # first of all: whoever reads the rest may leave early, as `head` does
    if as_json:
        drawn = {name: value for one, _ in lines for name, value in one.document().items()}
        more = _translations_document(chosen) if translations else {}
        echo_json(document(gathered, found) | drawn | more)
    elif as_csv or as_md:
        _print_text(found, as_csv)
    else:
        show(found)
        if translations:
            _show_translations(chosen)
    _tell(gathered, found, [] if translations else chosen)


def _check_options(
    metric: str | None,
    goal: Goal | None,
    all_metrics: bool,
    translations: bool,
    formats: int,
    is_text: bool,
) -> None:
    if formats > 1:
        raise UserError("--json, --csv and --md are three forms of one output; give one of them")
    if all_metrics and (metric or goal):
        raise UserError("--all-metrics takes no --metric or --goal, which are about one metric")
    if goal and not metric:
        raise UserError("--goal is about --metric; the primary metric has its own")
    if translations and is_text:
        raise UserError("--translations has tables of its own; give it without --csv and --md")


def _check_figures(figures: dict[str, Path], all_metrics: bool) -> None:
    """Refuse, before the reading, what can be no picture's name."""
    from attnrun.analysis.canvas import figure_kind

    for option, path in figures.items():
        if all_metrics and option != "--lengths":
            raise UserError(f"--all-metrics takes no {option}, which is about one metric")
        figure_kind(path)
        if path.is_dir():
            raise UserError(f"{option} {path} is a directory; name a file in it")
    if len({path.absolute() for path in figures.values()}) < len(figures):
        raise UserError(f"{' and '.join(figures)} draw a file each; give them names of their own")


def _of_table(
    gathered: "Gathered", metric: str | None, goal: Goal | None, curves: Path | None
) -> tuple[str | None, Goal | None]:
    """Return the metric of the table with its goal; a tag that is only logged is only drawn."""
    if curves is None or metric is None or metric in gathered.figures:
        return metric, goal
    if goal:
        raise UserError(f"--goal is about a metric of results; {metric!r} is only drawn")
    return None, None


def _lines(
    gathered: "Gathered", metric: str | None, curves: Path | None, lengths: Path | None
) -> "list[tuple[Curves | Lengths, Path]]":
    """Read what is to be drawn as lines, each with its file."""
    from attnrun.cli import comparison_lines

    lines: list[tuple[Curves | Lengths, Path]] = []
    if curves is not None:
        lines.append((comparison_lines.curves(gathered, metric), curves))
    if lengths is not None:
        lines.append((comparison_lines.lengths(gathered), lengths))
    return lines


def _print_text(found: "list[Comparison]", as_csv: bool) -> None:
    from attnrun.cli.comparison_texts import as_markdown, as_values

    typer.echo(as_values(found) if as_csv else as_markdown(found), nl=False, color=True)


def _draw(one: "Comparison", plot: Path | None, lines: "list[tuple[Curves | Lengths, Path]]") -> None:
    from attnrun.analysis.comparing_plot import group_means
    from attnrun.analysis.plots import save

    if plot is not None:
        save(group_means(one.rows, one.metric), plot)
    order, of = [row.name for row in one.rows], "seeds" if one.seeds else "runs"
    for drawn, path in lines:
        save(drawn.figure(order, of), path)


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
