"""Position schemes against their formulas, one number at a time, and by what each promises."""

import importlib
import inspect
import math
import re
from pathlib import Path

import pytest
import torch
import yaml

from attnrun.attention import (
    Alibi,
    Dot,
    LearnedPositions,
    Position,
    RelativeBias,
    Rotary,
    Sinusoidal,
    masked_softmax,
)
from attnrun.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs" / "position"
FILES = sorted(CONFIGS.glob("*.yaml"))
B, H, N, M, D = 2, 3, 5, 7, 22
E = H * D


def built(path: Path, size: int = E, heads: int = H, dtype: torch.dtype = torch.float64) -> Position:
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    module, _, name = keys.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name)(size, heads, **keys).to(dtype)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def scheme(request) -> Position:
    return built(request.param)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_what_it_is_and_names_all_keys(path):
    what, source, *_ = path.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# what: \S.{9,90}", what)
    assert re.fullmatch(r"# source: \S.*\d{4}.*", source)
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    signature = inspect.signature(type(built(path)))
    named = {name for name, p in signature.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(keys) - {"_target_"} == named


def test_the_empty_scheme_does_nothing():
    none, x = Position(E, H), torch.randn(B, H, N, D)
    assert none.embed(x) is x
    assert none.rotate(x) is x
    assert none.bias(N, M) is None


def test_each_scheme_but_the_empty_one_acts_through_one_hook(scheme):
    x, heads = torch.ones(B, N, E, dtype=torch.float64), torch.ones(B, H, N, D, dtype=torch.float64)
    acts = [scheme.embed(x) is not x, scheme.rotate(heads) is not heads, scheme.bias(N, M) is not None]
    assert sum(acts) == (type(scheme) is not Position)


@pytest.mark.parametrize("cut", [0, 1, 4, N])
def test_a_part_with_its_offset_is_that_part_of_the_whole(scheme, cut):
    x, heads = torch.randn(B, N, E).double(), torch.randn(B, H, N, D).double()
    torch.testing.assert_close(scheme.embed(x[:, cut:], cut), scheme.embed(x)[:, cut:], rtol=0, atol=1e-12)
    part, whole = scheme.rotate(heads[:, :, cut:], offset=cut), scheme.rotate(heads)[:, :, cut:]
    torch.testing.assert_close(part, whole, rtol=0, atol=1e-12)
    whole_bias, part_bias = scheme.bias(N, M), scheme.bias(N - cut, M, cut)
    assert (whole_bias is None) == (part_bias is None)
    if whole_bias is not None:
        assert whole_bias.shape == (H, N, M)
        torch.testing.assert_close(part_bias, whole_bias[:, cut:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_narrow_types_keep_their_type_and_their_places(path, dtype):
    torch.manual_seed(1)
    narrow = built(path, dtype=dtype)
    exact = built(path)
    exact.load_state_dict(narrow.state_dict())
    x, heads, at = torch.randn(B, N, E, dtype=dtype), torch.randn(B, H, N, D, dtype=dtype), 401
    for given, expected in [
        (narrow.embed(x, at), exact.embed(x.double(), at)),
        (narrow.rotate(heads, at), exact.rotate(heads.double(), at)),
    ]:
        assert given.dtype == dtype
        # 401 rounded to bfloat16 is 400: its waves would be off by up to 1
        torch.testing.assert_close(given.double(), expected, rtol=2e-2, atol=2e-2)
    bias = narrow.bias(N, M, at)
    if bias is not None:
        torch.testing.assert_close(bias.double(), exact.bias(N, M, at), rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [E, 13, 1])
def test_the_waves_are_those_of_the_paper(size):
    marked = Sinusoidal(size, 1).embed(torch.zeros(B, N, size, dtype=torch.float64), offset=3)
    for place in range(N):
        for i in range(size):
            angle = (3 + place) / 10000 ** (2 * (i // 2) / size)
            expected = math.sin(angle) if i % 2 == 0 else math.cos(angle)
            assert marked[1, place, i].item() == pytest.approx(expected, abs=1e-12)


def test_waves_are_added():
    x = torch.randn(B, N, E)
    waves = Sinusoidal(E, H).embed(torch.zeros(1, N, E))
    assert torch.equal(Sinusoidal(E, H).embed(x), x + waves)


def test_learned_vectors_are_added_and_trained():
    scheme = LearnedPositions(E, H, maximum_length=11).double()
    x = torch.randn(B, N, E, dtype=torch.float64)
    marked = scheme.embed(x, offset=6)
    assert torch.equal(marked, x + scheme.table[6:11])
    marked.sum().backward()
    assert torch.equal(scheme.table.grad, torch.tensor([0.0] * 6 + [B] * N).double()[:, None].expand(11, E))


@pytest.mark.parametrize(("length", "offset"), [(12, 0), (1, 11), (N, 7)])
def test_a_place_without_a_learned_vector_is_refused_by_its_key(length, offset):
    scheme = LearnedPositions(E, H, maximum_length=11)
    with pytest.raises(
        UserError, match=rf"{length + offset} tokens .* position.maximum_length=11"
    ) as refused:
        scheme.embed(torch.zeros(B, length, E), offset)
    assert "\n" not in str(refused.value)


def test_learned_vectors_start_as_in_their_paper():
    table = LearnedPositions(997, 1, maximum_length=101).table
    assert table.std().item() == pytest.approx(0.1, rel=0.02)
    assert abs(table.mean().item()) < 0.002


@pytest.mark.parametrize("base", [10000.0, 17.0])
def test_rotary_turns_each_pair_by_its_angle(base):
    x = torch.randn(B, H, N, D, dtype=torch.float64)
    turned = Rotary(E, H, base=base).rotate(x, offset=29)
    for place in range(N):
        for i in range(D // 2):
            turn = complex(math.cos((29 + place) * base ** (-2 * i / D)), 0)
            turn += 1j * math.sin((29 + place) * base ** (-2 * i / D))
            pair = complex(x[1, 2, place, 2 * i], x[1, 2, place, 2 * i + 1]) * turn
            found = complex(turned[1, 2, place, 2 * i], turned[1, 2, place, 2 * i + 1])
            assert found == pytest.approx(pair, abs=1e-12)


def test_rotary_products_depend_on_the_distance_alone():
    rotary = Rotary(E, H)
    query, key = torch.randn(B, H, 1, D).double(), torch.randn(B, H, 1, D).double()

    def product(i: int, j: int) -> torch.Tensor:
        return rotary.rotate(query, i) @ rotary.rotate(key, j).mT

    near = product(3, 1)
    for shift in (1, 19, 1009):
        torch.testing.assert_close(product(3 + shift, 1 + shift), near, rtol=0, atol=1e-10)
    assert (product(4, 1) - near).abs().min() > 1e-4
    assert (product(1, 3) - near).abs().min() > 1e-4  # and on its sign


def test_rotary_changes_no_length_and_leaves_the_first_place():
    x = torch.randn(B, H, N, D, dtype=torch.float64)
    turned = Rotary(E, H).rotate(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=0, atol=1e-12)
    assert torch.equal(turned[:, :, 0], x[:, :, 0])


def test_rotary_gradient():
    x = torch.randn(B, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Rotary(4, 1).rotate(x, 2), x)


@pytest.mark.parametrize(("size", "heads", "told"), [(33, 3, 6), (8, 8, 16), (10, 4, 8)])
def test_rotary_refuses_heads_without_pairs(size, heads, told):
    with pytest.raises(UserError, match=rf"size {size} in {heads} heads; .* divisible by {told}$"):
        Rotary(size, heads)


@pytest.mark.parametrize("heads", [1, 2, 8, 16, 64])
def test_alibi_slopes_of_powers_of_two(heads):
    penalty = -Alibi(heads, heads).double().bias(2, 1, 0)[:, 1, 0]  # one step back
    assert penalty.tolist() == pytest.approx([2 ** (-8 * h / heads) for h in range(1, heads + 1)], rel=1e-14)


@pytest.mark.parametrize(
    ("heads", "exponents"),
    [  # as the authors' get_slopes gives them
        (3, [4, 8, 2]),
        (5, [2, 4, 6, 8, 1]),
        (12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]),
    ],
)
def test_alibi_slopes_of_other_numbers_of_heads(heads, exponents):
    penalty = -Alibi(heads, heads).double().bias(1, 2, 0)[:, 0, 1]
    assert penalty.tolist() == pytest.approx([2**-e for e in exponents], rel=1e-14)
    assert len(set(penalty.tolist())) == heads


def test_alibi_is_the_slope_times_the_distance():
    scheme = Alibi(E, H).double()
    bias = scheme.bias(N, M, 3)
    for h, slope in enumerate([2**-4, 2**-8, 2**-2]):
        expected = [[-slope * abs(3 + i - j) for j in range(M)] for i in range(N)]
        torch.testing.assert_close(bias[h], torch.tensor(expected).double(), rtol=0, atol=1e-14)
    assert not scheme.state_dict()
    assert not list(scheme.parameters())


def test_alibi_weighs_alike_keys_less_the_farther_they_are():
    weights = masked_softmax(Alibi(E, H).bias(1, M, offset=M - 1))[:, 0]
    assert (weights.diff() > 0).all()  # the last key is the nearest
    steepest = weights[2]
    assert (steepest[-1] > weights[:2, -1]).all()


def test_alibi_keeps_its_slopes_in_half_types():
    bias = Alibi(12, 12).bfloat16().bias(N, M)
    assert bias.dtype == torch.float32
    torch.testing.assert_close(bias, Alibi(12, 12).bias(N, M), rtol=0, atol=0)


def t5_bucket(step: int, buckets: int, farthest: int) -> int:
    """From the formula of the authors' code, on one number."""
    half, step_size = buckets // 2, abs(step)
    ahead, single = half if step > 0 else 0, half // 2
    if step_size < single:
        return ahead + step_size
    grown = math.log(step_size / single) / math.log(farthest / single) * (half - single)
    return ahead + min(half - 1, single + math.floor(grown + 1e-9))


@pytest.mark.parametrize(("buckets", "farthest"), [(32, 128), (12, 20), (4, 2), (16, 5), (20, 1215)])
def test_relative_bias_looks_up_the_bucket_of_each_distance(buckets, farthest):
    scheme = RelativeBias(E, H, buckets=buckets, maximum_distance=farthest).double()
    bias = scheme.bias(163, 167, offset=1)
    for h in range(H):
        for i in range(0, 163, 6):
            for j in range(0, 167, 5):
                bucket = t5_bucket(j - (i + 1), buckets, farthest)
                assert bias[h, i, j] == scheme.table[h, bucket], (i, j)


def test_relative_buckets_of_the_paper():
    scheme = RelativeBias(1, 1)
    scheme.table.data = torch.arange(32.0)[None]  # each number the name of its bucket
    behind = scheme.bias(1, 201, offset=200)[0, 0].flip(0).int().tolist()  # by distance 0, 1, 2 …
    firsts = [behind.index(bucket) for bucket in range(16)]
    assert firsts == [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]  # 8 · 2^(k/2), rounded up
    assert behind[-1] == 15
    ahead = scheme.bias(1, 201)[0, 0].int().tolist()
    assert ahead[1:] == [bucket + 16 for bucket in behind[1:]]
    assert ahead[0] == 0


def test_relative_bias_depends_on_the_distance_alone():
    bias = RelativeBias(E, H).bias(N, M)
    torch.testing.assert_close(bias[:, 1:, 1:], bias[:, :-1, :-1], rtol=0, atol=0)
    assert bias.unique().numel() == H * (N + M - 1)


def test_relative_bias_is_trained_and_starts_small():
    scheme = RelativeBias(E, H)
    scheme.bias(1, 3, offset=1).sum().backward()
    assert scheme.table.grad.sum(1).tolist() == [3] * H  # at distances -1, 0 and 1
    assert torch.equal(scheme.table.grad[0].nonzero().flatten(), torch.tensor([0, 1, 17]))
    table = RelativeBias(401, 97).table
    assert table.std().item() == pytest.approx(401**-0.5, rel=0.05)


@pytest.mark.parametrize(("buckets", "farthest"), [(30, 128), (2, 128), (32, 8), (32, 1)])
def test_relative_buckets_that_cannot_be_are_refused(buckets, farthest):
    with pytest.raises(UserError, match=rf"position.buckets .* got {buckets} and {farthest}; 32 and 128"):
        RelativeBias(E, H, buckets=buckets, maximum_distance=farthest)


def test_places_tell_alike_keys_apart(scheme):
    """Over alike tokens the scores are alike, but for what the scheme says of their places."""
    marked = scheme.embed(torch.ones(1, M, E, dtype=torch.float64))
    parted = scheme.rotate(marked.unflatten(-1, (H, D)).transpose(1, 2))
    scores = Dot(D, D)(parted, parted) + (0 if scheme.bias(M, M) is None else scheme.bias(M, M))
    spread = scores.amax(-1) - scores.amin(-1)
    assert (spread > 1e-3).all() if type(scheme) is not Position else (spread == 0).all()
