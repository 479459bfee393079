"""From the tokens of a model to the words that a person counts, whatever the pieces."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_BEGIN, _JOINED = "▁", "￭"  # tokenisers' marks of a word's beginning, and of a word that is joined to another

Array = NDArray[np.float32]
Groups = Sequence[Sequence[int]]


def pieces_of(tokens: Sequence[str], words: Sequence[str]) -> list[list[int]]:
    """Return for each word the places of the tokens that hold letters of it.

    Both are cuts of one text, told apart by counting letters; the tokens may be lower-cased. A token over two
    words belongs to both, one without letters to the word at its place.

    Raises:
        ValueError: the two are not of one text.
    """
    sizes, ends = _same_length(tokens, words)
    found: list[list[int]] = [[] for _ in words]
    begin = 0
    for place, size in enumerate(sizes):
        last = bisect_right(ends, begin + max(size, 1) - 1)
        for word in range(bisect_right(ends, begin), min(last, len(words) - 1) + 1):
            found[word].append(place)
        if begin == (ends or [0])[-1] and found:  # without letters, after all of them
            found[-1].append(place)
        begin += size
    return found


def _same_length(tokens: Sequence[str], words: Sequence[str]) -> tuple[list[int], list[int]]:
    """How many letters each token has, and where each word ends: what is a mark shows in the sum."""
    plain = [word.removeprefix(_JOINED) or word for word in words]
    unmarked = [token.removeprefix(_BEGIN) for token in tokens]
    for letters in (unmarked, tokens):
        for written in (plain, [word.lower() for word in plain]):  # lower case can be longer
            sizes, ends = list(map(_letters, letters)), list(accumulate(map(_letters, written)))
            if sum(sizes) == (ends[-1] if ends else 0):
                return sizes, ends
    raise ValueError(f"{' '.join(tokens)[:60]!r} is not cut from {' '.join(plain)[:60]!r}")


def _letters(text: str) -> int:
    return len("".join(text.split()))


def between_words(weights: Array, queries: Groups, keys: Groups) -> Array:
    """Return weights (..., N, M) between tokens as weights between words.

    The tokens of each word, as `pieces_of` gives them: weights of its keys are added, of its queries
    averaged, so that a row of a word still adds up to what its tokens' rows do.
    """
    columns = np.stack([weights[..., list(group)].sum(-1) for group in keys], -1)
    return np.stack([columns[..., list(group), :].mean(-2) for group in queries], -2)


def by_shift(look: Array, queries: Groups, keys: Groups) -> dict[int, Array]:
    """Return the weights between words of a look (..., N + 1, M), whose last row is for the end.

    Under 0 where the model looked to write each word, under 1 where it looked after it.
    """
    return {
        0: between_words(look[..., :-1, :], queries, keys),
        1: between_words(look[..., 1:, :], queries, keys),
    }
