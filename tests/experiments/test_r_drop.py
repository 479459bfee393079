"""R-Drop: two passes with dropout of their own are drawn together."""

from pathlib import Path

import pytest
import torch

from attnrun.attention import Heads, Mechanism, ScaledDot, Sinusoidal
from attnrun.data.batching import Batch
from attnrun.errors import UserError
from attnrun.launch.config import check, compose
from attnrun.launch.job import execute
from attnrun.models.transformer import Transformer
from attnrun.runs.checkpoints import load_best
from attnrun.training.losses import linear_cross_entropy
from attnrun.training.optim import adam
from attnrun.training.seq2seq import PAD, forced_loss
from tests.experiments.small import TINY, aligned_corpus
from tests.training.outcome import equal

SOURCE, TARGET, PAIRS = 23, 19, 11


def transformer(dropout: float = 0.2) -> Transformer:
    torch.manual_seed(3)
    mechanism = Mechanism(attention=ScaledDot, position=Sinusoidal, heads=Heads(count=2, projections=True))
    return Transformer(
        SOURCE, TARGET, mechanism, size=14, layers=1, feedforward=17, dropout=dropout, attention_dropout=0.0
    )


def batch() -> Batch:
    make = torch.Generator().manual_seed(7)
    source = torch.randint(4, SOURCE, (PAIRS, 7), generator=make)
    target = torch.randint(4, TARGET, (PAIRS, 5), generator=make)
    return Batch(source, torch.full((PAIRS,), 7), target, torch.full((PAIRS,), 5))


def apart(model: Transformer) -> float:
    """KL(p, q) + KL(q, p) a token of two passes with dropout."""
    model.train()
    with torch.no_grad():
        one, other = (forced_loss(model, batch(), 0.0, alpha) for alpha in (1e-9, 4.0))
    return float((other[0] - one[0]) / one[1])


def test_every_pair_is_read_twice_with_other_dropout() -> None:
    model, given = transformer().train(), batch()
    torch.manual_seed(5)
    total, count = forced_loss(model, given, 0.1, 3.0)
    torch.manual_seed(5)
    both = [torch.cat([part, part]) for part in (given.source, given.source_lengths, given.target_in)]
    states = model.states(model.encode(*both[:2]), both[2])[0].chunk(2)
    assert not torch.equal(*states)
    expected = linear_cross_entropy(torch.stack(states), model.output, given.target[:, 1:], PAD, 0.1, 3.0)
    assert torch.equal(total, expected[0]) and count == expected[1] == PAIRS * 4


def test_without_dropout_it_is_the_plain_loss() -> None:
    model, given = transformer(dropout=0.0).train(), batch()
    torch.testing.assert_close(forced_loss(model, given, 0.1, 3.0), forced_loss(model, given, 0.1))


def test_training_draws_the_passes_together() -> None:
    left = []
    for alpha in (0.0, 5.0):
        model = transformer()
        optimiser = adam(model.parameters(), lr=0.01)
        for _ in range(60):
            optimiser.zero_grad()
            total, count = forced_loss(model.train(), batch(), 0.1, alpha)
            (total / count).backward()
            optimiser.step()
        left.append(sum(apart(model) for _ in range(5)))
    assert left[1] < left[0] / 2


@pytest.mark.parametrize(
    ("experiment", "words", "fits"),
    [
        ("transformer", [], True),
        ("transformer", ["model.dropout=0", "model.attention_dropout=0.1"], True),
        ("transformer", ["model.dropout=0"], False),
        ("translation", [], True),
        ("translation", ["model.dropout=0"], False),
        ("convolutional", ["model.dropout=0"], False),
    ],
)
def test_it_is_refused_without_dropout(experiment: str, words: list[str], fits: bool) -> None:
    plan = check(compose(experiment, ["r_drop=5", *words]))
    if fits:
        plan.require_fit()
        return
    with pytest.raises(UserError, match=r"^r_drop: without dropout .* set model.dropout, or r_drop=0$"):
        plan.require_fit()


def test_the_key_reaches_the_training(tmp_path: Path) -> None:
    words = [*TINY, *aligned_corpus(tmp_path)]
    weights = []
    for name, alpha in (("none", 1e-12), ("much", 50.0)):
        composed = compose("translation", [*words, f"r_drop={alpha}"])
        assert execute(composed, tmp_path / name).status == "done"
        weights.append(dict(load_best(tmp_path / name)["model"]))
    assert not equal(*weights)
