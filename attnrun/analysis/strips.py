"""Figures of tokens: how strongly each was looked at, or what each was taken for. Texts are escaped here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attnrun.analysis.canvas import INK, fitted, fonts, new_figure, set_title
from attnrun.analysis.plots import PALETTE
from attnrun.escape import for_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _LETTER = 0.3, 0.105  # inches, a row of tokens and the mean width of a character
_WIDEST = 9.0  # inches of tokens
_TITLE_ROOM = 2.4  # inches, left of the tokens


@dataclass(frozen=True)
class Strip:
    """A row of tokens: what stands before it, the tokens, and how strongly each is coloured (0 to 1).

    `colours` names the colour of each by its number; None is one colour for all. `notes` stand under the
    tokens.
    """

    title: str
    tokens: Sequence[str]
    strengths: Sequence[float]
    colours: Sequence[int] | None = None
    notes: Sequence[str] | None = None


def strips(rows: Sequence[Strip], title: str = "") -> "Figure":
    """Draw rows of tokens, one below the other, each token on a ground as strong as its strength.

    Tokens that do not fit into the width are left out.
    """
    lines = 2 if any(row.notes for row in rows) else 1
    height = _LINE * lines
    room = _TITLE_ROOM if any(row.title for row in rows) else 0.0
    figure, axes = new_figure(room + _WIDEST, height * max(len(rows), 1))
    axes.set_axis_off()
    axes.set_xlim(-room, _WIDEST)
    axes.set_ylim(height * max(len(rows), 1), 0)
    for number, row in enumerate(rows):
        _draw_strip(axes, row, height * number, lines)
    set_title(figure, axes, title)
    return fitted(figure)


def _draw_strip(axes: "Axes", row: Strip, top: float, lines: int) -> None:
    from matplotlib.patches import Rectangle

    style: dict[str, Any] = {"va": "center", "fontsize": 8, "color": INK, "family": fonts()}
    axes.text(-0.15, top + _LINE / 2, for_figure(row.title, 34), ha="right", **style)
    left = 0.0
    for place, token in enumerate(row.tokens):
        note = row.notes[place] if row.notes else ""
        shown = for_figure(token, 24) if token.strip() else "␣"
        width = _LETTER * (max(len(shown), len(note)) + 0.6)
        if left + width > _WIDEST:
            break
        colour = PALETTE[(row.colours[place] if row.colours else 0) % len(PALETTE)]
        size = (left, top + 0.03), width * 0.97, _LINE * lines - 0.06
        axes.add_patch(Rectangle(*size, facecolor=colour, alpha=0.75 * row.strengths[place], linewidth=0))
        axes.text(left + width / 2, top + _LINE / 2, shown, ha="center", **style)
        if note:
            axes.text(left + width / 2, top + 1.45 * _LINE, note, ha="center", **(style | {"fontsize": 6}))
        left += width
