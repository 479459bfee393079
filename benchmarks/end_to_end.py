"""Seconds from the start of a training to a BLEU of 25 on Multi30k, German to English, with a Bahdanau RNN.

Both tools train by their own command, one after the other: the same pairs, words, sizes, optimiser and pairs
a batch, and a greedy validation on the same captions after each epoch. The first that reaches the score ends
the training.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attnrun.bench.sizes import TOY
from attnrun.bench.tables import OURS
from attnrun.bench.texts import Texts
from attnrun.bench.works import Bench
from benchmarks.comparison import Facts, Found, Verdict
from benchmarks.peers import joeynmt, joeynmt_run
from benchmarks.race import Race, Reached, run

FLOOR, AIM = 2.0, 3.0
SIZE, ENCODER, LAYERS, DROPOUT = 256, 512, 1, 0.2
RATE, WARMUP, SMOOTHING, CLIP = 2e-3, 800, 0.1, 1.0
PAIRS, VALIDATION_PAIRS = 64, 128  # a batch


@dataclass(frozen=True)
class Goal:
    """Where to stop."""

    bleu: float = 25.0
    epochs: int = 25


def compare(bench: Bench) -> Found:
    """Run both trainings."""
    texts = bench.texts()
    heads = ["tool", "seconds", "BLEU", "epochs"]
    title = "Multi30k de-en, Bahdanau RNN: seconds from the start to "
    if texts.corpus.name != "multi30k":
        yield Facts("end-to-end", f"{title}…: needs the corpus, attnrun data get multi30k", heads, [])
        return
    goal = Goal(bleu=0.0, epochs=1) if bench.sizes is TOY else Goal()
    with tempfile.TemporaryDirectory(prefix="attnrun-bench-") as place:
        races = {
            OURS: _ours(bench, goal, Path(place) / OURS),
            "JoeyNMT": _joeynmt(bench, texts, goal, Path(place) / "joeynmt"),
        }
        found = {name: run(race, goal.bleu) for name, race in races.items()}
    rows = [[name, *_cells(one)] for name, one in found.items()]
    yield Facts("end-to-end", f"{title}BLEU {goal.bleu:g}", heads, rows, _verdicts(found))


def _cells(found: Reached | str) -> list[str]:
    if isinstance(found, str):
        return [found, "", ""]
    return [f"{found.seconds:.1f}", f"{found.score:.1f}", f"{found.validations}"]


def _verdicts(found: dict[str, Reached | str]) -> list[Verdict]:
    ours, theirs = found[OURS], found["JoeyNMT"]
    if isinstance(ours, str) or isinstance(theirs, str):
        return []
    what = f"end-to-end, speed: {OURS} / JoeyNMT"
    return [Verdict(what, theirs.seconds / ours.seconds, FLOOR, AIM)]


def _ours(bench: Bench, goal: Goal, place: Path) -> Race:
    words = [
        f"corpus.limit={bench.sizes.pairs or 'null'}",
        f"tokeniser=word tokeniser.minimum_frequency=1 tokeniser.maximum_size={bench.sizes.vocabulary}",
        f"model.embedding={SIZE} model.hidden={SIZE} model.encoder_size={ENCODER} model.layers={LAYERS}",
        f"model.dropout={DROPOUT} model.tied=true label_smoothing={SMOOTHING} max_length=1000",
        f"optim.lr={RATE} schedule=inverse-sqrt schedule.warmup={WARMUP}",
        f"trainer.clip_norm={CLIP} trainer.epochs={goal.epochs}",
        f"batch_size={PAIRS} eval_batch_size={VALIDATION_PAIRS}",
        f"runtime.device=cpu runtime.threads={os.environ.get('OMP_NUM_THREADS', '0')}",
    ]
    command = [sys.executable, "-m", "attnrun", "train", "translation-multi30k", *" ".join(words).split()]
    metrics = place / "run" / "metrics.jsonl"
    return Race(place, [*command, "hydra.run.dir=run"], metrics, r'"valid/bleu": ([\d.e-]+)')


def _joeynmt(bench: Bench, texts: Texts, goal: Goal, place: Path) -> Race:
    joeynmt_run.prepare(
        place,
        texts,
        model=joeynmt.rnn_config(SIZE, ENCODER, LAYERS, DROPOUT, tied=True),
        training={
            "learning_rate": RATE,
            "learning_rate_warmup": WARMUP,
            "clip_grad_norm": CLIP,
            "label_smoothing": SMOOTHING,
            "batch_size": PAIRS,
            "epochs": goal.epochs,
        },
        validation_pairs=VALIDATION_PAIRS,
    )
    command = [sys.executable, "-m", "joeynmt", "train", "config.yaml", "--skip-test"]
    return Race(place, command, place / "model" / "validations.txt", r"bleu: ([\d.e-]+)")
