"""Whether one seed gives one result on this machine: small trainings, twice, in processes of their own."""

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnrun.errors import RunFailed

TRAININGS = ("sequence", "sequence-transformer")  # a recurrent network, and a Transformer
_WORDS = (
    *("data.train=160", "data.valid=5", "data.test=5", "data.longer=0", "batch_size=16"),
    *("trainer.epochs=1", "trainer.log_every=1"),
)


@dataclass(frozen=True)
class Verdict:
    """What two trainings from one seed gave: their digests, and what differs, if anything."""

    experiment: str
    device: str
    weights: tuple[str, str]
    metrics: tuple[str, str]
    differs: tuple[str, ...]


def verdicts() -> list[Verdict]:
    """Make each training twice, on the device that `auto` takes, and compare final weights and metrics.

    Raises RunFailed where one of them fails.
    """
    first, second = _attempt(), _attempt()
    return [compared(name, first[name], second[name]) for name in TRAININGS]


def compared(experiment: str, first: dict[str, Any], second: dict[str, Any]) -> Verdict:
    """Compare what two trainings left, each as `_traces` returns it."""
    names = sorted(first["weights"].keys() | second["weights"].keys())
    other = [name for name in names if first["weights"].get(name) != second["weights"].get(name)]
    differs = []
    if other:
        shown = ", ".join(other[:3]) + ", …" * (len(other) > 3)
        differs.append(f"{len(other)} of {len(names)} weights ({shown})")
    if (step := _first_other_row(first["rows"], second["rows"])) is not None:
        differs.append(f"metrics from step {step} on")
    weights, metrics = ((_digest(first[key]), _digest(second[key])) for key in ("weights", "rows"))
    return Verdict(experiment, first["device"], weights, metrics, tuple(differs))


def _first_other_row(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> int | None:
    for place in range(max(len(first), len(second))):
        rows = [*first[place : place + 1], *second[place : place + 1]]
        if len(rows) == 1 or rows[0] != rows[1]:
            return int(rows[0]["step"])
    return None


def _digest(traces: Any) -> str:
    return hashlib.sha256(json.dumps(traces, sort_keys=True).encode()).hexdigest()


def _attempt() -> dict[str, Any]:
    """Train in a new process; return the traces of each training by its name."""
    with tempfile.TemporaryDirectory(prefix="attnrun-") as place:
        # -P: no module of the working directory takes the place of a real one
        command = [sys.executable, "-P", "-m", "attnrun.launch.determinism", place, *TRAININGS]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise RunFailed(f"a training to compare failed: {reason}")
        traces = json.loads((Path(place) / "traces.json").read_text(encoding="utf-8"))
    assert isinstance(traces, dict)
    return traces


def _train(place: Path, names: list[str]) -> None:
    from attnrun.launch.bridge import launch
    from attnrun.launch.quoting import quote

    traces = {}
    for name in names:
        (report,) = launch(name, [*_WORDS, f"hydra.run.dir={quote(str(place / name))}"])
        if report.exit_code:
            raise SystemExit(report.message)
        traces[name] = _traces(place / name)
    (place / "traces.json").write_text(json.dumps(traces), encoding="utf-8")


def _traces(directory: Path) -> dict[str, Any]:
    """What must not depend on the attempt: the hash of each final weight, and the metrics beside time."""
    from attnrun.runs.checkpoints import load_newest
    from attnrun.runs.find import RunRecord

    record = RunRecord(directory)
    weights = {name: value.numpy() for name, value in load_newest(directory)["model"].items()}
    return {
        "device": (record.result or {})["device"],
        "weights": {name: hashlib.sha256(value.tobytes()).hexdigest() for name, value in weights.items()},
        "rows": [{key: row[key] for key in row if key != "time"} for row in record.metrics_rows()],
    }


if __name__ == "__main__":
    _train(Path(sys.argv[1]), sys.argv[2:])
