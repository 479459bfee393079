"""Figures of language models."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from attnrun.analysis.canvas import INK, fitted
from attnrun.analysis.plots import PALETTE, legend, new_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def context_curve(bits: ArrayLike, ngram: float, title: str = "") -> "Figure":
    """Draw the mean bits a character against how many characters a model had seen before it.

    Args:
        bits: (N,), after 0, 1, … N - 1 characters; NaN where none was predicted.
        ngram: what n-grams need, with all the characters that they use.
        title: shown above.
    """
    values = np.asarray(bits, dtype=np.float64)
    figure, axes = new_curves("characters seen before", "bits a character", title)
    axes.plot(np.arange(len(values)), values, color=PALETTE[0], linewidth=2, label="the model")
    axes.axhline(ngram, color=INK, linewidth=1.2, linestyle="--", label="n-grams")
    axes.set_ylim(bottom=0)
    legend(axes)
    return fitted(figure)
