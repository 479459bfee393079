"""Every row of a peer runs in toy size where the peer is installed; `make test-peers` has them all."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path

import pytest
import torch

from attnrun.bench.sizes import TOY
from attnrun.bench.tables import Row, Table
from attnrun.bench.works import WORKS as OURS
from attnrun.bench.works import Bench
from benchmarks.__main__ import WORKS
from benchmarks.peers import blocks, ctranslate, joeynmt, kernels, marian, opennmt
from benchmarks.peers.common import BOS, EOS, PAD, UNK, PeerBatch
from tests.bench.small import use_small_corpus

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # of other people's code

ROWS: dict[str, tuple[str, str, str, Callable[..., Row]]] = {  # what must be installed, work, table, row
    "rnn JoeyNMT": ("joeynmt", "rnn-training", "rnn-training", partial(joeynmt.rnn_training, TOY)),
    "rnn OpenNMT-py": (
        "joeynmt",  # found with it alone
        "rnn-training",
        "rnn-training",
        partial(opennmt.rnn_training, TOY),
    ),
    "transformer JoeyNMT": (
        "joeynmt",
        "transformer-training",
        "transformer-training",
        partial(joeynmt.transformer_training, TOY),
    ),
    "transformer OpenNMT-py": (
        "joeynmt",
        "transformer-training",
        "transformer-training",
        partial(opennmt.transformer_training, TOY),
    ),
    "transformer Marian": (
        "transformers",
        "transformer-training",
        "transformer-training",
        partial(marian.transformer_training, TOY),
    ),
    **{
        f"{search} {name}": (module, "decoding", search, build)
        for search in ("greedy", "beam")
        for name, module, build in (
            ("JoeyNMT", "joeynmt", partial(joeynmt.decoding, TOY)),
            ("Marian", "transformers", partial(marian.decoding, TOY)),
            ("CTranslate2", "ctranslate2", ctranslate.decoding),
        )
    },
    "additive d2l": ("d2l", "attention", "additive", blocks.d2l_additive),
    "block d2l": ("d2l", "attention", "block-8", blocks.d2l_block),
    "block torch": ("torch", "attention", "block-8", blocks.torch_block),
    "block x-transformers": ("x_transformers", "attention", "block-8", partial(blocks.x_block, flash=False)),
    "block flash": ("x_transformers", "attention", "block-8", partial(blocks.x_block, flash=True)),
    "predict pykeops": ("pykeops", "kernel-regression", "predict-200-3d", kernels.keops),
    "bandwidth statsmodels": ("statsmodels", "bandwidth", "bandwidth", kernels.statsmodels_bandwidth),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Table]]:
    """Return the table of a work by its name."""
    with pytest.MonkeyPatch.context() as patch:
        use_small_corpus(patch, tmp_path_factory)
        bench = Bench((), TOY)

        @cache
        def tables(work: str) -> dict[str, Table]:
            return {one.name: one for one in bench.tables(work)}

        yield lambda work, name: tables(work)[name]


@pytest.mark.parametrize("name", ROWS)
def test_the_row_runs(table: Callable[[str, str], Table], name: str) -> None:
    needed, work, of, build = ROWS[name]
    pytest.importorskip(needed, reason=f"{needed} is not installed")
    ours = table(work, of)
    row = build(ours.inputs)
    row.call()
    assert row.amount == ours.rows["attnrun"].amount


def test_peers_get_the_same_sentences_in_their_own_numbers(table: Callable[[str, str], Table]) -> None:
    for batch in table("rnn-training", "rnn-training").inputs:
        given = PeerBatch.of(batch)
        numbers = {0: PAD, 1: UNK, 2: BOS, 3: EOS}
        expected = [[numbers.get(n, n) for n in row] for row in batch.source.tolist()]
        assert given.source.tolist() == expected
        assert (given.target != PAD).sum() == given.tokens == (batch.target_lengths - 1).sum()
        assert bool((given.target_in[:, 0] == BOS).all())
        assert not bool((given.target_in == EOS).any())
        assert torch.equal((given.target == EOS).sum(1), torch.ones(len(batch), dtype=torch.int64))


def test_every_comparison_has_its_module() -> None:
    assert WORKS.keys() == OURS.keys() | {"workers", "start-up", "end-to-end"}
    assert all(callable(import_module(f"benchmarks.{module}").compare) for module in WORKS.values())


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.name)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
