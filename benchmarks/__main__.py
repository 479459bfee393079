"""`python -m benchmarks [WORK…]`: run the comparisons one after the other, print and keep them."""

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

WORKS = {  # by the module that compares them
    "rnn-training": "rnn_training",
    "transformer-training": "transformer_training",
    "decoding": "decoding",
    "workers": "workers",
    "attention": "attention",
    "kernel-regression": "kernel_regression",
    "bandwidth": "bandwidth",
    "growth": "growth",
    "start-up": "start_up",
    "end-to-end": "end_to_end",
}
LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(words: Sequence[str]) -> None:
    """Run what the words ask for."""
    given = _parser().parse_args(words)
    for name in LIBRARIES:  # before any of them is loaded: as many threads on all sides
        os.environ[name] = str(given.threads)
    from attnrun.bench.sizes import FULL, TOY
    from attnrun.bench.tables import measure
    from attnrun.bench.works import Bench, machine
    from attnrun.runs.device import prepare_process
    from benchmarks.comparison import Comparison
    from benchmarks.report import Report

    logging.disable(logging.INFO)  # what peers say of the models they build, and of what they are made of
    warnings.simplefilter("ignore", FutureWarning)
    prepare_process(given.threads)
    bench = Bench((), TOY if given.toy else FULL)
    report = Report(given.output / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}.jsonl", machine())
    for name in given.works or WORKS:
        for found in import_module(f"benchmarks.{WORKS[name]}").compare(bench):
            if isinstance(found, Comparison):
                report.add(measure(found.table, rounds=given.rounds, seconds=given.seconds), found)
            else:
                report.state(found)
    report.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", choices=[*WORKS, []], help=", ".join(WORKS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="on all sides")
    parser.add_argument("--rounds", type=int, default=5, help="most samples of a row")
    parser.add_argument("--seconds", type=float, default=60.0, help="for a table")
    parser.add_argument("--toy", action="store_true", help="toy sizes: to see that all rows run")
    parser.add_argument("--output", type=Path, default=Path("outputs/bench"), help="directory of the figures")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
