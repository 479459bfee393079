"""Rows of tokens whose ground tells how strongly each was looked at."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnrun.analysis.plots import PALETTE, to_pixels
from attnrun.analysis.strips import Strip, strips


def grounds(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_token_stands_on_its_colour_as_strong_as_its_strength() -> None:
    row = Strip("said", ["a", " ", "bee"], [0.5, 1.0, 0.0], colours=[2, 0, len(PALETTE) + 1])
    figure = strips([row, Strip("", ["d"], [0.2])])
    assert texts(figure) == ["said", "a", "␣", "bee", "", "d"]
    found = grounds(figure)
    assert [one.get_alpha() for one in found] == pytest.approx([0.375, 0.75, 0.0, 0.15])
    wanted = [PALETTE[2], PALETTE[0], PALETTE[1], PALETTE[0]]
    assert [to_hex(one.get_facecolor()) for one in found] == [to_hex(one) for one in wanted]
    ends = [(one.get_x(), one.get_x() + one.get_width()) for one in found[:3]]
    assert ends[0][1] <= ends[1][0] < ends[1][1] <= ends[2][0]
    assert found[3].get_y() > found[0].get_y()


def test_notes_stand_below_their_tokens() -> None:
    figure = strips([Strip("", ["fish", "swim"], [1, 1], notes=["NOUN", ""])], "tags")
    token, note = (
        next(one for one in figure.axes[0].texts if one.get_text() == name) for name in ("fish", "NOUN")
    )
    assert token.get_position()[0] == note.get_position()[0]
    assert token.get_position()[1] < note.get_position()[1]


def test_tokens_that_do_not_fit_are_left_out() -> None:
    figure = strips([Strip("", ["word"] * 500, [1.0] * 500)])
    found = grounds(figure)
    assert 10 < len(found) < 500
    assert found[-1].get_x() + found[-1].get_width() <= figure.axes[0].get_xlim()[1]


def test_text_stays_text(hostile: list[str]) -> None:
    rows = [Strip(token, [token, token], [0.5, 1.0]) for token in hostile]
    figure = strips(rows, hostile[0])
    assert to_pixels(figure).std() > 1
    for shown in texts(figure):
        assert len(shown) <= 40 and not {"\x1b", "\x07", "\n", "\u202e"} & set(shown)


def test_no_rows_are_an_empty_picture() -> None:
    assert to_pixels(strips([])).size > 0
