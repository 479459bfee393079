"""From the tokens of a model to the words that a person counts, whatever the pieces."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_MARKS = str.maketrans("", "", "▁￭")  # signs of where a word begins, or is joined to another: no letters

Array = NDArray[np.float32]
Groups = Sequence[Sequence[int]]


def pieces_of(tokens: Sequence[str], words: Sequence[str]) -> list[list[int]]:
    """Return for each word the places of the tokens that hold letters of it.

    Both are cuts of one text, told apart by counting letters; the tokens may be lower-cased. A token over two
    words belongs to both, one without letters to the word at its place.

    Raises:
        ValueError: the two are not of one text.
    """
    ends = list(accumulate(map(_letters, tokens)))
    letters, sizes = ends[-1] if ends else 0, list(map(_letters, words))
    if sum(sizes) != letters:  # lower case can be longer
        sizes = [_letters(word.lower()) for word in words]
    if sum(sizes) != letters:
        raise ValueError(f"{letters} letters in tokens are not the {sum(sizes)} of words")
    begins = [0, *ends]
    found, begin = list[list[int]](), 0
    for end in accumulate(sizes):
        found.append([place for place in range(len(ends)) if _meet(begins[place], ends[place], begin, end)])
        begin = end
    return found


def _letters(token: str) -> int:
    return len("".join(token.translate(_MARKS).split()))


def _meet(begin: int, end: int, word_begin: int, word_end: int) -> bool:
    if begin == end:
        return word_begin <= begin < word_end
    return begin < word_end and end > word_begin


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
