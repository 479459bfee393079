"""Our own rows: each does the work that its table says."""

import math

import pytest
import torch

from attnrun.bench import texts as texts_module
from attnrun.bench.attention import Inputs
from attnrun.bench.regression import CHECKED, points, predictor
from attnrun.bench.sizes import TOY
from attnrun.bench.tables import OURS
from attnrun.bench.texts import Texts
from attnrun.bench.training import rnn, rnn_batches, trainer
from attnrun.bench.works import WORKS, Bench, machine
from attnrun.data import multi30k
from attnrun.data.corpus import Corpus, Pair
from attnrun.errors import UserError
from attnrun.training.seq2seq import forced_loss


@pytest.mark.parametrize("name", WORKS)
def test_every_row_of_every_work_runs(bench: Bench, name: str) -> None:
    tables = list(bench.tables(name))
    assert tables
    for table in tables:
        assert name == "growth" or list(table.rows) == [OURS]
        for row in table.rows.values():
            row.call()
            assert row.amount > 0


def test_an_unknown_work_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no work is called 'decodin'; did you mean 'decoding'\?"):
        Bench(["decodin"], TOY)


def test_without_multi30k_the_built_in_corpus_serves(bench: Bench) -> None:
    assert bench.texts().corpus.name == bench.corpus == "phrases"


def test_target_tokens_are_words_and_ends(bench: Bench) -> None:
    (table,) = bench.tables("rnn-training")
    real = [int((batch.target[:, 1:] != 0).sum()) for batch in table.inputs]
    assert table.rows[OURS].amount == sum(real)
    assert len(real) == TOY.rnn_batches
    for batch in table.inputs:
        lengths = batch.source_lengths.tolist()
        assert lengths == sorted(lengths, reverse=True)
        assert len(lengths) == TOY.rnn_pairs


def test_a_call_trains(bench: Bench) -> None:
    torch.manual_seed(0)
    model, batches = rnn(TOY), rnn_batches(TOY, bench.texts, TOY.rnn_pairs)
    train = trainer(model)
    before = forced_loss(model, batches[0], 0.0)[0].item()
    for _ in range(30):
        train(batches)
    assert forced_loss(model, batches[0], 0.0)[0].item() < 0.9 * before


def test_decoding_puts_out_as_much_as_it_says(bench: Bench) -> None:
    greedy, beam = bench.tables("decoding")
    assert (greedy.inputs.count, beam.inputs.count) == (TOY.decoded, TOY.beam_decoded)
    for table in (greedy, beam):
        assert sum(len(batch) for batch in table.inputs.padded()) == table.inputs.count
        table.rows[OURS].call()  # which looks at the lengths itself


def test_attention_leaves_its_gradients(bench: Bench) -> None:
    for table in bench.tables("attention"):
        inputs: Inputs = table.inputs
        table.rows[OURS].call()
        assert inputs.query.grad is not None and bool(inputs.query.grad.any())
        assert inputs.real.sum(1).tolist() == inputs.lengths.tolist()


@pytest.mark.parametrize("dimensions", [1, 3])
def test_errors_are_measured_against_loops_in_float64(dimensions: int) -> None:
    given = points(41, dimensions, offset=7.0)
    x, at = (part.double().reshape(41, -1).tolist() for part in (given.x, given.at))
    truth = []
    for place in at:
        weights = [math.exp(-(math.dist(place, other) ** 2) / 2 / given.width**2) for other in x]
        total = sum(w * y for w, y in zip(weights, given.y.double().tolist(), strict=True))
        truth.append(total / sum(weights))
    exact = torch.tensor(truth, dtype=torch.float64)
    spread = (given.y.max() - given.y.min()).item()
    assert len(exact) < CHECKED  # all are looked at
    assert given.error(exact) < 1e-12
    assert given.error(exact + 0.25 * spread) == pytest.approx(0.25)
    assert given.error(predictor(given)()) < 1e-5


def test_multi30k_serves_where_the_cache_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair("ein hund", "a dog"), Pair("zwei hunde", "two dogs")]
    found = Corpus("multi30k", "de", "en", pairs, pairs, pairs, tokenised=True)
    monkeypatch.setattr(texts_module, "state", lambda package: {"train": "present"})
    monkeypatch.setattr(multi30k, "load", lambda limit: found)
    assert Texts.load(TOY).corpus.name == "multi30k"


def test_the_machine_is_named() -> None:
    assert {"cpu", "cores", "threads", "torch", "load"} <= machine().keys()
