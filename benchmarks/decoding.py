"""Decoding in one process, greedily and with a beam of 5: sentences a second."""

from functools import partial

from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Found, Target, with_peers
from benchmarks.peers import ctranslate, joeynmt, marian

TARGETS = {
    "greedy": [
        Target(("HF generate",), floor=1.6),
        Target(("JoeyNMT",), floor=5.0),
        Target(("CTranslate2",), aim=1.0),
    ],
    "beam": [Target(("HF generate",), floor=1.5, aim=3.0), Target(("JoeyNMT",), floor=5.0)],
}


def compare(bench: Bench) -> Found:
    """Compare models of one size, all of which put out as many tokens for the same sentences."""
    for table in bench.tables("decoding"):
        peers = {
            "HF generate": partial(marian.decoding, bench.sizes, table.inputs),
            "JoeyNMT": partial(joeynmt.decoding, bench.sizes, table.inputs),
            "CTranslate2": partial(ctranslate.decoding, table.inputs),
        }
        yield Comparison(with_peers(table, peers), TARGETS[table.name])
