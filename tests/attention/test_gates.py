"""Gates on heads, against models whose projections were cut by hand, in float64."""

from copy import deepcopy

import pytest
import torch

from attnrun.attention import Additive, Heads, Mechanism, MultiHead, ScaledDot
from attnrun.attention.gates import GatedHeads, Head
from attnrun.models.rnn import RnnSeq2Seq
from attnrun.models.transformer import Transformer

SOURCE = torch.tensor([[4, 5, 6, 7, 8], [9, 4, 5, 0, 0]])
LENGTHS = torch.tensor([5, 3])
TARGET = torch.tensor([[2, 4, 6, 5], [2, 7, 0, 0]])


def transformer(groups: int | None = None) -> Transformer:
    torch.manual_seed(0)
    mechanism = Mechanism(attention=ScaledDot, heads=Heads(3, groups, projections=True))
    return Transformer(11, 13, mechanism, size=21, layers=2, feedforward=17).double().eval()


def rnn() -> RnnSeq2Seq:
    torch.manual_seed(0)
    mechanism = Mechanism(attention=Additive, heads=Heads(3, projections=True))
    return RnnSeq2Seq(11, 13, mechanism, embedding=7, hidden=24).double().eval()


def said(model: torch.nn.Module, need_weights: bool = False) -> tuple:
    states, weights = model.states(model.encode(SOURCE, LENGTHS), TARGET, need_weights)
    return model.project(states), weights


def attentions(model: torch.nn.Module) -> list[MultiHead]:
    return [part for part in model.modules() if isinstance(part, MultiHead)]


def test_heads_are_named_by_side_layer_and_number() -> None:
    sides = {side: [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] for side in ("source", "target", "cross")}
    found: dict[str, list[tuple[int, int]]] = {}
    for one in GatedHeads(transformer()).heads:
        found.setdefault(one.side, []).append((one.layer, one.head))
    assert found == sides
    assert GatedHeads(rnn()).heads == [Head("cross", 0, head) for head in range(3)]
    assert GatedHeads(torch.nn.Linear(2, 3)).heads == []


@pytest.mark.parametrize("make", [transformer, lambda: transformer(1), rnn], ids=["own", "shared", "rnn"])
def test_a_closed_gate_is_a_head_whose_rows_of_the_output_projection_are_zero(make) -> None:
    model = make()
    gated, whole = GatedHeads(model), said(model)[0]
    for number in range(len(gated.heads)):
        by_hand = deepcopy(model)
        owner = attentions(by_hand)[number // 3]
        size = owner.W_o.weight.shape[1] // 3
        with torch.no_grad():
            owner.W_o.weight[:, number % 3 * size : (number % 3 + 1) * size] = 0
        gates = torch.ones(len(gated.heads), dtype=torch.float64)
        gates[number] = 0
        with gated.gated(gates):
            found = said(model)[0]
        torch.testing.assert_close(found, said(by_hand)[0], rtol=0, atol=1e-10)
        assert (found - whole).abs().max() > 1e-6
    assert torch.equal(said(model)[0], whole)  # outside all gates are gone


def test_each_example_of_a_batch_may_have_gates_of_its_own() -> None:
    model = transformer()
    heads = GatedHeads(model)
    gates = torch.rand(2, 18, dtype=torch.float64)
    with heads.gated(gates):
        both = said(model)[0]
    for row in range(2):
        with heads.gated(gates[row]):
            torch.testing.assert_close(said(model)[0][row], both[row], rtol=0, atol=1e-12)


def test_the_weights_of_a_silent_head_are_what_they_were() -> None:
    model = transformer()
    gates = torch.ones(18, dtype=torch.float64)
    before = said(model, need_weights=True)[1]
    heads = GatedHeads(model)
    gates[[number for number, one in enumerate(heads.heads) if one.side == "cross" and one.layer == 0]] = 0
    with heads.gated(gates):
        after = said(model, need_weights=True)[1]
    assert torch.equal(before[:, 0], after[:, 0]) and not torch.equal(before[:, 1], after[:, 1])


def test_an_error_within_opens_all_gates() -> None:
    model = transformer()
    with pytest.raises(RuntimeError, match="inside"), GatedHeads(model).gated(torch.zeros(18).double()):
        raise RuntimeError("inside")
    with pytest.raises(RuntimeError), GatedHeads(model).gated(torch.zeros(17).double()):
        pytest.fail("17 gates for 18 heads")
    assert all(part.gate is None for part in attentions(model))
    assert "gate" not in "".join(model.state_dict())
