"""Figures of recordings: what they show, where, and that any text can stand in them."""

import numpy as np
import pytest

from attnrun.analysis.plots import to_pixels
from attnrun.analysis.speech_plots import spectrogram

FEATURES = np.random.default_rng(0).normal(0, 1, (53, 7))
LOOKS = np.random.default_rng(1).dirichlet(np.ones(7), 3)  # of 3 tokens over 7 states


def test_the_features_stand_over_the_seconds_that_they_take() -> None:
    figure = spectrogram(FEATURES, 0.02, title="a title")
    (axes,) = figure.axes
    (image,) = axes.images
    np.testing.assert_allclose(image.get_extent(), (0, 1.06, 0, 7))
    np.testing.assert_array_equal(image.get_array(), FEATURES.T)
    assert image.origin == "lower" and axes.get_xlabel() == "seconds"
    assert axes.get_title(loc="left") == "a title"


def test_each_token_has_a_curve_below_and_a_line_where_it_is_highest() -> None:
    figure = spectrogram(FEATURES, 0.02, ["one", "two", "six"], LOOKS, pace=8)
    above, below = figure.axes
    assert above.get_xlim() == below.get_xlim() == (0, 1.06)
    assert above.get_position().x0 == pytest.approx(below.get_position().x0)
    assert above.get_position().x1 == pytest.approx(below.get_position().x1)
    assert [text.get_text() for text in below.texts] == ["one", "two", "six"]
    for row, curve, line in zip(LOOKS, below.lines, above.lines, strict=True):
        np.testing.assert_allclose(curve.get_xdata(), [0.08 + 0.16 * place for place in range(7)])
        np.testing.assert_array_equal(curve.get_ydata(), row)
        assert line.get_xdata()[0] == pytest.approx(0.08 + 0.16 * row.argmax())
        assert line.get_color() == curve.get_color()


def test_any_text_and_many_or_no_tokens(hostile: list[str]) -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(7), len(hostile))
    for tokens, rows in ((hostile, weights), ([], weights[:0])):
        assert to_pixels(spectrogram(FEATURES, 0.02, tokens, rows, 8, " ".join(hostile))).size
