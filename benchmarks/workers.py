"""Translating a file by as many processes of one thread as there are cores, beside one process.

Whole commands, as a user gives them; the model has been trained for one step, so that each translation is as
long as the search permits.
"""

import subprocess
import sys
import tempfile
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import torch

from attnrun.bench.sizes import TOY
from attnrun.bench.tables import OURS, Row, Table
from attnrun.bench.works import Bench
from attnrun.data import phrases
from benchmarks.comparison import Comparison, Found, Target

FLOOR = 1.5
SENTENCES, FEW = 3000, 20  # so many that starting twice hardly counts
ALONE = "one process"
_MODEL = "transformer-multi30k corpus=phrases corpus.target=fr corpus.limit=2000 corpus.held_out=20"


def compare(bench: Bench) -> Found:
    """Time the two commands."""
    count = max(2, torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="attnrun-bench-") as name:
        place = Path(name)
        test = cycle(pair.source for pair in phrases.load().test)
        texts = list(islice(test, FEW if bench.sizes is TOY else SENTENCES))
        (place / "source").write_text("\n".join(texts) + "\n", encoding="utf-8")
        _attnrun(place, f"train {_MODEL} trainer.max_steps=1 hydra.run.dir=run")
        rows = {OURS: _row(place, count, len(texts)), ALONE: _row(place, 1, len(texts))}
        title = f"translating {len(texts)} lines by {count} processes, in new commands, beam 5"
        yield Comparison(Table("workers", title, "lines", rows), [Target((ALONE,), floor=FLOOR)])


def _row(place: Path, workers: int, amount: int) -> Row:
    return Row(partial(_attnrun, place, f"translate --run run --workers {workers} -"), amount)


def _attnrun(place: Path, words: str) -> None:
    command = [sys.executable, "-m", "attnrun", *words.split()]
    with (place / "source").open() as lines:
        done = subprocess.run(command, cwd=place, stdin=lines, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {(done.stderr.splitlines() or ['nothing said'])[-1]}")
