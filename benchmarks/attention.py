"""Attention alone, forward and backward: additive, and multi-head blocks with a padding mask."""

from functools import partial

from attnrun.bench.works import Bench
from benchmarks.comparison import Comparison, Found, Target, with_peers
from benchmarks.peers import blocks

ADDITIVE = [Target(("d2l",), floor=4.0, aim=8.0), Target(("d2l",), most=1 / 80, of="memory")]
BLOCK = [Target(floor=1.0)]


def compare(bench: Bench) -> Found:
    """Compare the same random inputs on all sides."""
    for table in bench.tables("attention"):
        if table.name == "additive":
            peers = {"d2l": partial(blocks.d2l_additive, table.inputs)}
            yield Comparison(with_peers(table, peers), ADDITIVE)
            continue
        peers = {
            "d2l": partial(blocks.d2l_block, table.inputs),
            "nn.MultiheadAttention": partial(blocks.torch_block, table.inputs),
            "x-transformers": partial(blocks.x_block, table.inputs, flash=False),
            "x-transformers flash": partial(blocks.x_block, table.inputs, flash=True),
        }
        yield Comparison(with_peers(table, peers), BLOCK)
