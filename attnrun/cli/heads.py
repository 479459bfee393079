"""`attnrun heads`: what each head of a trained model is worth, and how many it can do without."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attnrun.cli.ends import echo_json, say
from attnrun.cli.options import AsJson, RunName, Trust, finished_run
from attnrun.errors import UserError
from attnrun.runs.board import is_number

if TYPE_CHECKING:
    from attnrun.analysis.head_lab import Lab, Measured
    from attnrun.runs.find import RunRecord

_BAR = 40  # cells of the whole model's metric
_ROUNDING = (1e-3, 2e-2)  # by which a figure differs on another device; of 32 bits or more, and of 16

By = Literal["gradient", "ablation"]


def heads(
    run: RunName,
    by: Annotated[By, typer.Option("--by", help="Which heads go first: the least important by this.")] = (
        "gradient"
    ),
    steps: Annotated[
        int, typer.Option("--steps", min=1, max=10_000, help="In how many steps to remove all heads.")
    ] = 10,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", min=0, max=1, help="The share of the metric that may be lost."),
    ] = 0.01,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw the curve: .png, .svg or .pdf."),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the heads as comma-separated values.")] = False,
) -> None:
    """Measure what each head of a trained model is worth.

    Alone, and with heads removed from the least important on. On the part of the data that the training chose
    by; the test part is not used.
    """
    if as_json and as_csv:
        raise UserError("--json and --csv are two forms of one output; give one of them")
    if output is not None:
        from attnrun.analysis.canvas import figure_kind

        figure_kind(output)

    directory = finished_run(run)
    document = _examined(directory, by, steps, tolerance, tuple(trust or ()))
    if output is not None:
        _draw(document, output)
    if as_json:
        echo_json(document)
    elif as_csv:
        typer.echo(_values(document["heads"]), nl=False, color=True)
    else:
        _show(document)


def _examined(
    directory: Path, by: By, steps: int, tolerance: float, trust: tuple[str, ...]
) -> dict[str, Any]:
    from attnrun.analysis.head_lab import Lab, by_ablation, by_gradient, removable
    from attnrun.launch.trained import open_development
    from attnrun.runs.find import RunRecord

    record = RunRecord(directory)
    development = open_development(directory, trust)
    metric, goal = record.primary
    if goal not in ("min", "max"):
        raise UserError(f"the run {directory} is damaged: neither result.json nor run.json names its metric")
    lab = Lab(development, metric, goal)
    if len(lab.heads) == 1:
        told = "this model has one head: it is measured with it and without attention"
        say(f"{told}; heads=multi trains several")
    whole = lab.measure()
    _doubt(whole.metrics, record)
    slopes, ablated = lab.gradients(), lab.ablations()
    order = by_gradient(slopes) if by == "gradient" else by_ablation(lab, whole, ablated)
    curve = lab.prune(order, steps)
    return {
        "run": str(directory),
        "experiment": record.experiment,
        "metric": metric,
        "goal": goal,
        "development": dict(whole.metrics),
        "heads": _rows(lab, whole, ablated, slopes.tolist()),
        "by": by,
        "order": [asdict(lab.heads[number]) for number in order],
        "curve": [{"removed": len(point.silent), **point.metrics} for point in curve],
        "tolerance": tolerance,
        "removable": removable(lab, curve, tolerance),
    }


def _doubt(metrics: Mapping[str, float], record: "RunRecord") -> None:
    """Say so where the kept weights are worth something else now than when the training chose them."""
    runtime = record.config.get("runtime", {})
    rounding = _ROUNDING[runtime.get("precision") in ("bfloat16", "float16")]
    then = best_evaluation(record)
    for name, value in metrics.items():
        if name in then and not math.isclose(value, then[name], rel_tol=rounding, abs_tol=rounding):
            say(
                f"{name} is {value:.4g}, and was {then[name]:.4g} when the training chose these weights: the "
                "data have changed since, or what computes them"
            )
            return


def best_evaluation(record: "RunRecord") -> dict[str, float]:
    """Return the metrics that a run logged of the weights that it kept; empty where it made no evaluation."""
    metric, goal = record.primary
    found = dict[str, float]()
    for row in record.metrics_rows():
        for kind in ("valid/", "average/"):
            own = {
                name[len(kind) :]: row[name] for name in row if name.startswith(kind) and is_number(row[name])
            }
            if metric in own and (
                not found or (-1 if goal == "min" else 1) * (own[metric] - found[metric]) > 0
            ):
                found = own
    return found


def _rows(
    lab: "Lab", whole: "Measured", ablated: "Sequence[Measured]", slopes: Sequence[float]
) -> list[dict[str, Any]]:
    """Each head with what the metric and the loss become without it, as changes, and its gradient."""
    names = dict.fromkeys((lab.metric, *(name for name in ("loss",) if name in whole.metrics)))
    return [
        {
            **asdict(head),
            **{f"{name}_change": without.metrics[name] - whole.metrics[name] for name in names},
            "gradient": slope,
        }
        for head, without, slope in zip(lab.heads, ablated, slopes, strict=True)
    ]


def _values(rows: list[dict[str, Any]]) -> str:
    import csv
    import io

    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _draw(document: dict[str, Any], path: Path) -> None:
    from attnrun.analysis.head_lab_plot import pruning_curve
    from attnrun.analysis.plots import save

    metric, curve = document["metric"], document["curve"]
    removed, values = ([point[name] for point in curve] for name in ("removed", metric))
    sign = 1 if document["goal"] == "min" else -1
    limit = values[0] + sign * document["tolerance"] * abs(values[0])
    title = f"{document['experiment']}: heads removed by {document['by']}"
    save(pruning_curve(removed, values, metric, limit, title), path)
    say(f"written: {path}")


def _show(document: dict[str, Any]) -> None:
    from rich.console import Console

    from attnrun.cli.tables import figures_table, literal, number, print_figures

    metric, rows, curve = document["metric"], document["heads"], document["curve"]
    changes = [name for name in rows[0] if name.endswith("_change")]
    table = figures_table("side", "layer", "head", *(f"Δ {name[:-7]}" for name in changes), "gradient")
    for row in rows:
        figures = [f"{row[name]:+.4g}" for name in changes]
        table.add_row(row["side"], str(row["layer"]), str(row["head"]), *figures, f"{row['gradient']:.3f}")
    print_figures(table)
    table = figures_table("removed", metric)
    table.add_column()
    top = max((abs(point[metric]) for point in curve), default=0) or 1
    for point in curve:
        bar = "█" * round(_BAR * abs(point[metric]) / top)
        table.add_row(str(point["removed"]), number(point[metric]), bar)
    print_figures(table)
    told = f"at least {document['removable']} of {len(rows)} heads can go, in the order of {document['by']}"
    lost = f"{metric} {number(curve[0][metric])} loses no more than {document['tolerance']:.2%} of itself"
    Console(highlight=False).print(literal(f"{told}: {lost}"), soft_wrap=True)
