"""RNN encoder-decoder: padding, teacher forcing against steps, parity, gradients, learning.

Sizes are distinct primes: B 5, S 7, T 11, embedding 13, hidden 17, vocabularies 19 and 23.
"""

from functools import partial

import pytest
import torch
from torch import nn

from attnrun.attention import (
    Additive,
    Dot,
    General,
    Heads,
    Mechanism,
    Monotonic,
    Predictive,
    Sinusoidal,
    Window,
    sparsemax,
)
from attnrun.errors import UserError
from attnrun.models.cells import GruCell, LstmCell
from attnrun.models.encoder import RnnEncoder
from attnrun.models.rnn import RnnSeq2Seq
from tests.models import reference

LENGTHS = torch.tensor([3, 7, 1, 5, 6])
SHAPES = [
    *(
        {"cell": cell, "layers": layers, "bidirectional": both}
        for cell in ("gru", "lstm")
        for layers in (1, 2)
        for both in (False, True)
    ),
    {"bidirectional": False, "encoder_size": 31},
    {"attend": "after"},
    {"attend": "before", "input_feeding": True},
    {"attend": "after", "input_feeding": True, "cell": "lstm", "layers": 2},
]
additive = partial(Additive, hidden=29)


def make(attention=additive, seed=3, parts=None, **keys):
    torch.manual_seed(seed)
    size = 34 if keys.get("bidirectional", True) else 17
    keys = {"embedding": 13, "hidden": 17, "encoder_size": size, "dropout": 0.0, **keys}
    return RnnSeq2Seq(19, 23, Mechanism(attention=attention, **(parts or {})), **keys).eval()


def batch(seed=1):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(1, 19, (5, 7), generator=generator)
    source[torch.arange(7) >= LENGTHS[:, None]] = 0
    return source, LENGTHS, torch.randint(1, 23, (5, 11), generator=generator)


@pytest.mark.parametrize("encoder_size", [34, 22])
def test_forget_gates_begin_open_and_nothing_else_does(encoder_size):
    model = make(cell="lstm", layers=2, encoder_size=encoder_size)
    encoder = dict(model.encoder.rnn.named_parameters())
    half = encoder_size // 2
    inputs = [bias for name, bias in encoder.items() if name.startswith("bias_ih")]
    assert len(inputs) == 4  # two layers in two directions
    for bias in inputs:
        assert bias.tolist() == [0.0] * half + [1.0] * half + [0.0] * 2 * half
    assert not any(bias.any() for name, bias in encoder.items() if name.startswith("bias_hh"))


@pytest.mark.parametrize("keys", SHAPES, ids=str)
@pytest.mark.parametrize("attention", [additive, None], ids=["additive", "none"])
def test_steps_give_the_teacher_forced_states_and_weights(keys, attention):
    model, (source, lengths, target) = make(attention, **keys), batch()
    memory = model.encode(source, lengths)
    states, weights = model.states(memory, target, need_weights=True)
    assert states.shape[:2] == (5, 11)
    state = model.start(memory)
    for t in range(11):
        state, output, row = model.step(memory, state, target[:, t])
        torch.testing.assert_close(output, states[:, t], atol=1e-6, rtol=0)
        if attention is None:
            assert row is None and weights is None
        else:
            torch.testing.assert_close(row, weights[:, :, :, t], atol=1e-6, rtol=0)
    assert torch.equal(model.states(memory, target)[0], states)


@pytest.mark.parametrize("keys", SHAPES, ids=str)
@pytest.mark.parametrize("attention", [additive, None], ids=["additive", "none"])
def test_padding_changes_nothing(keys, attention):
    model, (source, lengths, target) = make(attention, **keys), batch()
    plain = model.project(model.states(model.encode(source, lengths), target)[0])
    for more in (1, 7):
        wider = nn.functional.pad(source, (0, more))
        memory = model.encode(wider, lengths)
        assert not memory.states[:, 7:].any() and not memory.mask[..., 7:].any()
        torch.testing.assert_close(model.project(model.states(memory, target)[0]), plain, atol=1e-5, rtol=0)
    for row, length in enumerate(lengths.tolist()):
        memory = model.encode(source[row : row + 1, :length], torch.tensor([length]))
        alone = model.project(model.states(memory, target[row : row + 1])[0])
        torch.testing.assert_close(alone[0], plain[row], atol=1e-5, rtol=0)


def test_what_stands_in_the_padding_changes_nothing():
    model, (source, lengths, target) = make(layers=2), batch()
    other = source.masked_fill(source == 0, 11)
    expected = model.states(model.encode(source, lengths), target)[0]
    torch.testing.assert_close(
        model.states(model.encode(other, lengths), target)[0], expected, atol=0, rtol=0
    )


def test_weights_are_a_distribution_over_real_words():
    model, (source, lengths, target) = make(), batch()
    memory = model.encode(source, lengths)
    _, weights = model.states(memory, target, need_weights=True)
    assert weights.shape == (5, 1, 1, 11, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(5, 1, 1, 11))
    real = (torch.arange(7) < lengths[:, None])[:, None, None, None].expand_as(weights)
    assert (weights[real] > 0).all() and (weights[~real] == 0).all()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("attend", ["before", "after"])
@pytest.mark.parametrize("feeding", [False, True], ids=["", "feeding"])
def test_parity_with_the_reference_decoder(layers, attend, feeding):
    model = make(layers=layers, attend=attend, input_feeding=feeding).double()
    source, lengths, target = batch()
    with torch.no_grad():
        for (
            parameter
        ) in model.parameters():  # biases too: at the start they are zero and would hide a mistake
            parameter.add_(torch.randn_like(parameter) * 0.3)
        states, weights = model.states(model.encode(source, lengths), target, need_weights=True)
        logits = model.project(states)
        for row, length in enumerate(lengths.tolist()):
            wanted, alphas = reference.decode(
                model, source[row, :length].tolist(), target[row].tolist(), layers
            )
            torch.testing.assert_close(logits[row], wanted, atol=1e-10, rtol=0)
            torch.testing.assert_close(weights[row, 0, 0, :, :length], alphas, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("keys", "first"), [({}, 5), ({"attend": "after"}, 4), ({"attend": "after", "input_feeding": True}, 4)]
)
def test_a_token_reaches_the_weights_after_it_or_with_it(keys, first):
    model, (source, lengths, target) = make(**keys), batch()
    memory = model.encode(source, lengths)
    changed = target.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 22 + 1
    _, before = model.states(memory, target, need_weights=True)
    _, after = model.states(memory, changed, need_weights=True)
    several = lengths > 1
    same = (before == after).flatten(0, 2)[several].all(-1).all(0)
    assert same[:first].all() and not same[first:].any()


@pytest.mark.parametrize(
    "own, library", [(GruCell, nn.GRUCell), (LstmCell, nn.LSTMCell)], ids=["gru", "lstm"]
)
def test_cells_agree_with_torch(own, library):
    torch.manual_seed(5)
    cell, other = own(17).double(), library(13, 17).double()
    cell.recurrent.load_state_dict({"weight": other.weight_hh, "bias": other.bias_hh})
    x, state = torch.randn(5, 13).double(), tuple(torch.randn(own.parts, 5, 17).double())
    expected = other(x, state if own.parts > 1 else state[0])
    expected = expected if own.parts > 1 else (expected,)
    found = cell(nn.functional.linear(x, other.weight_ih, other.bias_ih), state)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


@pytest.mark.parametrize("keys", SHAPES[:8], ids=str)
def test_encoder_agrees_with_torch_one_sentence_at_a_time(keys):
    torch.manual_seed(7)
    encoder = RnnEncoder(13, 34 if keys["bidirectional"] else 17, dropout=0.0, **keys).double()
    library = {"gru": nn.GRU, "lstm": nn.LSTM}[keys["cell"]]
    other = library(13, 17, keys["layers"], batch_first=True, bidirectional=keys["bidirectional"]).double()
    other.load_state_dict(encoder.rnn.state_dict())
    embedded = torch.randn(5, 7, 13).double()
    states, final = encoder(embedded, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        wanted, last = other(embedded[row : row + 1, :length])
        torch.testing.assert_close(states[row, :length], wanted[0], atol=1e-12, rtol=0)
        assert not states[row, length:].any()
        for part, expected in zip(final, last if keys["cell"] == "lstm" else (last,), strict=True):
            by_layer = expected[:, 0].reshape(keys["layers"], -1)
            torch.testing.assert_close(part[:, row], by_layer, atol=1e-12, rtol=0)


@pytest.mark.parametrize("keys", [*SHAPES, {"tied": True}], ids=str)
@pytest.mark.parametrize("attention", [additive, None], ids=["additive", "none"])
def test_gradient_reaches_every_parameter(keys, attention):
    model, (source, lengths, target) = make(attention, **keys).train(), batch()
    logits = model.project(model.states(model.encode(source, lengths), target)[0])
    logits.square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_without_attention_the_context_is_the_final_state_throughout():
    model, (source, lengths, _) = make(None, bidirectional=False, layers=2), batch()
    memory = model.encode(source, lengths)
    last = memory.states[torch.arange(5), lengths - 1]
    torch.testing.assert_close(memory.summary, last)
    torch.testing.assert_close(memory.initial[1], last)
    assert memory.projected == ()


def test_tied_output_is_the_embedding():
    model = make(tied=True)
    assert model.output.weight is model.target_embedding.weight
    assert sum(p.shape == (23, 13) for p in model.parameters()) == 1


@pytest.mark.parametrize("tied", [False, True])
def test_starting_values(tied):
    model = make(cell="lstm", layers=2, tied=tied, embedding=101)
    assert not model.source_embedding.weight[0].any() and not model.target_embedding.weight[0].any()
    assert float(model.source_embedding.weight[1:].detach().std()) == pytest.approx(1, rel=0.1)
    assert float(model.target_embedding.weight[1:].detach().std()) == pytest.approx(
        0.3 if tied else 1, rel=0.1
    )
    for gate in model.cells[1].recurrent.weight.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(17), atol=1e-5, rtol=0)
    biases = model.encoder.rnn.bias_ih_l1 + model.encoder.rnn.bias_hh_l1
    for bias in (biases, model.cells[0].recurrent.bias):
        assert bias.tolist() == [0.0] * 17 + [1.0] * 17 + [0.0] * 34


def test_dropout_acts_in_training_alone():
    model, (source, lengths, target) = make(dropout=0.5, layers=2), batch()

    def run():
        return model.states(model.encode(source, lengths), target)[0]

    assert torch.equal(run(), run())
    model.train()
    assert not torch.equal(run(), run())


def test_selected_rows_are_as_if_encoded_alone():
    model, (source, lengths, target) = make(cell="lstm", layers=2), batch()
    rows = torch.tensor([3, 0, 3])
    chosen = model.states(model.encode(source, lengths).select(rows), target[rows])[0]
    torch.testing.assert_close(
        chosen, model.states(model.encode(source[rows], lengths[rows]), target[rows])[0]
    )


def test_a_score_that_does_not_fit_says_what_would():
    with pytest.raises(UserError, match=r"17.*34.*model\.encoder_size=null"):
        make(Dot)
    make(Dot, hidden=18, encoder_size=None)
    make(General)


def test_an_odd_encoder_cannot_be_shared_by_two_directions():
    with pytest.raises(UserError, match="two directions cannot share an encoder size of 17"):
        make(encoder_size=None)


LOCAL = [
    {"mask": partial(Monotonic, width=2)},
    {"mask": partial(Predictive, width=2)},
    {"heads": Heads(count=2, projections=True)},
    {"heads": Heads(count=2, groups=1, projections=True), "mask": partial(Predictive, width=3)},
]


@pytest.mark.parametrize("parts", LOCAL, ids=str)
@pytest.mark.parametrize("attend", ["before", "after"])
def test_localities_and_heads_step_as_they_are_taught(parts, attend):
    model, (source, lengths, target) = make(parts=parts, attend=attend).double(), batch()
    memory = model.encode(source, lengths)
    states, weights = model.states(memory, target, need_weights=True)
    heads = model.attention.heads
    assert weights.shape == (5, 1, heads, 11, 7)
    state = model.start(memory)
    for t in range(11):
        state, output, row = model.step(memory, state, target[:, t])
        torch.testing.assert_close(output, states[:, t], atol=1e-12, rtol=0)
        torch.testing.assert_close(row, weights[:, :, :, t], atol=1e-12, rtol=0)
    states.square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == [
        "output.weight",
        "output.bias",
    ]


def test_a_monotonic_window_follows_the_place_in_the_target():
    model, (source, lengths, target) = make(parts={"mask": partial(Monotonic, width=2)}), batch()
    _, weights = model.states(model.encode(source, lengths), target, need_weights=True)
    for row, length in enumerate(lengths.tolist()):
        for t in range(11):
            seen = [s for s in range(length) if abs(s - t) <= 2]
            assert weights[row, 0, 0, t].nonzero().flatten().tolist() == seen


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"mask": Window}, "an RNN has not.*local-m or local-p"),
        ({"position": Sinusoidal}, "position=none"),
        ({"heads": Heads(count=5, projections=True)}, "5 heads do not divide the size 34"),
    ],
)
def test_what_an_rnn_has_no_use_for_is_refused(parts, told):
    with pytest.raises(UserError, match=told):
        make(parts=parts)


@pytest.mark.parametrize("parts", [{"mask": Monotonic}, {"heads": Heads(count=2)}, {"normaliser": sparsemax}])
def test_without_attention_its_parts_are_refused(parts):
    (name,) = parts
    with pytest.raises(UserError, match=f"^{name}: without attention"):
        make(None, parts=parts)


@pytest.mark.parametrize(("cell", "attention"), [("gru", General), ("lstm", additive)])
def test_learns_to_reverse(cell, attention):
    generator = torch.Generator().manual_seed(2)
    lengths = torch.randint(2, 6, (20,), generator=generator)
    source = torch.randint(4, 19, (20, 5), generator=generator)
    source[torch.arange(5) >= lengths[:, None]] = 0
    target = torch.zeros(20, 7, dtype=torch.int64)
    target[:, 0] = 2
    for row, length in enumerate(lengths.tolist()):
        target[row, 1 : length + 1] = source[row, :length].flip(0)
        target[row, length + 1] = 3
    model = make(attention, cell=cell, hidden=31).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    wanted = target[:, 1:]
    for _ in range(120):
        logits = model.project(model.states(model.encode(source, lengths), target[:, :-1])[0])
        loss = nn.functional.cross_entropy(logits[wanted > 0], wanted[wanted > 0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (logits.argmax(-1) == wanted)[wanted > 0].float().mean()
    assert right == 1 and loss < 0.1


def test_a_joint_vocabulary_has_one_embedding():
    models = {
        (joint, tied): RnnSeq2Seq(
            19, 19, Mechanism(attention=additive), joint, embedding=13, hidden=18, tied=tied
        )
        for joint in (False, True)
        for tied in (False, True)
    }
    for (joint, tied), model in models.items():
        assert (model.source_embedding.weight is model.target_embedding.weight) is joint
        assert (model.output.weight is model.target_embedding.weight) is tied
    sizes = {key: sum(p.numel() for p in model.parameters()) for key, model in models.items()}
    assert sizes[False, False] - sizes[True, False] == sizes[True, False] - sizes[True, True] == 19 * 13
