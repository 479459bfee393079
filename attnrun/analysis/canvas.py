"""What all figures share: size, fonts, titles, and how they reach a file. matplotlib loads on first use."""

import logging
import textwrap
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category, east_asian_width

import numpy as np
from numpy.typing import NDArray

from attnrun.errors import UserError
from attnrun.escape import for_figure, for_terminal
from attnrun.runs.files import write_durably

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

INK = "#222222"
DPI = 160
# By kind of file, what names the day or the version, which equal figures do not share.
_METADATA = {"png": ("Software",), "svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}
_BORDER = 1.0  # inches around the axes while they are filled
_MARGIN = 0.12  # inches around everything in the end
_LETTER = 0.095  # inches, the mean width of a letter of a title
_SHORTEST_TITLE_LINE = 32  # letters
_SOME = 5  # characters that a message names
_told: set[str] = set()  # characters that messages named
# Looked through in this order for each character; the last one has a box for every character there is.
_FONTS = (
    "DejaVu Sans", "Noto Sans", "Arial Unicode MS", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC",
    "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai",
    "Nirmala UI", "Noto Emoji", "Symbola", "Segoe UI Emoji", "Last Resort High-Efficiency",
)  # fmt: skip


def new_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return a figure with axes of this size in inches; `fitted` cuts the figure to what is on it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    full_width, full_height = width + 2 * _BORDER, height + 2 * _BORDER
    figure = Figure(figsize=(full_width, full_height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    place = (_BORDER / full_width, _BORDER / full_height, width / full_width, height / full_height)
    axes = figure.add_axes(place, facecolor="white")
    axes.tick_params(labelsize=9, length=3)
    thin_ink(axes)
    return figure, axes


def thin_ink(axes: "Axes") -> None:
    """Draw frame and ticks in thin lines."""
    axes.tick_params(colors=INK, width=0.6)
    for spine in axes.spines.values():
        spine.set(linewidth=0.6, color=INK)


def set_title(figure: "Figure", axes: "Axes", title: str) -> None:
    """Set a raw text as title, in at most three lines about as wide as the axes."""
    if not title:
        return
    inches = axes.get_position().width * figure.get_size_inches()[0]
    width = max(_SHORTEST_TITLE_LINE, int(inches / _LETTER))
    lines = textwrap.wrap(for_terminal(title), width, max_lines=3, placeholder=" …")
    # Escaped line by line: wrapping could part a dollar sign from its backslash.
    text = "\n".join(for_figure(line, width) for line in lines)
    axes.set_title(text, loc="left", fontsize=11, color=INK, fontfamily=fonts(), pad=8)


def panel(figure: "Figure", first: "Axes", across: float, up: float) -> "Axes":
    """Add axes as large as the first, so many inches from it; `fitted` widens the figure to them."""
    box, size = first.get_position(), figure.get_size_inches()
    return figure.add_axes((box.x0 + across / size[0], box.y0 + up / size[1], box.width, box.height))


def fitted(figure: "Figure") -> "Figure":
    """Cut the figure to what is on it; axes keep their size in inches, labels are measured."""
    figure.canvas.draw()
    tell_of_boxes(figure)
    box = figure.get_tightbbox()
    old = figure.get_size_inches()
    new = np.array([box.width, box.height]) + 2 * _MARGIN
    for axes in figure.axes:
        place = axes.get_position()
        left, bottom = (place.p0 * old - (box.x0, box.y0) + _MARGIN) / new
        axes.set_position((left, bottom, *(place.size * old / new)))
    figure.set_size_inches(*new)
    return figure


def tell_of_boxes(figure: "Figure") -> None:
    """Log the characters of a figure that no font here has, each once: boxes stand in their places."""
    from matplotlib.text import Text

    texts = [text.get_text() for text in figure.findobj(Text)]
    seen = {one for text in texts for one in text if not one.isspace() and category(one)[0] != "C"}
    missing = sorted(one for one in seen - _told if ord(one) not in _drawable())
    if missing:
        _told.update(missing)
        some = for_terminal(", ".join(missing[:_SOME])) + (", …" if len(missing) > _SOME else "")
        wide = any(east_asian_width(one) in "WF" for one in missing)
        better = "Noto Sans CJK (fonts-noto-cjk) and Noto Emoji" if wide else "the Noto fonts"
        _log.warning(
            "no font that is installed here draws %s: pictures have boxes there; install %s", some, better
        )


@cache
def _drawable() -> frozenset[int]:
    """The code points that the fonts of labels draw."""
    from matplotlib.font_manager import findfont, get_font

    real = [name for name in fonts() if not name.startswith("Last Resort")]  # which draws boxes
    return frozenset().union(*(get_font(findfont(name)).get_charmap() for name in real))


@cache
def fonts() -> list[str]:
    """Return the installed ones of the families that labels are looked up in."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    # matplotlib made its list once, at its first import ever: what was installed later is not in it.
    for path in {*findSystemFonts()} - {entry.fname for entry in fontManager.ttflist}:
        with suppress(OSError, RuntimeError):  # a file that is no font after all
            fontManager.addfont(path)
    installed = set(fontManager.get_font_names())
    return [name for name in _FONTS if name in installed] or ["sans-serif"]


def save(figure: "Figure", path: str | Path) -> Path:
    """Write a ``.png``, ``.svg`` or ``.pdf`` in one move, with its folder; equal figures give equal bytes.

    Raises:
        UserError: another suffix.
    """
    import matplotlib

    path = Path(path)
    kind = figure_kind(path)
    buffer = BytesIO()
    # The salt makes the names inside an SVG the same each time.
    with matplotlib.rc_context({"svg.hashsalt": "attnrun", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=dict.fromkeys(_METADATA[kind]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, buffer.getvalue())
    return path


def figure_kind(path: Path) -> str:
    """Return how a figure of this name is written, by its suffix.

    Raises:
        UserError: another suffix than those of `save`.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise UserError(f"cannot draw {path.name!r}: choose a name that ends in .png, .svg or .pdf")
    return kind


def to_pixels(figure: "Figure") -> NDArray[np.uint8]:
    """Return the picture as (height, width, 3), for ``SummaryWriter.add_image(…, dataformats="HWC")``."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()
