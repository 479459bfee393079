"""`attnrun score`: how likely a trained model finds given translations."""

from pathlib import Path
from typing import Annotated, Any

import typer

from attnrun.cli.ends import echo_json
from attnrun.cli.options import AsJson, RunName, Trust, finished_run
from attnrun.errors import UserError


def score(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of source, tab and translation.")],
    source: Annotated[str, typer.Option("--source", help="Number or name of the source column.")] = "1",
    target: Annotated[str, typer.Option("--target", help="Number or name of the target column.")] = "2",
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Print the log-probability of each translation in a file.

    By forced decoding. Logarithms are natural; the tokens are those of the model, the end of the sentence
    included.
    """
    from attnrun.data.text import tsv
    from attnrun.launch.trained import open_model
    from attnrun.runs.find import RunRecord

    directory = finished_run(run)
    corpus = tsv(path=str(file), source=_column(source), target=_column(target), valid=0, test=0)
    pairs = [(pair.source, pair.target) for pair in corpus.train]
    model = open_model(directory, tuple(trust or ()))
    if not hasattr(model, "score"):
        experiment = RunRecord(directory).experiment
        raise UserError(f"{directory} is a run of {experiment}, which scores no translations")
    found = model.score(pairs)
    rows = [_row(one.log_probability, one.tokens) for one in found]
    total = _row(sum(row["log_probability"] for row in rows), sum(row["tokens"] for row in rows))
    if as_json:
        texts = ({"source": source, "target": target} for source, target in pairs)
        both = [{**text, **row} for text, row in zip(texts, rows, strict=True)]
        echo_json({"run": str(directory), "pairs": both, "total": total})
        return
    _show(rows, total)


def _column(word: str) -> str | int:
    return int(word) if word.isdecimal() else word


def _row(log_probability: float, tokens: int) -> dict[str, Any]:
    return {
        "log_probability": log_probability,
        "tokens": tokens,
        "per_token": log_probability / tokens,
    }


def _show(rows: list[dict[str, Any]], total: dict[str, Any]) -> None:
    from attnrun.cli.tables import figures_table, number, print_figures

    table = figures_table("pair", "log-probability", "tokens", "per token")
    for name, row in [*((str(place), row) for place, row in enumerate(rows, 1)), ("all", total)]:
        table.add_row(name, *map(number, row.values()))
    print_figures(table)
