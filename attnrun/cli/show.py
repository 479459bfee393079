"""`attnrun show`: where a trained model looked, any layer, head and step of it, for any input."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnrun.cli.ends import echo_json, say
from attnrun.cli.kinds import Kind, weights_of
from attnrun.cli.options import AsJson, RunName, Trust, finished_run
from attnrun.errors import UserError

if TYPE_CHECKING:
    from attnrun.analysis.maps import AttentionMap

_MOST = 3  # inputs shown of those that a run keeps
_BAR = 30  # cells of the largest weight

_Chosen = tuple[list[int] | None, list[int] | None]  # layers, heads


def show(
    run: RunName,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="As `predict` takes them; - reads lines from stdin. None: some of its test set.",
        ),
    ] = None,
    layer: Annotated[
        list[int] | None, typer.Option("--layer", "-l", min=0, help="Only this one; several: their mean.")
    ] = None,
    head: Annotated[
        list[int] | None, typer.Option("--head", min=0, help="Only this one; several: their mean.")
    ] = None,
    step: Annotated[
        int | None, typer.Option("--step", min=0, help="Only this row, counted from 0, with its figures.")
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--of", help="Target over source, or what a Transformer's side has of itself.")
    ] = Kind.cross,
    each: Annotated[
        bool, typer.Option("--each", help="Draw each head, not the mean over all that are chosen.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there: .png, .svg, .pdf or .npz."),
    ] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Show where a trained model looked.

    In the terminal, or as a picture. The attention weights are computed anew for the input, whatever kernel
    the training used.
    """
    from attnrun.launch.trained import open_model

    directory = finished_run(run)
    model = open_model(directory, tuple(trust or ()))
    given = _given(inputs or [], directory, _MOST if output is None else 1)
    if output is not None and len(given) > 1:
        raise UserError("--output holds one map: give one INPUT")
    chosen = layer or None, head or None
    maps = list(weights_of(model, given, kind, *chosen))
    maps = maps if step is None else [one.row(step) for one in maps]
    if output is not None:
        _write(maps[0], output, each)
    if as_json:
        echo_json({"run": str(directory), "maps": list(map(_document, maps))})
    elif output is None:
        _print(maps, each, step is not None, chosen)


def _given(words: list[str], directory: Path, most: int) -> list[str]:
    from attnrun.cli.inputs import kept_inputs, read_inputs

    return read_inputs(words).lines or kept_inputs(directory, most)


def _write(attention_map: "AttentionMap", path: Path, each: bool) -> None:
    from attnrun.analysis.head_plots import head_grid
    from attnrun.analysis.plots import heat_map, save

    if path.suffix.lower() == ".npz":
        attention_map.save(path)
    else:
        save(head_grid(attention_map) if each else heat_map(attention_map), path)
    say(f"written: {path}")


def _document(attention_map: "AttentionMap") -> dict[str, Any]:
    return {
        "title": attention_map.title,
        "queries": attention_map.queries,
        "keys": attention_map.keys,
        "weights": attention_map.weights.astype(float).round(6).tolist(),  # by layer, head, query, key
    }


def _print(maps: "Sequence[AttentionMap]", each: bool, row: bool, chosen: _Chosen) -> None:
    import numpy as np
    from rich.console import Console

    from attnrun.analysis.terminal import render

    console, (layers, heads) = Console(highlight=False), chosen
    for one in maps:
        if not each:
            console.print(_bars(one) if row else render(one))
        for a, b in np.ndindex(one.weights.shape[:2]) if each else ():
            console.print(f"layer {layers[a] if layers else a}, head {heads[b] if heads else b}", style="dim")
            single = one.choose([a], [b])
            console.print(_bars(single) if row else render(single))
        console.print()


def _bars(attention_map: "AttentionMap") -> Any:
    """One query's weights as a table: the key, its weight, and a bar."""
    from attnrun.cli.tables import figures_table, literal, number

    weights = attention_map.mean()[0]
    top = max(float(weights.max(initial=0.0)), 1e-9)
    table = figures_table(f"{attention_map.queries[0]} looks at", "weight")
    table.add_column()
    for key, weight in zip(attention_map.keys, weights.tolist(), strict=True):
        table.add_row(literal(key), number(weight), "█" * round(_BAR * weight / top))
    return table
