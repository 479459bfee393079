"""Masks: True = may attend."""

import pytest
import torch

from attnrun.attention import (
    as_mask,
    blank,
    block_mask,
    causal_mask,
    check_mask,
    lengths_mask,
    masked_softmax,
    window_mask,
)

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


SIZES = [(5, 5), (3, 7), (7, 3), (1, 4), (0, 3), (3, 0)]


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("width", [0, 1, 2, 11])
def test_a_window_is_open_on_both_sides(n, m, width):
    expected = [[abs(j - (m - 1) - (i - (n - 1))) <= width for j in range(m)] for i in range(n)]
    assert window_mask(n, m, width=width).tolist() == expected


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("size", [1, 2, 3, 11])
def test_a_block_sees_itself(n, m, size):
    expected = [[(i + m - n) // size == j // size for j in range(m)] for i in range(n)]
    assert block_mask(n, m, size=size).tolist() == expected


def test_windows_and_blocks_are_square_by_default_and_combine_with_the_past():
    t, f = True, False
    assert window_mask(3, width=1).tolist() == [[t, t, f], [t, t, t], [f, t, t]]
    assert block_mask(3, size=2).tolist() == [[t, t, f], [t, t, f], [f, f, t]]
    assert (causal_mask(4) & window_mask(4, width=1)).sum(-1).tolist() == [1, 2, 2, 2]
    for step in range(1, 5):  # a decoder with the past kept has the last rows of the whole
        assert torch.equal(window_mask(step, 4, width=1), window_mask(4, width=1)[4 - step :])
        assert torch.equal(block_mask(step, 4, size=3), block_mask(4, size=3)[4 - step :])


def test_bad_widths_and_sizes_are_refused():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        window_mask(N, width=-1)
    with pytest.raises(ValueError, match="positive, got 0"):
        block_mask(N, size=0)


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


# check_mask: what is wrong is named, what is right is not

PADDING = lengths_mask(torch.tensor([2, M, 4]), M)  # (3, 1, M)
LEFT = PADDING.flip(-1)
RIGHT = {
    "padding": PADDING,
    "padding on the left": LEFT,
    "padding of heads": PADDING.unsqueeze(1),
    "padding to a fixed length": lengths_mask(torch.tensor([2, 3]), M),
    "padding, all queries": PADDING.expand(3, N, M),
    "one sentence, padded": lengths_mask(torch.tensor([3]), M),
    "window": window_mask(N, width=1),
    "window, last queries": window_mask(2, 6, width=2),
    "windows of heads": torch.stack([window_mask(2, 6, width=width) for width in (1, 2)]),
    "parts of sentences": lengths_mask(torch.tensor([4, 5]), M) & ~lengths_mask(torch.tensor([1, 2]), M),
    "block": block_mask(N, size=2),
    "blocks of last queries": block_mask(3, 6, size=2),
    "cross": torch.ones(N, M, dtype=torch.bool),
    "lengths": torch.tensor([2, M, 4]),
    "lengths of one and two": torch.tensor([2, 1]),
    "a length for each query": torch.tensor([[1, 2, 3], [3, 1, 2]]),
    "one row": torch.tensor([False, True, True]),
    "one flag": torch.tensor(True),
    "one place": torch.ones(1, 1, dtype=torch.bool),
    "no rows": torch.ones(0, M, dtype=torch.bool),
    "two directions": torch.stack([causal_mask(N), causal_mask(N).T]),
}
CAUSAL = {
    "causal": causal_mask(N),
    "with the past kept": causal_mask(N, M),
    "one step": causal_mask(1, M),
    "one step of a window": causal_mask(1, M) & window_mask(1, M, width=2),
    "two steps of a window": causal_mask(2, M) & window_mask(2, M, width=2),
    "padded": causal_mask(M) & PADDING,
    "padded, heads": (causal_mask(M) & PADDING).unsqueeze(1),
    "windowed": causal_mask(N) & window_mask(N, width=2),
    "own place alone": window_mask(N, width=0),
    "in blocks": causal_mask(N) & block_mask(N, size=2),
    "triu as it should be": torch.triu(torch.ones(N, N), diagonal=1) == 0,
}


@pytest.mark.parametrize("name", [*RIGHT, *CAUSAL])
def test_nothing_is_said_of_a_right_mask(name):
    assert check_mask({**RIGHT, **CAUSAL}[name]) == []


@pytest.mark.parametrize("name", CAUSAL)
def test_nothing_is_said_of_a_right_causal_mask(name):
    assert check_mask(CAUSAL[name], causal=True) == []


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("n", [2, 3, N])
def test_the_copied_triangle_the_wrong_way_round_is_named(n, causal):
    """`triu(ones, diagonal=1)` marks the future; what is kept where `mask == 0` is hidden is the future."""
    copied = torch.triu(torch.ones(n, n), diagonal=1)
    kept = ~torch.zeros(n, n).masked_fill(copied == 0, -torch.inf).isinf()
    weights = masked_softmax(torch.zeros(n, n), kept)
    assert (weights.tril() == 0).all()  # it does hide the past, as is said of it
    past, last = check_mask(kept, causal=causal)
    assert past == (
        "the mask hides exactly the past: no query sees an earlier key; "
        f"it is inverted, take causal_mask({n})"
    )
    assert last.startswith(f"1 of {n} rows see nothing and get a zero context, the first at [{n - 1}]")
    told, *same = check_mask(copied, causal=causal)
    assert told.startswith("the mask is torch.float32, a mask is boolean (True = may attend); where 1 = may")
    assert same == [past, last]
    with_itself = torch.ones(n, n, dtype=torch.bool).triu()
    assert check_mask(with_itself, causal=causal) == [past]
    assert past in check_mask(with_itself.expand(B, H, n, n), causal=causal)


def test_the_past_hidden_in_padded_sentences_and_with_the_past_kept():
    padded = ~causal_mask(M) & PADDING
    assert "hides exactly the past" in check_mask(padded)[0]
    assert "hides the past" in check_mask(padded & window_mask(M, width=2), causal=True)[0]
    kept = ~causal_mask(3, M)  # the queries stand at the last three keys
    assert "take causal_mask(3, 7)" in check_mask(kept, causal=True)[0]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("inverted", [~PADDING, ~PADDING.unsqueeze(1), (~PADDING).expand(3, N, M)])
def test_inverted_padding_is_named(inverted, causal):
    *_, padding, rows = check_mask(inverted, causal=causal)
    assert "is the padding inverted?" in padding
    assert f"{inverted[..., 0].numel() // 3} of {inverted[..., 0].numel()} rows see nothing" in rows
    assert rows.endswith("is the mask inverted?")


def test_inverted_padding_to_a_fixed_length_is_named_by_its_lengths():
    (told,) = check_mask(~lengths_mask(torch.tensor([2, 3]), M))
    assert "is the padding inverted?" in told
    (told,) = check_mask(~LEFT)  # of padding on the left the longest sentence tells
    assert told.startswith("1 of 3 rows see nothing and get a zero context, the first at [1, 0]")


@pytest.mark.parametrize("shape", [(N, N), (B, 1, M), (B, H, N, M), (M,), ()])
def test_a_mask_of_nothing_is_named_once(shape):
    assert check_mask(torch.zeros(shape, dtype=torch.bool), causal=True) == [
        "the mask permits nothing at all; is it inverted? True = may attend"
    ]


def test_rows_that_see_nothing_are_counted_and_the_first_is_named():
    mask = torch.ones(B, N, M, dtype=torch.bool)
    mask[1, 2] = mask[1, 4] = False
    assert check_mask(mask) == [
        "2 of 10 rows see nothing and get a zero context, the first at [1, 2]; is the mask inverted?"
    ]
    for lengths in ([3, 0], [1, 0], [[1], [0]]):
        (told,) = check_mask(torch.tensor(lengths))
        assert told.startswith("1 of 2 rows see nothing")
    assert check_mask(causal_mask(N).tril(-1))[0].startswith("1 of 5 rows see nothing")


def test_a_causal_mask_that_shows_the_future_is_named():
    shifted = torch.ones(N, N, dtype=torch.bool).tril(1)
    message = "query 0 sees key 1, which comes later; take mask & causal_mask(5)"
    assert check_mask(shifted, causal=True) == [message]
    assert check_mask(shifted) == []
    assert check_mask(torch.ones(N, N, dtype=torch.bool), causal=True) == [message]


def test_a_causal_mask_that_is_not_square_is_named_where_it_stands_wrong():
    at_the_first_keys = torch.ones(3, M, dtype=torch.bool).tril()
    assert check_mask(at_the_first_keys, causal=True) == [
        "no query sees the key of its own place, where causal_mask(3, 7) puts it"
    ]
    assert check_mask(torch.ones(M, 3, dtype=torch.bool).tril(), causal=True) == [
        "the mask is not square: 7 causal queries need as many keys or more, it has 3"
    ]
    strictly = check_mask(causal_mask(N).tril(-1), causal=True)
    assert strictly[0] == "no query sees the key of its own place, where causal_mask(5) puts it"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8, torch.int64])
def test_zeros_and_ones_are_no_mask(dtype):
    told = check_mask(PADDING[:, 0].to(dtype))
    assert told == [
        f"the mask is {dtype}, a mask is boolean (True = may attend); "
        "where 1 = may attend take mask.bool(), where 0 does take mask == 0"
    ]


def test_a_mask_that_is_added_to_scores_is_named_and_read_as_it_is_meant():
    added = torch.zeros(N, N).masked_fill(~causal_mask(N), -torch.inf)
    told = [
        "the mask is torch.float32, a mask is boolean (True = may attend); of one that is added to scores"
    ]
    assert [line.removesuffix(" take mask == 0") for line in check_mask(added, causal=True)] == told
    wrong = torch.zeros(N, N).masked_fill(causal_mask(N), -1e9)
    assert "hides exactly the past" in check_mask(wrong, causal=True)[1]


def test_a_checked_mask_stays_as_it_is():
    mask = PADDING.clone()
    check_mask(mask, causal=True)
    assert torch.equal(mask, PADDING)
