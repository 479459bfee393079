"""Linear layers are those of torch, whichever library makes the products."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnrun.attention import dense
from attnrun.attention.dense import Linear, linear

ROWS, INPUT, OUTPUT = (3, 67), 101, 113  # 2.3 million multiplications


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Take oneDNN wherever it can be; return the shapes that it was given, product by product."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of torch has no oneDNN")
    shapes: list[tuple[int, ...]] = []
    made = dense._product

    def spy(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.append((*x.shape, *weight.shape))
        return made(x, weight, bias)

    monkeypatch.setattr(dense, "leaves_avx512_unused", lambda: True)
    monkeypatch.setattr(dense, "_product", spy)
    return shapes


def _inputs(bias: bool = True, kind: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(*ROWS, INPUT), (OUTPUT, INPUT), (OUTPUT,)]
    return [torch.randn(shape).to(kind).requires_grad_() for shape in shapes[: 2 + bias]]


def _reference(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """One product of numbers at a time, in float64."""
    x, weight = x.detach().double(), weight.detach().double()
    made = torch.stack([sum(x[..., i] * row[i] for i in range(len(row))) for row in weight], -1)
    return made if bias is None else made + bias.detach().double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("graded", [True, False])
def test_it_is_the_product(taken: list[tuple[int, ...]], bias: bool, graded: bool) -> None:
    inputs = _inputs(bias)
    with torch.set_grad_enabled(graded):
        made = linear(*inputs)
    assert taken == [(224, INPUT, OUTPUT, INPUT)]  # 3 * 67 rows and zeros
    assert made.requires_grad == graded
    torch.testing.assert_close(made.double(), _reference(*inputs), rtol=1e-5, atol=1e-4)


def _gradients(product: Callable[..., Tensor], inputs: list[Tensor], order: int) -> list[Tensor]:
    """The gradients of the sum of squares in every input, or those of the sum of their squares."""
    total = product(*inputs).square().sum()
    for _ in range(order - 1):
        found = torch.autograd.grad(total, inputs, create_graph=True)
        total = torch.stack([gradient.square().sum() for gradient in found]).sum()
    return list(torch.autograd.grad(total, inputs))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_are_those_of_float64(taken: list[tuple[int, ...]], bias: bool, order: int) -> None:
    inputs = _inputs(bias)
    wide = [x.detach().double().requires_grad_() for x in inputs]
    expected = _gradients(F.linear, wide, order)
    for made, true in zip(_gradients(linear, inputs, order), expected, strict=True):
        torch.testing.assert_close(
            made.double() / true.abs().max(), true / true.abs().max(), rtol=0, atol=2e-6
        )
    assert len(taken) >= 3 * order  # the output, and a product for each gradient


def test_a_weight_alone_may_have_a_gradient(taken: list[tuple[int, ...]]) -> None:
    x, weight = _inputs(bias=False)
    (gradient,) = torch.autograd.grad(linear(x.detach(), weight).sum(), weight)
    assert len(taken) == 2
    torch.testing.assert_close(gradient[5], x.detach().sum((0, 1)), rtol=1e-4, atol=1e-4)


def test_many_rows_are_made_in_blocks(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    x, weight = (torch.randn(shape, requires_grad=True) for shape in ((2 * dense.ROWS + 37, 43), (47, 43)))
    made = linear(x, weight)
    torch.testing.assert_close(made, _reference(x, weight).float(), rtol=1e-4, atol=1e-4)
    assert [rows for rows, *_ in taken] == [dense.ROWS, dense.ROWS, 64]
    upstream = torch.randn_like(made)
    in_x, in_weight = torch.autograd.grad(made, (x, weight), upstream)
    torch.testing.assert_close(in_x, upstream @ weight, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(in_weight, upstream.t() @ x, rtol=1e-4, atol=1e-3)
    assert taken[6:] == [(43, rows, 47, rows) for rows in (dense.ROWS, dense.ROWS, 64)]


def test_an_outer_product_is_the_same_either_way_round(taken: list[tuple[int, ...]]) -> None:
    x, y = torch.randn(503, 43), torch.randn(503, 67)
    with torch.no_grad():
        there, back = dense.outer(x, y), dense.outer(y, x)
    torch.testing.assert_close(there, x.t() @ y, rtol=1e-4, atol=1e-3)
    assert torch.equal(there, back.t()) and taken == [(43, 512, 67, 512)] * 2


LAYOUTS = {
    "a transposed weight": (torch.randn(503, 67), torch.randn(67, 71).t()),
    "a transposed input": (torch.randn(67, 503).t(), torch.randn(71, 67)),
    "columns of a weight": (torch.randn(503, 67), torch.randn(71, 131)[:, 60:127]),
    "rows apart": (torch.randn(1006, 67)[::2], torch.randn(71, 67)),
    "turned axes": (torch.randn(31, 29, 67).transpose(0, 1), torch.randn(71, 67)),
    "one row many times": (torch.randn(1, 67).expand(503, 67), torch.randn(71, 67)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_any_layout_is_read(taken: list[tuple[int, ...]], name: str) -> None:
    x, weight = LAYOUTS[name]
    torch.testing.assert_close(linear(x, weight), _reference(x, weight).float(), rtol=1e-4, atol=1e-4)
    assert taken


def test_small_products_and_other_types_are_torchs(taken: list[tuple[int, ...]]) -> None:
    x, weight, bias = _inputs(kind=torch.float64)
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    with pytest.raises(RuntimeError, match="dtype"):
        linear(x.float(), weight)
    assert linear(torch.zeros(0, INPUT), torch.zeros(OUTPUT, INPUT)).shape == (0, OUTPUT)
    linear(torch.zeros(31, 29), torch.zeros(23, 29))
    assert not taken


def test_autocast_and_compiled_code_are_torchs(taken: list[tuple[int, ...]]) -> None:
    inputs = _inputs()
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(*inputs).dtype == torch.bfloat16
    exported = torch.export.export(Linear(INPUT, OUTPUT), (torch.zeros(*ROWS, INPUT),))
    assert "mkldnn" not in str(exported.graph)
    assert not taken


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_gradients_of_each_of_many_samples(
    taken: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "FEW", 1)
    x, weight = (part.detach() for part in _inputs(bias=False))

    def loss(weight: Tensor, x: Tensor, product: Callable[..., Tensor]) -> Tensor:
        return product(x, weight).square().sum()

    each = torch.func.vmap(torch.func.grad(partial(loss, product=linear)), (None, 0))(weight, x)
    assert each.shape == (ROWS[0], OUTPUT, INPUT) and taken
    expected = torch.func.vmap(torch.func.grad(partial(loss, product=F.linear)), (None, 0))(weight, x)
    torch.testing.assert_close(each, expected, rtol=1e-4, atol=1e-2)


def test_a_layer_is_torchs(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    ours = Linear(INPUT, OUTPUT)
    theirs = nn.Linear(INPUT, OUTPUT)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(*ROWS, INPUT)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    assert taken


@pytest.mark.parametrize(
    ("vendor", "capability", "quick"),
    [
        ("vendor_id\t: AuthenticAMD\n", "AVX512", True),
        ("AMD64 Family 26 Model 2 Stepping 1, AuthenticAMD", "AVX512_BF16", True),
        ("vendor_id\t: AuthenticAMD\n", "AVX2", False),
        ("vendor_id\t: GenuineIntel\n", "AVX512", False),
        ("arm", "DEFAULT", False),
    ],
)
def test_it_is_for_avx512_that_mkl_does_not_use(
    monkeypatch: pytest.MonkeyPatch, vendor: str, capability: str, quick: bool
) -> None:
    monkeypatch.setattr(dense, "vendor", lambda: vendor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(dense, "_has_both", lambda: True)
    assert dense.leaves_avx512_unused.__wrapped__() == quick
