"""Which layer, head and shift align best."""

import numpy as np

from attnrun.analysis.aligning import Gold, extractor, rank


def one_hot(places: list[int], keys: int) -> np.ndarray:
    return np.eye(keys, dtype=np.float32)[places]


def looks(right: tuple[int, int, int]) -> list[dict[int, np.ndarray]]:
    """Of two pairs, 2 layers of 3 heads: at random but for one layer, head and shift, which sees the gold."""
    rng = np.random.default_rng(1)
    found = []
    for places, keys in (([2, 0, 4, 1], 5), ([1, 0, 2], 3)):
        rows = {
            shift: rng.dirichlet(np.full(keys, 0.3), size=(2, 3, len(places))).astype(np.float32)
            for shift in (0, 1)
        }
        layer, head, shift = right
        rows[shift][layer, head] = one_hot(places, keys)
        found.append(rows)
    return found


GOLD = Gold([[(2, 0), (0, 1), (4, 2), (1, 3)], [(1, 0), (0, 1), (2, 2)]], [(), ()])


def test_the_one_that_sees_the_gold_comes_first() -> None:
    for right in ((0, 0, 0), (1, 2, 0), (0, 1, 1), (1, 0, 1)):
        ranked = rank(looks(right), GOLD, extractor(None))
        first = ranked[0]
        assert ((first.layer, first.head, first.shift), first.aer) == (right, 0.0)
        assert len(ranked) == 2 * (1 + 6)
        assert [choice.aer for choice in ranked] == sorted(choice.aer for choice in ranked)
        assert first.read(looks(right)[0]).shape == (1, 1, 4, 5)
        assert extractor(0.5)(first.read(looks(right)[1])) == [(1, 0), (0, 1), (2, 2)]


def test_the_mean_comes_before_heads_that_are_no_better_and_a_single_head_has_no_mean() -> None:
    same = [{0: np.broadcast_to(one_hot([1, 0], 2), (2, 2, 2, 2)).copy()}]
    ranked = rank(same, Gold([[(1, 0), (0, 1)]], [()]), extractor(None))
    assert (ranked[0].layer, ranked[0].aer, len(ranked)) == (None, 0.0, 5)
    assert ranked[0].read(same[0]).shape == (2, 2, 2, 2)
    single = [{0: one_hot([1, 0], 2)[None, None]}]
    assert len(rank(single, Gold([[(1, 0)]], [()]), extractor(None))) == 1
