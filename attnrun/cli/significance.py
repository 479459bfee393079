"""`attnrun significance`: whether runs translate a test set differently beyond chance."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attnrun.cli.complete import complete_run
from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, finished_run
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.significance import Comparison


Test = Literal["bootstrap", "randomisation"]


def significance(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN…",
            help="Paths, names, their beginnings, or latest; the first is what the others are held against.",
            autocompletion=complete_run,
        ),
    ],
    test: Annotated[
        Test, typer.Option("--test", help="sacreBLEU's paired bootstrap, or approximate randomisation.")
    ] = "bootstrap",
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=10, max=1_000_000, help="How often to draw: 1000, or 10000."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether runs differ on their test set beyond chance.

    In BLEU and chrF. Each form that all are scored in is a table of its own. p is the probability of so great
    a difference to the first run where there is none; intervals hold 95 % of the resampled scores.
    """
    from attnrun.analysis.significance import compare

    if len(runs) < 2:
        raise UserError("significance compares runs with the first: give two or more")
    directories = [finished_run(name) for name in runs]
    found = compare(directories, test, samples)
    if as_json:
        names = [str(directory) for directory in directories]
        echo_json({"test": test, "forms": [document(one, names) for one in found]})
        return
    for one in found:
        show(one, directories)


def document(one: "Comparison", names: list[str]) -> dict[str, Any]:
    """Return one form's figures as JSON has them."""
    metrics = {
        metric: {
            "signature": one.signatures[metric],
            "runs": [{"run": name, **asdict(figure)} for name, figure in zip(names, figures, strict=True)],
        }
        for metric, figures in one.figures.items()
    }
    return {"form": str(one.form), "sentences": one.sentences, **metrics}


def show(one: "Comparison", directories: list[Path]) -> None:
    """Print one form's figures as a table."""
    from rich.console import Console

    from attnrun.cli.tables import figures_table, literal, print_figures, shown_path

    console = Console(highlight=False)
    console.print(literal(f"{one.form}, {one.sentences} sentences"), style="bold")
    table = figures_table("run", *(head for metric in ("BLEU", "chrF") for head in (metric, "95 %", "p")))
    for place, directory in enumerate(directories):
        cells: list[str] = []
        for figures in one.figures.values():
            figure = figures[place]
            p = "" if figure.p_value is None else f"{figure.p_value:.4f}"
            cells += [f"{figure.score:.2f}", f"{figure.mean:.2f} ± {figure.interval:.2f}", p]
        table.add_row(literal(shown_path(directory)), *cells)
    print_figures(table)
    for signature in one.signatures.values():
        console.print(literal(signature), soft_wrap=True)
    console.print()
