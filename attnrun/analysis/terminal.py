"""An attention map as cells in a terminal: a row for each query, a column for each key.

Shades run from no weight to the largest weight of the map. With colour a cell is a painted background;
without (``NO_COLOR``, a pipe, a log) it is a block character, so that a pasted log still shows the map.
Imports neither torch nor matplotlib.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from attnrun.analysis.maps import AttentionMap
from attnrun.escape import ELLIPSIS, for_terminal

BLOCKS = " ░▒▓█"
ASCII_BLOCKS = " .:*#"
# Nine points of matplotlib's viridis (CC0), from no weight (dark) to the largest weight (bright).
VIRIDIS = (
    (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
    (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
)  # fmt: skip
_NARROWEST = 16  # cells; a console that claims less is treated as this wide
_LONGEST_NAME = 12  # cells of a key's name, across or down
_LONGEST_LABEL = 20  # cells of a query's name
_CELL = 2  # cells a column where names run down: about a square

Paint = Callable[[float, int], tuple[str, Style]]


def render(
    attention_map: AttentionMap, console_width: int | None = None, colour: bool | None = None
) -> "TerminalMap":
    """Return the map, averaged over layers and heads, for ``console.print``.

    Args:
        attention_map: labels are raw text; they are shown literally.
        console_width: cells to stay within; None takes the console's own width.
        colour: False asks for block characters; otherwise colour is used where the console has it.
    """
    return TerminalMap(attention_map, console_width, colour)


@dataclass(frozen=True)
class TerminalMap:
    """A rich renderable; `render` makes it."""

    attention_map: AttentionMap
    console_width: int | None = None
    colour: bool | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(_NARROWEST, min(self.console_width or options.max_width, options.max_width))
        coloured = self.colour is not False and console.color_system is not None and not console.no_color
        paint = _painted if coloured else _blocks(ASCII_BLOCKS if options.ascii_only else BLOCKS)
        sheet = _Sheet.of(self.attention_map, width, paint, console.encoding)
        for line in sheet.lines():
            line.truncate(width, overflow="crop")
            if options.ascii_only:
                line.plain = line.plain.replace(ELLIPSIS, "~")  # ours: the labels' own are written out by now
            yield line


@dataclass(frozen=True)
class _Sheet:
    """What is drawn, in escaped text: `label` cells for row names, the rest of `width` for columns."""

    title: str
    rows: list[str]
    columns: list[str]
    weights: np.ndarray  # (N, M)
    width: int
    label: int
    paint: Paint

    @classmethod
    def of(cls, source: AttentionMap, width: int, paint: Paint, encoding: str) -> "_Sheet":
        rows = [for_terminal(name, encoding) for name in source.queries]
        columns = [for_terminal(name, encoding) for name in source.keys]
        weights = np.nan_to_num(source.mean(), posinf=1.0, neginf=0.0)
        longest = max(map(cell_len, rows), default=0)
        label = min(longest, _LONGEST_LABEL, width // 3)
        return cls(for_terminal(source.title, encoding), rows, columns, weights, width, label, paint)

    @property
    def largest(self) -> float:
        return float(self.weights.max(initial=0.0))

    def lines(self) -> Iterator[Text]:
        if self.title:
            yield Text(_shortened(self.title, self.width), style="bold")
        if not self.weights.size:
            yield Text("(empty map)")
            return
        for number, (start, widths, across) in enumerate(self.panels()):
            if number:
                yield Text("")
            yield from self.header(start, widths, across)
            for row in range(len(self.rows)):
                yield self.row(row, start, widths, 1 if across else 0)
        yield self.scale()

    def panels(self) -> Iterator[tuple[int, list[int], bool]]:
        """Yield first column, column widths, and whether names run across; a long source takes several."""
        room = self.width - self.label - 1
        widths = [max(_CELL, min(cell_len(name), _LONGEST_NAME)) for name in self.columns]
        if sum(widths) + len(widths) - 1 <= room:
            yield 0, widths, True
            return
        most = max(1, room // _CELL)
        count = math.ceil(len(self.columns) / math.ceil(len(self.columns) / most))  # panels of even width
        for start in range(0, len(self.columns), count):
            yield start, [_CELL] * min(count, len(self.columns) - start), False

    def header(self, start: int, widths: Sequence[int], across: bool) -> Iterator[Text]:
        names = self.columns[start : start + len(widths)]
        margin = " " * (self.label + 1)
        if across:
            yield Text(margin + " ".join(map(_padded, names, widths)))
            return
        stacks = [_stacked(name) for name in names]
        height = max(map(len, stacks))
        # Names end at the cells below them, so shorter ones start lower.
        for letters in zip(*([""] * (height - len(stack)) + stack for stack in stacks), strict=True):
            yield Text(margin + "".join(_padded(letter, _CELL) for letter in letters))

    def row(self, row: int, start: int, widths: Sequence[int], gap: int) -> Text:
        line = Text(_padded(self.rows[row], self.label) + " ")
        for column, width in enumerate(widths, start):
            if column > start:
                line.append(" " * gap)
            line.append(*self.paint(self.shade(self.weights[row, column]), width))
        return line

    def shade(self, weight: float) -> float:
        return float(weight) / self.largest if self.largest > 0 else 0.0

    def scale(self) -> Text:
        line = Text(" " * (self.label + 1) + "0 ")
        for step in range(5):
            line.append(*self.paint(step / 4, _CELL))
        return line.append(f" {self.largest:.2f}")


def _painted(shade: float, width: int) -> tuple[str, Style]:
    """Return blank cells on a background between dark (0) and bright (1)."""
    position = min(max(shade, 0.0), 1.0) * (len(VIRIDIS) - 1)
    below = min(int(position), len(VIRIDIS) - 2)
    part = position - below
    red, green, blue = (
        round(low + (high - low) * part) for low, high in zip(VIRIDIS[below], VIRIDIS[below + 1], strict=True)
    )
    return " " * width, Style(bgcolor=Color.from_rgb(red, green, blue))


def _blocks(characters: str) -> Paint:
    """Return a paint of five grades of filling."""

    def paint(shade: float, width: int) -> tuple[str, Style]:
        return characters[round(min(max(shade, 0.0), 1.0) * (len(characters) - 1))] * width, Style.null()

    return paint


def _shortened(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + ELLIPSIS


def _padded(text: str, width: int) -> str:
    return set_cell_size(_shortened(text, width), width)


def _stacked(name: str) -> list[str]:
    """Return the letters of a name from top to bottom, each with the marks that combine with it."""
    letters: list[str] = []
    for character in _shortened(name, _LONGEST_NAME):
        if letters and (cell_len(character) == 0 or letters[-1].endswith("\u200d")):
            letters[-1] += character
        else:
            letters.append(character)
    return letters
