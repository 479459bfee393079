"""The leave-one-out search for the width of a kernel."""

from functools import partial

from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Found, Target, with_peers
from benchmarks.peers import kernels

TARGETS = [Target(("statsmodels",), floor=10.0, aim=30.0)]


def compare(bench: Bench) -> Found:
    """Compare the same points on both sides."""
    for table in bench.tables("bandwidth"):
        peers = {"statsmodels": partial(kernels.statsmodels_bandwidth, table.inputs)}
        yield Comparison(with_peers(table, peers), TARGETS)
