"""Figures and pictures of heads, against loops in float64."""

import io
import math

import numpy as np
import pytest
from matplotlib.image import imread

from attnrun.analysis.head_figures import head_figures
from attnrun.analysis.head_pictures import HeadPicture
from attnrun.analysis.maps import AttentionMap

LAYERS, HEADS = 2, 3


def drawn(queries: int, keys: int, seed: int) -> AttentionMap:
    """Weights that do not sum to 1, some of them 0; the first query of the last head looks nowhere."""
    generator = np.random.default_rng(seed)
    weights = generator.random((LAYERS, HEADS, queries, keys)) ** 3
    weights[generator.random(weights.shape) < 0.2] = 0
    weights[-1, -1, 0] = 0
    labels = [f"q{n}" for n in range(queries)], [f"k{n}" for n in range(keys)]
    return AttentionMap(*labels, weights.astype(np.float32), "title")


def of_row(row: list[float], query: int, queries: int) -> dict[str, float]:
    total, keys = sum(row), len(row)
    shares = [weight / total for weight in row]
    entropy = -sum(share * math.log(share) for share in shares if share)
    place = (query + 0.5) * keys / queries - 0.5
    return {
        "entropy": entropy,
        **({"entropy_share": entropy / math.log(keys)} if keys > 1 else {}),
        "largest": max(row),
        "distance": sum(share * abs(place - key) for key, share in enumerate(shares)),
    }


def test_the_figures_are_those_of_a_loop_over_all_queries() -> None:
    maps = [drawn(5, 7, 0), drawn(11, 3, 1), drawn(13, 1, 2)]
    found = head_figures(maps)
    assert list(found) == ["entropy", "entropy_share", "largest", "distance"]
    for layer, head in np.ndindex(LAYERS, HEADS):
        kept: dict[str, list[float]] = {}
        for one in maps:
            for query, row in enumerate(one.head(layer, head).astype(np.float64).tolist()):
                for name, value in of_row(row, query, len(one.queries)).items() if sum(row) else ():
                    kept.setdefault(name, []).append(value)
        for name, values in kept.items():
            assert found[name][layer, head] == pytest.approx(sum(values) / len(values), rel=1e-12)


def test_a_query_is_where_its_number_says_where_both_sides_are_one() -> None:
    weights = np.eye(5, k=2) + np.eye(5, k=-2)  # each looks two places away, on one side or on both
    found = head_figures([AttentionMap("abcde", "abcde", weights)])
    assert found["distance"].tolist() == [[2.0]]
    assert "distance" not in head_figures([AttentionMap("abcde", "abcde", weights)], ordered=False)


def test_what_looks_nowhere_has_no_figure() -> None:
    found = head_figures([AttentionMap("ab", "abc", np.zeros((2, 3)))])
    assert all(np.isnan(values).all() for values in found.values())
    assert head_figures([]) == {}


def test_a_picture_changes_in_its_cells_alone() -> None:
    first, second = drawn(5, 7, 0), drawn(5, 7, 3)
    picture = HeadPicture(first)
    one, other, again = (picture.png(shown) for shown in (first, second, first))
    assert one == again != other
    assert one == HeadPicture(first).png(first)
    pixels, others = (imread(io.BytesIO(png)) for png in (one, other))
    changed = (pixels != others).any(-1)
    assert pixels.shape == others.shape and 0.1 < changed.mean() < 0.9
    assert not changed[:, 0].any() and not changed[0].any()  # the margin
    assert picture.fits(second) and not picture.fits(drawn(5, 11, 0))


def test_a_head_that_is_bright_is_bright_in_its_own_place() -> None:
    """Two layers of two heads: what one of them does shows in one quarter of the cells, and nowhere else."""
    labels = [f"q{n}" for n in range(30)], [f"k{n}" for n in range(30)]  # too many to be named
    dark = AttentionMap(*labels, np.zeros((2, 2, 30, 30)))
    picture = HeadPicture(dark)
    before = imread(io.BytesIO(picture.png(dark)))
    lit = {}
    for layer, head in np.ndindex(2, 2):
        weights = np.zeros((2, 2, 30, 30))
        weights[layer, head] = 1
        after = imread(io.BytesIO(picture.png(AttentionMap(*labels, weights))))
        rows, columns = (after != before).any(-1).nonzero()
        assert (after[rows, columns] == after[rows[0], columns[0]]).all()  # one colour
        lit[layer, head] = rows.min(), rows.max(), columns.min(), columns.max()
        assert len(rows) == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert len(rows) > 0.15 * before[..., 0].size
    for (layer, head), (top, bottom, left, right) in lit.items():
        assert (top, bottom) == lit[layer, 1 - head][:2] and (left, right) == lit[1 - layer, head][2:]
        assert right < lit[layer, 1][2] if head == 0 else left > lit[layer, 0][3]
        assert bottom < lit[1, head][0] if layer == 0 else top > lit[0, head][1]


def test_hostile_tokens_are_drawn_as_text() -> None:
    labels = ["$x$", "\x1b[31m", "a\tb\n", "\u202e", ""]
    shown = AttentionMap(labels, labels, np.full((5, 5), 0.2), "$\\frac{$")
    assert HeadPicture(shown).png(shown).startswith(b"\x89PNG")
