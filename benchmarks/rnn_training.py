"""Training a GRU encoder-decoder with Bahdanau's attention: target tokens a second."""

from functools import partial

from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Found, Target, with_peers
from benchmarks.peers import joeynmt, opennmt

TARGETS = [Target(floor=1.3, aim=2.5)]


def compare(bench: Bench) -> Found:
    """Compare the same batches, of pairs of about one length, on all sides."""
    for table in bench.tables("rnn-training"):
        peers = {
            "JoeyNMT": partial(joeynmt.rnn_training, bench.sizes, table.inputs),
            "OpenNMT-py": partial(opennmt.rnn_training, bench.sizes, table.inputs),
        }
        yield Comparison(with_peers(table, peers), TARGETS)
