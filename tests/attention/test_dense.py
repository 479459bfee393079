"""Linear layers are those of torch, whichever library makes the products."""

import platform
from collections.abc import Callable

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

    monkeypatch.setattr(dense, "mkl_leaves_avx512_unused", lambda: True)
    monkeypatch.setattr(dense, "_product", spy)
    monkeypatch.setattr(dense, "FEW", 2**20)
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
    assert [rows for rows, *_ in taken] == [224]  # 3 * 67 rows and zeros
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
    assert {sizes[2:] for sizes in taken} == {(OUTPUT, INPUT), (OUTPUT, 224)}
    torch.testing.assert_close(gradient[5], x.detach().sum((0, 1)), rtol=1e-4, atol=1e-4)


def test_many_rows_are_made_in_blocks(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    x, weight = (torch.randn(shape, requires_grad=True) for shape in ((2 * dense.MOST + 37, 43), (47, 43)))
    made = linear(x, weight)
    torch.testing.assert_close(made, _reference(x, weight).float(), rtol=1e-4, atol=1e-4)
    sizes = [dense.MOST, dense.MOST, 40]
    assert [rows for rows, *_ in taken] == sizes
    upstream = torch.randn_like(made)
    in_x, in_weight = torch.autograd.grad(made, (x, weight), upstream)
    torch.testing.assert_close(in_x, upstream @ weight, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(in_weight, upstream.t() @ x, rtol=1e-4, atol=1e-3)
    assert taken[6:] == [(43, rows, 47, rows) for rows in sizes]


def test_blocks_are_of_few_sizes() -> None:
    sizes = {dense.whole(rows) for rows in range(1, dense.MOST + 1)}
    assert len(sizes) == 24 and max(sizes) == dense.MOST
    for rows in (1, 8, 9, 64, 65, 503, dense.MOST, dense.MOST + 1, 3000):
        made = torch.cat(blocks := list(dense._blocks(torch.ones(rows, 2))))
        assert {len(block) for block in blocks} <= sizes
        assert made[:rows].all() and not made[rows:].any() and len(made) <= max(rows * 5 / 4, rows + 7)


def test_an_outer_product_is_the_same_either_way_round(taken: list[tuple[int, ...]]) -> None:
    x, y = torch.randn(512, 43), torch.randn(512, 67)
    with torch.no_grad():
        there, back = dense.outer(x, y), dense.outer(y, x)
    torch.testing.assert_close(there, x.t() @ y, rtol=1e-4, atol=1e-3)
    assert torch.equal(there, back.t()) and taken == [(43, 512, 67, 512)] * 2


def _layout(name: str) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x, weight = torch.randn(503, 67), torch.randn(71, 67)
    return {
        "a transposed weight": (x, torch.randn(67, 71).t()),
        "a transposed input": (torch.randn(67, 503).t(), weight),
        "columns of a weight": (x, torch.randn(71, 131)[:, 60:127]),
        "a weight that overlaps": (x, torch.randn(140).as_strided((71, 67), (1, 1))),
        "rows apart": (torch.randn(1006, 67)[::2], weight),
        "turned axes": (torch.randn(31, 29, 67).transpose(0, 1), weight),
        "one row many times": (torch.randn(1, 67).expand(503, 67), weight),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "a transposed weight",
        "a transposed input",
        "columns of a weight",
        "a weight that overlaps",
        "rows apart",
        "turned axes",
        "one row many times",
    ],
)
def test_any_layout_is_read(taken: list[tuple[int, ...]], name: str) -> None:
    x, weight = _layout(name)
    torch.testing.assert_close(linear(x, weight), _reference(x, weight).float(), rtol=1e-4, atol=1e-4)
    assert taken


@pytest.mark.parametrize("bias", [torch.randn(2 * OUTPUT)[::2], torch.randn(1).expand(OUTPUT)])
def test_a_bias_of_any_layout_is_read(taken: list[tuple[int, ...]], bias: Tensor) -> None:
    x, weight = _inputs(bias=False)
    torch.testing.assert_close(
        linear(x, weight, bias).double(), _reference(x, weight, bias), rtol=1e-4, atol=1e-4
    )
    assert taken


@pytest.mark.parametrize("shape", [(), (1,), (1, OUTPUT), (ROWS[1], OUTPUT)])
def test_another_shape_of_bias_is_torchs(taken: list[tuple[int, ...]], shape: tuple[int, ...]) -> None:
    x, weight = _inputs(bias=False)
    bias = torch.randn(shape)
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias)) and not taken


def test_only_what_is_asked_for_is_made(taken: list[tuple[int, ...]]) -> None:
    x, weight, bias = _inputs()
    made = linear(x, weight.detach(), bias)
    (in_x,) = torch.autograd.grad(made.sum(), x)
    assert {sizes[2:] for sizes in taken} == {(OUTPUT, INPUT), (INPUT, OUTPUT)}
    torch.testing.assert_close(in_x[0, 0], weight.detach().sum(0), rtol=1e-4, atol=1e-4)


def test_an_output_may_be_changed_in_place(taken: list[tuple[int, ...]]) -> None:
    x = torch.randn(1030, 67)
    for bias in (True, False):
        made = nn.Sequential(Linear(67, 71, bias=bias), nn.ReLU(inplace=True))(x)
        made.sum().backward()
        assert not made.lt(0).any() and taken


def test_small_products_and_other_types_are_torchs(taken: list[tuple[int, ...]]) -> None:
    x, weight, bias = _inputs(kind=torch.float64)
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    with pytest.raises(RuntimeError, match="dtype"):
        linear(x.float(), weight)
    assert linear(torch.zeros(0, INPUT), torch.zeros(OUTPUT, INPUT)).shape == (0, OUTPUT)
    assert linear(torch.zeros(31, 29), torch.zeros(23, 29)).shape == (31, 23)
    for rows, inputs, outputs in ((31, 997, 991), (8191, 31, 67), (8191, 67, 31)):  # one side is short
        x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
        assert torch.equal(linear(x, weight), F.linear(x, weight))
    x, y = torch.randn(8191, 31), torch.randn(8191, 67)
    with torch.no_grad():
        assert torch.equal(dense.outer(x, y), x.t() @ y) and torch.equal(dense.outer(y, x), y.t() @ x)
    assert linear(*(torch.zeros(1024, 1024, device="meta") for _ in range(2))).is_meta
    assert not taken


@pytest.mark.parametrize("columns", [3, 4, 31, 37])
@pytest.mark.parametrize("rows", [131, 1601])
def test_products_of_all_rows(taken: list[tuple[int, ...]], rows: int, columns: int) -> None:
    torch.manual_seed(1)
    x, y = torch.randn(rows, columns), torch.randn(257, columns)
    with torch.no_grad():
        made = dense.pairwise(x, y)
        assert dense.pairwise(x.double(), y.double()).dtype == torch.float64
    torch.testing.assert_close(made.double(), _reference(x, y), rtol=1e-5, atol=1e-5)
    assert bool(taken) == (columns == 37 or (rows == 1601 and columns > 3))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # by torch.func itself
def test_autocast_and_code_for_others_are_torchs(
    taken: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = _inputs()
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(*inputs).dtype == torch.bfloat16
    with monkeypatch.context() as changed:
        changed.setattr(torch.backends.mkldnn, "enabled", False)
        linear(*inputs)
    layer, x = Linear(INPUT, OUTPUT), inputs[0].detach()
    assert "mkldnn" not in str(torch.export.export(layer, (x,)).graph)
    traced = torch.jit.trace(layer, x, check_trace=False)  # type: ignore[no-untyped-call]
    assert "mkldnn" not in str(traced.graph)
    torch.func.jvp(layer, (x,), (x,))
    torch.func.vmap(layer)(x)
    assert not taken


def test_a_layer_is_compiled_in_one_graph() -> None:
    layer, x = Linear(INPUT, OUTPUT), torch.randn(*ROWS, INPUT)
    made = torch.compile(layer, fullgraph=True, backend="eager")(x)
    torch.testing.assert_close(made, layer(x), rtol=1e-4, atol=1e-4)


def test_a_layer_is_torchs(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    ours = Linear(INPUT, OUTPUT)
    theirs = nn.Linear(INPUT, OUTPUT)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(*ROWS, INPUT)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    assert taken


@pytest.mark.parametrize(
    ("maker", "capability", "unused"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AMD64 Family 26 Model 2 Stepping 1, AuthenticAMD", "AVX512_BF16", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        ("AMD64", "AVX512", False),  # Windows' name for any processor of 64 bits
        ("arm", "DEFAULT", False),
    ],
)
def test_it_is_for_avx512_that_mkl_does_not_use(
    monkeypatch: pytest.MonkeyPatch, maker: str, capability: str, unused: bool
) -> None:
    monkeypatch.setattr(dense, "maker", lambda: maker)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(dense, "_has_both", lambda: True)
    assert dense.mkl_leaves_avx512_unused.__wrapped__() == unused


def test_the_maker_is_named_by_linux_or_else_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "told", {"vendor_id": "AuthenticAMD"}.get)
    assert dense.maker() == "AuthenticAMD"
    monkeypatch.setattr(dense, "told", lambda field: "")
    assert dense.maker() == platform.processor()
