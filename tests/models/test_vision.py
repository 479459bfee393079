"""Models of images: the vision Transformer from the paper's equations, one number at a time, in float64.

Sizes: B 2, K 3, patches of 2 x 2 in a grid of 5 x 7, model 12 of 3 heads, feed-forward 13, C 11.
"""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnrun.attention import (
    Additive,
    Alibi,
    Block,
    Heads,
    LearnedPositions,
    Mechanism,
    Position,
    RelativeBias,
    Rotary,
    ScaledDot,
    Sinusoidal,
    Window,
)
from attnrun.errors import UserError
from attnrun.models.linear import best_linear, fit_linear, share_right
from attnrun.models.vision import SmallConvolutional, VisionTransformer

SHAPE = (2, 3, 10, 14)
POSITIONS = (Position, LearnedPositions, Sinusoidal, Rotary, Alibi, RelativeBias)


def make(position: Any = LearnedPositions, attention: Any = ScaledDot, **keys: Any) -> VisionTransformer:
    torch.manual_seed(3)
    mechanism = Mechanism(
        attention=attention,
        position=position,
        heads=Heads(3, projections=True),
        **({"mask": keys.pop("mask")} if "mask" in keys else {}),
    )
    keys = {"patch": 2, "size": 12, "layers": 2, "feedforward": 13, "dropout": 0.0, **keys}
    model = VisionTransformer(3, 11, mechanism, **keys).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # tokens and biases start at zero
    return model


def images() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


# From the paper


def linear(layer: nn.Linear, x: list[float]) -> list[float]:
    bias = [0.0] * layer.out_features if layer.bias is None else layer.bias.tolist()
    return [
        b + sum(w * one for w, one in zip(row, x, strict=True))
        for row, b in zip(layer.weight.tolist(), bias, strict=True)
    ]


def normed(layer: nn.LayerNorm, x: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((one - mean) ** 2 for one in x) / len(x) + layer.eps)
    parts = zip(x, layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [(one - mean) / spread * w + b for one, w, b in parts]


def gelu(x: float) -> float:
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def plus(a: list[float], b: list[float]) -> list[float]:
    return [x + y for x, y in zip(a, b, strict=True)]


def reference(model: VisionTransformer, image: Tensor, token: bool) -> tuple[list[float], list[Any]]:
    """Logits (C,) and weights (L, H, N, N): Dosovitskiy et al. 2021, equations 1 to 4."""
    z = [model.token.tolist()] if token else []
    for row in range(5):
        for column in range(7):
            pixels = [
                float(image[channel, 2 * row + y, 2 * column + x])
                for channel in range(3)
                for y in range(2)
                for x in range(2)
            ]
            z.append(linear(model.embedding, pixels))
    z = [plus(one, model.encoder.position.table[place].tolist()) for place, one in enumerate(z)]
    looks = []
    for layer in model.encoder.layers:
        mixed, heads = attention(layer.self_attention, z)
        looks.append(heads)
        z = [plus(one, change) for one, change in zip(z, mixed, strict=True)]
        block = layer.feedforward
        for place, one in enumerate(z):
            wide = [gelu(value) for value in linear(block.widen, normed(block.residual.norm, one))]
            z[place] = plus(one, linear(block.narrow, wide))
    z = [normed(model.encoder.norm, one) for one in z]
    pooled = z[0] if token else [sum(values) / len(z) for values in zip(*z, strict=True)]
    return linear(model.output, pooled), looks


def attention(layer: Any, z: list[list[float]]) -> tuple[list[list[float]], list[Any]]:
    """Three heads of size 4 over the normed z: what each place gets, and the weights (H, N, N)."""
    multi = layer.attention
    read = [normed(layer.residual.norm, one) for one in z]
    q, k, v = ([linear(W, one) for one in read] for W in (multi.W_q, multi.W_k, multi.W_v))
    joined: list[list[float]] = [[] for _ in z]
    heads = []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        rows = []
        for place, query in enumerate(q):
            scores = [sum(a * b for a, b in zip(query[part], key[part], strict=True)) / 2 for key in k]
            exps = [math.exp(score - max(scores)) for score in scores]
            row = [value / sum(exps) for value in exps]
            rows.append(row)
            joined[place] += [
                sum(w * value[part][i] for w, value in zip(row, v, strict=True)) for i in range(4)
            ]
        heads.append(rows)
    return [linear(multi.W_o, one) for one in joined], heads


@pytest.mark.parametrize("pooling", ["token", "mean"])
def test_it_is_the_paper_s_from_one_number_to_the_next(pooling: str) -> None:
    model = make(pooling=pooling)
    logits, weights = model.look(images(), need_weights=True)
    places = 35 + (pooling == "token")
    assert logits.shape == (2, 11) and weights is not None and weights.shape == (2, 2, 3, places, places)
    assert torch.equal(model(images()), model.look(images())[0]) and model.look(images())[1] is None
    for row, image in enumerate(images()):
        expected, looks = reference(model, image, pooling == "token")
        torch.testing.assert_close(logits[row], torch.tensor(expected).double(), atol=1e-6, rtol=0)
        torch.testing.assert_close(weights[row].float(), torch.tensor(looks), atol=1e-6, rtol=0)
    torch.testing.assert_close(model(images()), logits, atol=1e-12, rtol=0)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("attention", [ScaledDot, partial(Additive, hidden=5)])
def test_an_image_does_not_depend_on_its_batch_and_its_gradient_reaches_all(
    position: Any, attention: Any
) -> None:
    model = make(position, attention)
    both = model(images())
    torch.testing.assert_close(model(images()[1:]), both[1:], atol=1e-12, rtol=0)
    both.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_without_positions_the_patches_are_a_set() -> None:
    given = images()
    moved = given.clone()
    moved[:, :, :2, :2], moved[:, :, 8:, 12:] = given[:, :, 8:, 12:], given[:, :, :2, :2]
    for position, same in ((Position, True), (LearnedPositions, False), (Alibi, False)):
        model = make(position)
        assert torch.allclose(model(moved), model(given), atol=1e-12) is same


@pytest.mark.parametrize("mask", [partial(Window, width=2), partial(Block, size=3)])
def test_a_window_goes_with_the_mean_alone(mask: Any) -> None:
    with pytest.raises(UserError, match=r"^mask: .*model\.pooling=mean"):
        make(mask=mask)
    _, weights = make(mask=mask, pooling="mean").look(images(), need_weights=True)
    assert weights is not None and not weights[..., 0, 5:].any() and weights[..., 0, :2].all()


def test_images_that_patches_do_not_part_are_refused() -> None:
    model = make()
    assert model.grid(10, 14) == (5, 7)
    with pytest.raises(UserError, match=r"model\.patch=2 does not divide images of 11 x 14 pixels"):
        model(torch.zeros(1, 3, 11, 14).double())
    few = make(partial(LearnedPositions, maximum_length=35))
    with pytest.raises(UserError, match=r"makes 36 places of 10 x 14 pixels, .* know 35"):
        few(images())
    assert make(partial(LearnedPositions, maximum_length=35), pooling="mean")(images()).shape == (2, 11)


def test_what_a_model_cannot_use_is_refused() -> None:
    with pytest.raises(UserError, match="cannot do without attention"):
        VisionTransformer(1, 2, Mechanism())
    for parts, reason in (
        ({"attention": ScaledDot}, "set attention=none"),
        ({"position": LearnedPositions}, "set position=none"),
        ({"heads": Heads(4)}, "set heads=single"),
        ({"mask": partial(Window, width=2)}, "set mask=full"),
    ):
        with pytest.raises(UserError, match=reason):
            SmallConvolutional(1, 2, Mechanism(**parts))  # type: ignore[arg-type]


# The models that take no attention


def test_the_convolutional_network_equals_the_library_s_layers() -> None:
    torch.manual_seed(3)
    model = SmallConvolutional(3, 11, Mechanism(), width=5, layers=3, dropout=0.3).double().eval()
    x = images()[..., :13]
    logits, weights = model.look(x, need_weights=True)
    first, second, third = model.layers
    pool = nn.MaxPool2d(2, ceil_mode=True)
    x = pool(second(pool(first(x).relu())).relu())
    expected = model.output(third(x).relu().flatten(2).mean(-1))
    assert weights is None and logits.shape == (2, 11) and model.grid(10, 13) == (1, 1)
    torch.testing.assert_close(logits, expected, atol=1e-12, rtol=0)
    assert [layer.weight.shape[:2] for layer in model.layers] == [(5, 3), (10, 5), (20, 10)]


def test_a_regression_is_the_library_s() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = torch.Generator().manual_seed(1)
    y = torch.arange(97) % 3
    x = torch.randn(97, 7, generator=generator, dtype=torch.float64) + torch.nn.functional.one_hot(y, 7)
    model = fit_linear(x, y, 3, penalty=0.1)
    library = LogisticRegression(C=1 / (0.1 * 97), tol=1e-10, max_iter=10_000).fit(x.numpy(), y.numpy())
    expected = torch.from_numpy(library.coef_)
    torch.testing.assert_close(
        model.weight - model.weight.mean(0), expected - expected.mean(0), atol=1e-5, rtol=0
    )
    assert share_right(model, x, y) == pytest.approx(library.score(x.numpy(), y.numpy()))
    assert not model.weight.requires_grad


def test_the_penalty_is_the_one_that_serves_best() -> None:
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(31) % 2
    x, other = (torch.randn(31, 29, generator=generator) + 0.5 * y[:, None] for _ in range(2))
    shares = [share_right(fit_linear(x, y, 2, penalty), other, y) for penalty in (1e-4, 10.0)]
    assert shares[0] < shares[1]
    assert share_right(best_linear((x, y), (other, y), 2, (1e-4, 10.0)), other, y) == shares[1]
