"""The largest of a row, against torch's own."""

import pytest
import torch

from attnrun.models.largest import largest


@pytest.mark.parametrize("size", [1, 7, 64, 130, 2003])
@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64])
def test_equals_topk(size: int, count: int, dtype: torch.dtype) -> None:
    x = torch.rand(11, size, generator=torch.Generator().manual_seed(0)).argsort(1).to(dtype)
    count = min(count, size)
    values, places = largest(x, count)
    expected = x.topk(count, 1)
    assert torch.equal(values, expected.values)
    assert torch.equal(places, expected.indices)


@pytest.mark.parametrize("start", [0, 61, 1990])
def test_the_largest_may_all_stand_side_by_side(start: int) -> None:
    x = torch.zeros(3, 2003)
    x[:, start : start + 5] = torch.tensor([2.0, 5.0, 1.0, 4.0, 3.0])
    values, places = largest(x, 5)
    assert values.tolist() == [[5.0, 4.0, 3.0, 2.0, 1.0]] * 3
    assert places.tolist() == [[start + 1, start + 3, start + 4, start, start + 2]] * 3


def test_of_equal_numbers_each_is_found_once() -> None:
    x = torch.full((2, 700), -torch.inf)
    x[:, ::3] = 1.0
    values, places = largest(x, 5)
    assert (values == 1).all()
    assert all(len(set(row)) == 5 and not any(place % 3 for place in row) for row in places.tolist())
