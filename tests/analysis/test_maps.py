"""Attention maps as values."""

import math
from pathlib import Path

import numpy as np
import pytest

from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.errors import UserError


def example(queries: int = 3, keys: int = 5, layers: int = 2, heads: int = 7) -> AttentionMap:
    weights = np.random.default_rng(0).dirichlet(np.ones(keys), size=(layers, heads, queries))
    return AttentionMap([f"q{i}" for i in range(queries)], [f"k{i}" for i in range(keys)], weights, "title")


def test_weights_become_float32_with_layers_and_heads() -> None:
    attention_map = AttentionMap(["a", "b"], ["x", "y", "z"], [[1, 0, 0], [0, 0, 1]])
    assert attention_map.weights.shape == (1, 1, 2, 3)
    assert attention_map.weights.dtype == np.float32
    assert attention_map.head().tolist() == [[1, 0, 0], [0, 0, 1]]


def test_head_and_mean() -> None:
    attention_map = example()
    np.testing.assert_array_equal(attention_map.head(1, 4), attention_map.weights[1, 4])
    by_hand = sum(attention_map.head(layer, head) for layer in range(2) for head in range(7)) / 14
    np.testing.assert_allclose(attention_map.mean(), by_hand, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 1), (1, 1, 3, 2), (6,)])
def test_labels_must_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(L, H, 2, 3\)"):
        AttentionMap(["a", "b"], ["x", "y", "z"], np.zeros(shape))


def test_entropy_by_hand() -> None:
    rows = [
        [1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.25, 0.25, 0], [0, 0, 0, 0],
        [0, 0.25, 0.25, 0], [math.nan, 1, 0, 0],
    ]  # fmt: skip
    entropy = AttentionMap("abcdef", "wxyz", rows).entropy()
    assert entropy.shape == (1, 1, 6)
    expected = [0, math.log(4), 1.5 * math.log(2), math.nan, math.log(2), math.nan]
    np.testing.assert_allclose(entropy[0, 0], expected, rtol=1e-6)


def test_file_gives_back_the_map(tmp_path: Path, hostile: list[str]) -> None:
    queries, keys = [*hostile, "ends in NUL\0"], hostile[:11]
    weights = np.random.default_rng(1).random((2, 3, len(queries), 11), dtype=np.float32)
    path = tmp_path / "made" / "map.npz"
    AttentionMap(queries, keys, weights, "\ud800 $t$").save(path)
    read = AttentionMap.load(path)
    assert (read.queries, read.keys, read.title) == (queries, keys, "\ud800 $t$")
    np.testing.assert_array_equal(read.weights, weights)
    assert [file.name for file in path.parent.iterdir()] == ["map.npz"]


def test_bad_files_are_the_users_mistake(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    example().save(good)
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", weights=np.zeros((1, 1)))
    np.savez(tmp_path / "list.npz", weights=np.zeros((1, 1)), labels=np.frombuffer(b"[]", dtype=np.uint8))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for path in [*tmp_path.glob("[!g]*"), tmp_path / "absent.npz"]:
        with pytest.raises(UserError, match=path.name):
            AttentionMap.load(path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "pickle.npz"
    np.savez(path, weights=np.array([{"a": 1}], dtype=object), labels=np.array(["x"], dtype=object))
    with pytest.raises(UserError, match="not an attention map"):
        AttentionMap.load(path)


def test_layers_and_heads_are_chosen_in_the_order_asked_for() -> None:
    weights = np.arange(3 * 5 * 2 * 7, dtype=np.float32).reshape(3, 5, 2, 7)
    whole = AttentionMap(list("ab"), list("cdefghi"), weights, "title")
    assert np.array_equal(whole.choose([2], [4, 0]).weights, weights[[2]][:, [4, 0]])
    assert np.array_equal(whole.choose(None, None).weights, weights)
    assert whole.choose([1], None).title == "title"
    with pytest.raises(UserError, match="no layer 3; this model has 3"):
        whole.choose([0, 3], None)
    with pytest.raises(UserError, match="no head -1"):
        whole.choose(None, [-1])


def test_without_attention_there_is_nothing_to_advise() -> None:
    with pytest.raises(UserError) as caught:
        attention_maps(["a"], [["b"]], [["c"]], [None], None, None)
    assert str(caught.value) == "this model has no attention to show"
