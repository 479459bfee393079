"""Masks: True = may attend."""

import pytest
import torch

from attnrun.attention import as_mask, blank, causal_mask, lengths_mask

B, H, N, M = 2, 3, 5, 7


def test_one_length_a_sequence():
    mask = lengths_mask(torch.tensor([0, 3]), 5)
    assert mask.tolist() == [[[False] * 5], [[True] * 3 + [False] * 2]]


def test_one_length_a_query():
    mask = lengths_mask(torch.tensor([[1, 3, 0], [2, 4, 4]]), 4)
    assert mask.shape == (2, 3, 4)
    assert mask.sum(-1).tolist() == [[1, 3, 0], [2, 4, 4]]
    assert mask[0, 1].tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        (torch.tensor([-1, 2]), "0..7"),
        (torch.tensor([2, 8]), "0..7"),
        (torch.tensor(3), "(B,) or (B, N)"),
        (torch.ones(2, 3, 5, dtype=torch.long), "(2, 3, 5)"),
        (torch.tensor([2.0, 3.0]), "float32"),
        (torch.tensor([True, False]), "bool"),
        (torch.tensor([1, 0], dtype=torch.uint8), "uint8"),
    ],
)
def test_bad_lengths_are_refused(lengths, told):
    with pytest.raises(ValueError, match="lengths must") as refused:
        lengths_mask(lengths, M)
    assert told in str(refused.value)


def test_the_full_length_and_no_batch_are_lengths_too():
    assert lengths_mask(torch.tensor([M]), M).all()
    assert lengths_mask(torch.zeros(0, dtype=torch.long), M).shape == (0, 1, M)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (3, 7), (7, 3), (1, 4)])
def test_causal_mask_ends_with_the_last_key(n, m):
    expected = [[j - (m - 1) <= i - (n - 1) for j in range(m)] for i in range(n)]
    assert causal_mask(n, m).tolist() == expected


def test_causal_mask_is_square_by_default():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize(
    "shape", [(), (M,), (1, M), (N, M), (N, 1), (1, N, M), (B, 1, 1, M), (H, 1, M), (B, H, N, M)]
)
def test_any_broadcastable_boolean_is_a_mask(shape):
    given = torch.rand(shape) < 0.5
    mask = as_mask(given, (B, H, N, M))
    assert mask.dim() == 4
    assert torch.equal(mask.expand(B, H, N, M), given.expand(B, H, N, M))


def test_lengths_belong_to_the_first_axis_of_the_scores():
    lengths = torch.tensor([1, 6])
    expected = lengths_mask(lengths, M).unsqueeze(1).expand(B, B, N, M)
    # as many heads as sequences: aligned from the right, lengths would fall on the heads
    assert torch.equal(as_mask(lengths, (B, B, N, M)).expand(B, B, N, M), expected)
    by_query = torch.randint(0, M + 1, (B, N))
    expected = lengths_mask(by_query, M).unsqueeze(1).expand(B, H, N, M)
    assert torch.equal(as_mask(by_query, (B, H, N, M)).expand(B, H, N, M), expected)


def test_no_mask_permits_everything():
    mask = as_mask(None, (B, N, M))
    assert mask.shape == (B, N, M)
    assert mask.dtype == torch.bool
    assert mask.all()


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(N, M),
        torch.ones(B, N, M, dtype=torch.uint8),
        torch.ones(M, N, dtype=torch.bool),
        torch.ones(N, B, M, dtype=torch.bool),
        torch.ones(H, B, N, M, dtype=torch.bool),
        torch.tensor([1, 2, 3]),
        torch.ones(B, N + 1, dtype=torch.long),
        torch.tensor(2),
    ],
    ids=lambda mask: f"{mask.dtype}{tuple(mask.shape)}",
)
def test_what_is_no_mask_of_these_scores_is_refused(mask):
    with pytest.raises(ValueError, match=r"mask|lengths"):
        as_mask(mask, (B, N, M))


def test_a_mask_does_not_enlarge_the_scores():
    with pytest.raises(ValueError, match=r"mask \(2, 5, 7\) does not broadcast to scores .* \(1, 5, 7\)"):
        as_mask(torch.ones(B, N, M, dtype=torch.bool), (1, N, M))


def test_lengths_need_a_batch():
    with pytest.raises(ValueError, match="valid lengths need scores"):
        as_mask(torch.tensor([1, 2, 3, 4, 5]), (N, M))


def test_blank_stops_nan_in_both_directions():
    rows = torch.tensor([[1.0, 2.0], [torch.nan, torch.inf]], requires_grad=True)
    blanked = blank(rows, torch.tensor([True, False]))
    (blanked * torch.nan).sum().backward()
    assert blanked.tolist() == [[1, 2], [0, 0]]
    assert rows.grad[1].tolist() == [0, 0]
