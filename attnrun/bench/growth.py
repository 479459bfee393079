"""How the cost of our works grows with their size: exponents of power laws through a few sizes."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from attnrun.bench.attention import block, block_inputs
from attnrun.bench.regression import points, predictor
from attnrun.bench.sizes import Sizes
from attnrun.bench.tables import Measured, Row, Table
from attnrun.bench.texts import GetTexts
from attnrun.bench.timing import Call
from attnrun.bench.training import rnn, rnn_batches, trainer


def growth(sizes: Sizes, texts: GetTexts) -> Iterator[Table]:
    """The same work of several sizes, by which the rows are called; the inputs are the sizes as numbers."""

    def predict(count: int) -> Call:
        return predictor(points(count))

    def attend(length: int) -> Call:
        return block(block_inputs(1, length, sizes))

    def train(pairs: int) -> Call:
        return partial(trainer(rnn(sizes)), rnn_batches(sizes, texts, pairs))

    yield _table("points", "Nadaraya-Watson prediction, D=1", sizes.point_growth, predict)
    yield _table("length", "multi-head block, B=1", sizes.length_growth, attend)
    yield _table("batch", f"{sizes.rnn_batches} training steps, GRU + Bahdanau", sizes.batch_growth, train)


def _table(over: str, title: str, numbers: tuple[int, ...], make: Callable[[int], Call]) -> Table:
    rows = {str(number): Row(make(number)) for number in numbers}
    return Table(f"growth-{over}", f"{title}, over {over}", "", rows, numbers, with_memory=True)


def exponents(measured: Measured) -> dict[str, float]:
    """Return by which powers of the size "time" and "memory" grow, in a table of `growth`.

    Memory is left out where it is not known, or too little to be seen.
    """
    figures = [measured.figures[str(number)] for number in measured.table.inputs]
    times = [found.timing.median for found in figures]
    peaks = [found.peak for found in figures if found.peak]
    grown = {"time": exponent(measured.table.inputs, times)}
    if len(peaks) == len(times):
        grown["memory"] = exponent(measured.table.inputs, peaks)
    return grown


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return b of the power law cost = a · size^b, by least squares between the logarithms.

    Raises ValueError for fewer than two sizes, and where a number is not positive.
    """
    if len(set(sizes)) < 2:
        raise ValueError("a growth needs two sizes or more")
    x, y = (list(map(math.log, values)) for values in (sizes, costs))
    return statistics.linear_regression(x, y).slope
