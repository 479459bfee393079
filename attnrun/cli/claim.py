"""`attnrun claim`: a statement about attention, measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnrun.cli.complete import complete_claim
from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, ConfigDir, Trust
from attnrun.errors import RunFailed, UserError
from attnrun.launch import catalog
from attnrun.runs.layout import OUTPUTS

if TYPE_CHECKING:
    from attnrun.claims.catalog import ReadClaim
    from attnrun.claims.measuring import Measured

FAST_FORM = "the fast form, of fewer seeds and smaller sizes, judges nothing that is trained; in full:"


def claim(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="See --list.", autocompletion=complete_claim)
    ] = None,
    all_claims: Annotated[bool, typer.Option("--all", help="Measure every claim, a line each.")] = False,
    list_claims: Annotated[bool, typer.Option("--list", help="Name the claims.")] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="The small form, for a trial: fewer seeds, smaller sizes.")
    ] = False,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many seeds, from 0 on.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw there: .png, .svg or .pdf.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Keep the results there: pages and data.")
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="How many seeds to measure at once.")] = 1,
    config_dir: ConfigDir = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Measure a statement about attention, and judge it.

    It HOLDS, FAILS or DEPENDS. Each is a YAML file that states it, says where it comes from and what has to
    hold; the intervals are over seeds. The picture is outputs/claims/NAME.png unless --plot says otherwise.
    """
    _check_options(name, all_claims, list_claims, fast, seeds, plot, write)
    if list_claims:
        _list(config_dir, as_json)
        return
    from attnrun.claims.catalog import read_claim

    chosen = catalog.names("claim", config_dir) if all_claims else [str(name)]
    claims = [read_claim(one, tuple(trust or ()), config_dir) for one in chosen]
    found, failed = [], []
    for one in claims:
        try:
            measured = _measured(one, fast, seeds, jobs)
            found.append(measured)
            if not all_claims and not as_json:
                _show(measured)
            if write is not None:
                _keep(measured, write, config_dir, trust)
            _draw(measured, plot or OUTPUTS / "claims" / f"{one.name}.png")
        except (UserError, RunFailed) as error:
            if not all_claims:
                raise
            say(f"{one.name}: {error}")  # the others are measured all the same
            failed.append(one.name)
    if as_json:
        documents = [one.plain() for one in found]
        echo_json(documents if all_claims else documents[0])
    elif all_claims:
        _show_all(found)
        if fast:
            say(f"{FAST_FORM} attnrun claim --all")
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(claims)} claims were not measured, or not kept: {', '.join(failed)}"
        )


def _check_options(
    name: str | None,
    all_claims: bool,
    list_claims: bool,
    fast: bool,
    seeds: int | None,
    plot: Path | None,
    write: Path | None,
) -> None:
    if (name is not None) + all_claims + list_claims != 1:
        raise UserError("give the NAME of a claim, or --all, or --list")
    if list_claims and (fast or seeds or plot or write):
        raise UserError("--list measures nothing; it takes no --fast, --seeds, --plot or --write")
    if write is not None and fast:
        raise UserError("--write keeps results, which the fast form gives none of; leave one of them out")
    if plot is not None:
        if all_claims:
            raise UserError("--plot is of one claim; with --all the pictures are in outputs/claims")
        from attnrun.analysis.canvas import figure_kind

        figure_kind(plot)
        if plot.is_dir():
            raise UserError(f"--plot {plot}: this is a directory; name a file in it")
    if write is not None:
        from attnrun.claims.pages import check_place

        check_place(write)


def _list(config_dir: Path | None, as_json: bool) -> None:
    found = catalog.entries("claim", config_dir)
    if as_json:
        echo_json([{"name": one.name, "what": one.what, "source": one.source} for one in found])
        return
    from attnrun.cli.columns import show_catalog

    show_catalog({"claim": found})
    typer.echo("\nMeasure one: attnrun claim NAME")


def _measured(one: "ReadClaim", fast: bool, seeds: int | None, jobs: int) -> "Measured":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from attnrun.claims.measuring import measure

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"claim {one.name}", total=None)

        def tell(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        return measure(one, fast, seeds, tell, jobs)


def _keep(measured: "Measured", place: Path, config_dir: Path | None, trust: list[str] | None) -> None:
    """Write the pages after each claim: a later one may be interrupted."""
    from attnrun.claims.catalog import read_claim
    from attnrun.claims.pages import keep, read_results, write_pages

    keep(place, measured)
    known = [name for name in catalog.names("claim", config_dir) if name in read_results(place)]
    paths = write_pages(place, [read_claim(name, tuple(trust or ()), config_dir) for name in known])
    say(f"kept in {place}: {len(paths)} pages")


def _draw(measured: "Measured", path: Path) -> None:
    from attnrun.analysis.canvas import save
    from attnrun.claims.picture import draw

    save(draw(measured), path)
    say(f"the picture is {path}")


def _show(measured: "Measured") -> None:
    from rich.console import Console

    from attnrun.claims.measuring import in_table
    from attnrun.cli.tables import cells_table, literal, print_figures, summaries_table

    claim = measured.claim.claim
    console = Console(highlight=False)
    console.print(literal(claim.statement))
    console.print(literal(f"({measured.claim.entry.source})"))
    cells = in_table(list(measured.figures), measured.columns)
    if cells:
        print_figures(cells_table(cells, measured.summaries))
    inside = {name for row in cells.values() for name in row.values()}
    found = {
        name: (claim.published.get(name), one)
        for name, one in measured.summaries.items()
        if name not in inside
    }
    if found:
        print_figures(summaries_table("figure", found))
    for one in measured.judged:
        console.print(literal(f"{one.state:>9}: {one.condition.name}: {one.condition.text}"))
    why = f": {claim.depends}" if measured.verdict == "DEPENDS" and claim.depends else ""
    seeds = len(measured.trials)
    form = f"{seeds} seed{'s' if seeds > 1 else ''}{', fast form' if measured.fast else ''}"
    console.print()
    console.print(literal(f"{measured.verdict}{why} ({form})"))


def _show_all(found: "list[Measured]") -> None:
    from rich.console import Console

    from attnrun.cli.tables import literal, new_table

    table = new_table("claim", "verdict", "what holds, what fails")
    for measured in found:
        states = "; ".join(f"{one.state}: {one.condition.name}" for one in measured.judged)
        table.add_row(literal(measured.claim.name), literal(measured.verdict), literal(states))
    Console(highlight=False).print(table)
