"""What a run directory says of a run, as plain data: summary, config, curves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnrun.runs.board import is_number
from attnrun.runs.find import RunRecord

_POINTS = 400  # of a curve in a page
_OTHER = ("step", "epoch", "time")  # in rows of metrics, beside the values
_LONGEST = 2000  # characters of a value


def facts(record: RunRecord) -> dict[str, Any]:
    """Return summary, config and curves of a run that has ended, for a page.

    `started` is in UTC, to the minute; `seconds` is how long the run computed, None where it is not known, as
    are `seed`, `device` and `primary` (`name`, `goal`). `metrics` and `versions` are [name, value], `config`
    is [dotted key, text], `warnings` are texts, and `curves` those of the function of that name.
    """
    result = record.result or {}
    return {
        "name": record.directory.resolve().name,
        "experiment": record.experiment,
        "status": record.status,
        "started": f"{record.started:%Y-%m-%d %H:%M} UTC",
        "seconds": result.get("seconds"),
        "seed": record.seed,
        "device": result.get("device"),
        "primary": result.get("primary"),
        "metrics": [list(pair) for pair in record.metrics.items()],
        "versions": [list(map(str, pair)) for pair in (result.get("versions") or {}).items()],
        "warnings": list(map(str, result.get("warnings") or [])),
        "config": [list(pair) for pair in leaves(record.config)],
        "curves": curves(record.metrics_rows()),
    }


def leaves(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of a config, dotted, with its value as a text."""
    for key, value in config.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, name)
        else:
            yield name, written(value)


def written(value: Any) -> str:
    """Return a value of a config as it is given on the command line, cut where it is very long."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, list):
        text = f"[{', '.join(map(written, value))}]"
    else:
        text = "{}" if value == {} else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def curves(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the curves of a run: `name`, as train/loss, and `points`, [step, value], 400 of them at most."""
    names = dict.fromkeys(name for row in rows for name in row if name not in _OTHER)
    found = {name: [[row["step"], row[name]] for row in rows if is_number(row.get(name))] for name in names}
    return [{"name": name, "points": _thinned(points)} for name, points in found.items() if points]


def _thinned(points: list[list[float]]) -> list[list[float]]:
    """At most `_POINTS` of the points, evenly, and the last."""
    every = -(-len(points) // _POINTS)
    return points[::-1][::every][::-1]
