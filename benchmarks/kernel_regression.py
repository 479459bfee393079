"""Nadaraya-Watson prediction: time, memory, and the error against float64."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from attnrun.bench.regression import RANGE, Points, points, predictor
from attnrun.bench.tables import OURS, Row
from attnrun.bench.timing import reason
from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Facts, Found, Target, Verdict, with_peers
from benchmarks.peers import kernels

MOST = 1e-5  # error of a prediction, as a share of the range of the values
WIDTHS = (0.1, 0.01, 0.001)  # as shares of the range of the points
OFFSETS = (0.0, 1.0, 1000.0)  # of all points from 0, in ranges


def compare(bench: Bench) -> Found:
    """Compare prediction at as many places as there are points, then errors."""
    errors = {}
    for table in bench.tables("kernel-regression"):
        whole = with_peers(table, {"pykeops": partial(kernels.keops, table.inputs)})
        kept = {name: _Kept(row) for name, row in whole.rows.items()}
        aim = 50.0 if table.inputs.dimensions == 1 else None
        yield Comparison(
            replace(whole, rows={name: Row(one) for name, one in kept.items()}),
            [Target(("pykeops",), floor=8.0, aim=aim)],
            {name: partial(_note, table.inputs, one) for name, one in kept.items()},
        )
        if kept[OURS].last is not None:  # the rows have been called by now
            errors[table.name] = table.inputs.error(kept[OURS].last)
    verdicts = [Verdict(f"{name}, error", error, most=MOST) for name, error in errors.items()]
    cells = [[name, f"{error:.1e}"] for name, error in errors.items()]
    yield Facts("prediction-error", "greatest error / range of y", ["prediction", OURS], cells, verdicts)
    yield accuracy(min(bench.sizes.points))


def accuracy(count: int) -> Facts:
    """Return the errors for narrow kernels, and for points far from 0."""
    rows, verdicts = [], []
    for width in WIDTHS:
        for offset in OFFSETS:
            given = points(count, width=width * RANGE, offset=offset * RANGE)
            ours, theirs = given.error(predictor(given)()), _error_of(kernels.keops, given)
            rows.append([f"{width:g}", f"{offset:g}", f"{ours:.1e}", theirs])
            what = f"error, width 1/{1 / width:.0f} of the range, offset {offset:g} ranges"
            verdicts.append(Verdict(what, ours, most=MOST))
    heads = ["width / range", "offset / range", OURS, "pykeops"]
    return Facts("kernel-error", f"greatest error / range of y, n={count}, D=1", heads, rows, verdicts)


def _error_of(build: Callable[[Points], Row], given: Points) -> str:
    try:
        found: Any = build(given).call()
    except Exception as error:  # whatever another tool does
        return reason(error)
    return f"{given.error(found):.1e}"


class _Kept:
    """A call that keeps what it returned last."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.last: Any = None

    def __call__(self) -> None:
        self.last = self.row.call()


def _note(given: Points, kept: _Kept) -> str:
    return "" if kept.last is None else f"error {given.error(kept.last):.1e}"
