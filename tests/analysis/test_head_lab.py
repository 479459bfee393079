"""What heads are worth: against finite differences, and where one head does everything."""

from typing import Any

import numpy as np
import pytest
import torch

from attnrun.analysis.head_lab import Lab, by_ablation, by_gradient, removable
from attnrun.attention import Heads, Mechanism, ScaledDot
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import EncodedPairs, Sequences, TextBatches
from attnrun.errors import UserError
from attnrun.models.transformer import Transformer
from attnrun.training.development import Development
from attnrun.training.seq2seq import forced_loss


def lab(heads: int = 3, layers: int = 2) -> Lab:
    torch.manual_seed(1)
    mechanism = Mechanism(attention=ScaledDot, heads=Heads(heads, projections=True))
    model = Transformer(11, 13, mechanism, size=21, layers=layers, feedforward=17).double().eval()
    generator = np.random.default_rng(2)
    sizes = [(5, 3), (2, 7), (1, 1), (4, 4), (3, 2)]
    sources = Sequences(generator.integers(4, 11, size) for size, _ in sizes)
    targets = Sequences([2, *generator.integers(4, 13, size).tolist(), 3] for _, size in sizes)
    batches = TextBatches(EncodedPairs(sources, targets, 0), batch_size=2, seed=0)

    def loss(batch: Any) -> Any:
        return forced_loss(model, batch)

    def evaluate() -> dict[str, float]:
        return {"loss": sum(float(loss(batches.collate([row]))[0]) for row in range(len(sizes)))}

    found = Development(model, torch.device("cpu"), evaluate, batches, loss, GatedHeads(model))
    return Lab(found, "loss", "min")


def test_importance_by_gradient_is_the_mean_size_of_each_examples_slope_by_finite_differences() -> None:
    made, width = lab(), 1e-5
    development = made.development
    slopes = np.zeros((5, 18))
    for row in range(5):
        batch = development.batches.collate([row])
        for number in range(18):
            sides = []
            for sign in (1, -1):
                gates = torch.ones(18, dtype=torch.float64)
                gates[number] += sign * width
                with torch.no_grad(), development.heads.gated(gates):
                    sides.append(float(development.loss(batch)[0]))
            slopes[row, number] = (sides[0] - sides[1]) / (2 * width)
    mean = np.abs(slopes).mean(0).reshape(6, 3)  # a row for each attention: a layer of a side
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(made.gradients(), expected.ravel(), atol=1e-7)
    assert np.abs(slopes.mean(0)).sum() < 0.95 * np.abs(slopes).mean(0).sum()  # signs differ between examples


def test_ablation_measures_each_head_by_itself() -> None:
    made = lab()
    whole, ablated = made.measure(), made.ablations()
    assert [one.silent for one in ablated] == [(number,) for number in range(18)]
    gates = torch.ones(18, dtype=torch.float64)
    gates[7] = 0
    with torch.no_grad(), made.development.heads.gated(gates):
        assert made.development.evaluate() == ablated[7].metrics
    assert len({one.metrics["loss"] for one in ablated} | {whole.metrics["loss"]}) == 19


@pytest.mark.parametrize("by", ["gradient", "ablation"])
def test_where_one_head_does_everything_it_is_the_last_to_go(by: Any) -> None:
    made = lab(heads=7, layers=1)
    kept = next(n for n, one in enumerate(made.heads) if (one.side, one.head) == ("cross", 4))
    with torch.no_grad():
        for name, weight in made.development.model.named_parameters():
            if name.endswith("W_o.weight"):
                weight[:, : 4 * 3] = 0
                weight[:, 5 * 3 :] = 0
                weight.mul_(20.0 if "cross" in name else 0.0)
    whole = made.measure()
    order = by_gradient(made.gradients()) if by == "gradient" else by_ablation(made, whole, made.ablations())
    assert order[-1] == kept and order[:-1] == [n for n in range(21) if n != kept]
    curve = made.prune(order, steps=7)
    assert [len(point.silent) for point in curve] == [0, 3, 6, 9, 12, 15, 18, 21]
    losses = [point.metrics["loss"] for point in curve]
    assert losses[:-1] == pytest.approx([losses[0]] * 7) and abs(losses[-1] / losses[0] - 1) > 0.01
    worse = Lab(made.development, "loss", "min" if losses[-1] > losses[0] else "max")
    assert removable(worse, curve, 0.01) == 18
    assert removable(worse, curve, 1e9) == 21


def test_a_point_that_recovers_behind_one_that_lost_too_much_does_not_count() -> None:
    made = lab()
    curve = [
        type(made.measure())(tuple(range(count)), {"loss": loss})
        for count, loss in [(0, 1.0), (2, 1.009), (4, 1.5), (6, 1.0)]
    ]
    assert removable(made, curve, 0.01) == 2 and removable(made, curve, 0.5) == 6
    assert removable(made, curve, 0.0) == 0


@pytest.mark.parametrize("number, shares", [(1, [0, 18]), (4, [0, 4, 9, 14, 18]), (99, list(range(19)))])
def test_heads_go_in_equal_shares(number: int, shares: list[int]) -> None:
    made = lab()
    assert [len(point.silent) for point in made.prune(range(18), number)] == shares


def test_what_cannot_be_measured_is_refused() -> None:
    development = lab().development
    single = torch.nn.Linear(2, 3)
    with pytest.raises(UserError, match="no attention"):
        Lab(Development(**vars(development) | {"heads": GatedHeads(single)}), "loss", "min")
    with pytest.raises(UserError, match="did not choose by bleu"):
        Lab(development, "bleu", "max").measure()
    for value in (np.nan, np.inf):
        lost = Development(**vars(development) | {"evaluate": lambda value=value: {"loss": value}})
        with pytest.raises(UserError, match=f"loss of this model is {value} without 2 of its heads"):
            Lab(lost, "loss", "min").measure([0, 3])
