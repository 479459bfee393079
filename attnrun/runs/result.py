"""`result.json`: how a run ended, in one file that is written whole or not at all."""

from pathlib import Path
from typing import Any, Literal

from attnrun.runs.files import read_json, strict, write_json
from attnrun.runs.layout import RESULT

Status = Literal["done", "failed", "interrupted"]
STATUSES = ("done", "failed", "interrupted")


def write_result(
    directory: Path,
    *,
    status: Status,
    experiment: str,
    config_hash: str,
    seed: int | None,
    metrics: dict[str, Any],
    primary: tuple[str, str],
    device: str,
    versions: dict[str, str],
    seconds: float,
    warnings: list[str],
) -> dict[str, Any]:
    """Write `result.json` and return it; a NaN or infinite metric becomes null and a warning."""
    clean, bad = strict(metrics)
    notes = [f"metric {name} is not a finite number" for name in bad]
    result = {
        "status": status,
        "experiment": experiment,
        "config_hash": config_hash,
        "seed": seed,
        "metrics": clean,
        "primary": {"name": primary[0], "goal": primary[1]},
        "device": device,
        "versions": versions,
        "seconds": round(seconds, 3),
        "warnings": [*warnings, *(note for note in notes if note not in warnings)],
    }
    write_json(directory / RESULT, result)
    return result


def read_result(directory: Path) -> dict[str, Any] | None:
    """Return the content of `result.json`, or None where there is no valid one."""
    result = read_json(directory / RESULT)
    return result if isinstance(result, dict) and result.get("status") in STATUSES else None
