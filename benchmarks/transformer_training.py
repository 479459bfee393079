"""Training a small Transformer: target tokens a second, and peak memory."""

from functools import partial

from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Found, Target, with_peers
from benchmarks.peers import joeynmt, marian, opennmt

TARGETS = [
    Target(("HF Marian",), floor=1.4, aim=2.0),
    Target(("JoeyNMT",), floor=2.3),
    Target(most=0.75, of="memory"),
]


def compare(bench: Bench) -> Found:
    """Compare the same batches, of about as many tokens, on all sides."""
    for table in bench.tables("transformer-training"):
        peers = {
            "HF Marian": partial(marian.transformer_training, bench.sizes, table.inputs),
            "JoeyNMT": partial(joeynmt.transformer_training, bench.sizes, table.inputs),
            "OpenNMT-py": partial(opennmt.transformer_training, bench.sizes, table.inputs),
        }
        yield Comparison(with_peers(table, peers), TARGETS)
