"""Linear layers are those of torch, whichever library makes the products."""

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
    made = dense._onednn

    def spy(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        shapes.append((*x.shape, *weight.shape))
        return made(x, weight, bias)

    monkeypatch.setattr(dense, "leaves_avx512_unused", lambda: True)
    monkeypatch.setattr(dense, "_onednn", spy)
    return shapes


def _inputs(bias: bool = True, kind: torch.dtype = torch.float32) -> list[Tensor | None]:
    torch.manual_seed(0)
    shapes = [(*ROWS, INPUT), (OUTPUT, INPUT), (OUTPUT,)]
    made: list[Tensor | None] = [torch.randn(shape).to(kind).requires_grad_() for shape in shapes]
    return made if bias else [*made[:2], None]


def _reference(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """One product of numbers at a time, in float64."""
    x, weight = x.detach().double(), weight.detach().double()
    made = torch.stack([sum(x[..., i] * row[i] for i in range(len(row))) for row in weight], -1)  # type: ignore[misc]
    return made if bias is None else made + bias.detach().double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("graded", [True, False])
def test_it_is_the_product(taken: list[tuple[int, ...]], bias: bool, graded: bool) -> None:
    x, weight, offset = _inputs(bias)
    with torch.set_grad_enabled(graded):
        made = linear(x, weight, offset)
    assert taken == [(*ROWS, INPUT, OUTPUT, INPUT)]
    assert made.requires_grad == graded
    torch.testing.assert_close(made.double(), _reference(x, weight, offset), rtol=1e-5, atol=1e-4)


def _gradients(make: object, inputs: list[Tensor | None], order: int) -> list[Tensor]:
    """The gradients of the sum of squares in every input, or those of their own squares' sum."""
    graded = [x for x in inputs if x is not None]
    total = make(*inputs).square().sum()  # type: ignore[operator]
    for _ in range(order - 1):
        total = sum(g.square().sum() for g in torch.autograd.grad(total, graded, create_graph=True))
    return list(torch.autograd.grad(total, graded))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_are_those_of_float64(taken: list[tuple[int, ...]], bias: bool, order: int) -> None:
    inputs = _inputs(bias)
    wide = [None if x is None else x.detach().double().requires_grad_() for x in inputs]
    expected = _gradients(F.linear, wide, order)
    for made, true in zip(_gradients(linear, inputs, order), expected, strict=True):
        torch.testing.assert_close(
            made.double() / true.abs().max(), true / true.abs().max(), rtol=0, atol=2e-6
        )
    assert len(taken) >= 3 * order  # the output, and a product for each gradient


def test_a_weight_alone_may_have_a_gradient(taken: list[tuple[int, ...]]) -> None:
    x, weight, _ = _inputs(False)
    linear(x.detach(), weight).sum().backward()  # type: ignore[union-attr]
    assert len(taken) == 2
    torch.testing.assert_close(weight.grad[5], x.detach().sum((0, 1)), rtol=1e-4, atol=1e-4)  # type: ignore[index, union-attr]


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
    torch.testing.assert_close(linear(x, weight), _reference(x, weight, None).float(), rtol=1e-4, atol=1e-4)
    assert taken


def test_small_products_and_other_types_are_torchs(taken: list[tuple[int, ...]]) -> None:
    x, weight, bias = _inputs(kind=torch.float64)
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    with pytest.raises(RuntimeError, match="dtype"):
        linear(x.float(), weight)  # type: ignore[union-attr]
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


def test_transforms_of_functions_go_through(taken: list[tuple[int, ...]]) -> None:
    x, weight, _ = _inputs(False)
    by_weight = torch.func.grad(lambda w: linear(x.detach(), w).square().sum())(weight.detach())  # type: ignore[union-attr]
    _, expected = _gradients(linear, [x, weight, None], 1)
    torch.testing.assert_close(by_weight, expected)
    assert taken


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
