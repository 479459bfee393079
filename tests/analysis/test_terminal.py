"""Attention maps in a terminal: the right cells, aligned, within the width, and nothing but cells."""

import io
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.terminal import BLOCKS, render
from attnrun.escape import for_terminal

PAINT = re.compile(r"\x1b\[[0-9;]*m")


def peaked(queries: list[str], keys: list[str], title: str = "") -> AttentionMap:
    """Return a map whose query i looks at key i, modulo the number of keys."""
    weights = np.zeros((len(queries), len(keys)), dtype=np.float32)
    weights[np.arange(len(queries)), np.arange(len(queries)) % len(keys)] = 0.9
    return AttentionMap(queries, keys, weights, title)


def printed(attention_map: AttentionMap, width: int = 80, encoding: str = "utf-8", **settings) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    choices = {name: settings.pop(name) for name in ("colour", "console_width") if name in settings}
    console = Console(file=stream, width=width, legacy_windows=False, **settings)
    console.print(render(attention_map, **choices))
    stream.flush()
    return raw.getvalue().decode(encoding)


def backgrounds(attention_map: AttentionMap, width: int = 80) -> list[list[Style]]:
    """Return the painted cells of each line, top to bottom, in full colour."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", _environ={}
    )
    lines = console.render_lines(render(attention_map), console.options)
    return [[part.style for part in line if part.style and part.style.bgcolor] for line in lines]


def luminance(style: Style) -> float:
    red, green, blue = style.bgcolor.triplet
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_blocks_show_the_weights_under_their_tokens() -> None:
    weights = [[1.0, 0.0, 0.0], [0.0, 0.5, 0.25]]
    lines = printed(AttentionMap(["je", "dors"], ["I", "am", "asleep"], weights)).splitlines()
    assert [line.rstrip() for line in lines] == [
        "     I  am asleep",
        "je   ██",
        "dors    ▒▒ ░░░░░░",
        "     0   ░░▒▒▓▓██ 1.00",
    ]


def test_names_run_down_where_they_do_not_fit_across() -> None:
    lines = printed(peaked(["a", "b"], ["one", "three", "it"]), width=16).splitlines()
    assert [line.rstrip() for line in lines[:-1]] == [
        "  one three it",
        "a ███",
        "b     █████",
    ]
    lines = printed(peaked(["a", "b"], ["one", "three", "fives"]), width=16).splitlines()
    assert [line.rstrip() for line in lines[:-1]] == [
        "    t f",
        "    h i",
        "  o r v",
        "  n e e",
        "  e e s",
        "a ██",
        "b   ██",
    ]


def test_more_weight_is_fuller_and_brighter() -> None:
    ramp = AttentionMap(["q"], list("abcde"), [[0.0, 0.2, 0.4, 0.6, 0.8]])
    cells = printed(ramp).splitlines()[1][2:].split(" ")
    assert "".join(cells).replace("\n", "").strip() == "░░▒▒▓▓██"
    shades = [luminance(style) for style in backgrounds(ramp)[1]]
    assert shades == sorted(shades) and len(set(shades)) == 5


def test_largest_weight_gets_the_strongest_cell_in_the_right_place() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(7), size=5)
    rows = backgrounds(AttentionMap(list("abcde"), list("tuvwxyz"), weights))[1:6]
    shades = np.array([[luminance(style) for style in row] for row in rows])
    np.testing.assert_array_equal(shades.argsort(axis=None)[-1], weights.argmax())
    order = weights.argsort(axis=None)
    assert (np.diff(shades.ravel()[order]) > -1).all()  # of 255, for colours are whole numbers


def test_layers_and_heads_are_averaged() -> None:
    weights = np.zeros((1, 2, 1, 2))
    weights[0, 0, 0] = [1, 0]
    weights[0, 1, 0] = [0.5, 0.5]
    assert printed(AttentionMap(["q"], ["a", "b"], weights)).splitlines()[1].rstrip() == "q ██ ░░"


@pytest.mark.parametrize(
    "settings",
    [
        {"force_terminal": False},
        {"force_terminal": True, "color_system": "truecolor", "no_color": True},
        {"force_terminal": True, "color_system": None},
        {"force_terminal": True, "color_system": "truecolor", "colour": False},
        {"force_terminal": False, "colour": True},
    ],
)
def test_without_colour_there_are_blocks(settings: dict) -> None:
    text = printed(peaked(["a"], ["x", "y"]), **settings)
    assert "██" in text and "48;" not in text


def test_no_color_of_the_environment_is_obeyed() -> None:
    environment = {"NO_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    text = printed(peaked(["a"], ["x", "y"]), force_terminal=True, _environ=environment)
    assert "██" in text and "48;" not in text


def test_with_colour_cells_are_painted() -> None:
    text = printed(peaked(["a"], ["x", "y"]), force_terminal=True, color_system="truecolor", _environ={})
    assert "\x1b[48;2;253;231;37m" in text and "\x1b[48;2;68;1;84m" in text
    assert not set(text) & set(BLOCKS[1:])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_without_unicode_gets_what_it_can_write(encoding: str, hostile: list[str]) -> None:
    text = printed(peaked([*hostile, "été", "…"], hostile), encoding=encoding)
    assert "##" in text
    assert ("été" in text) == (encoding == "latin-1")


CONSOLES = [
    {"force_terminal": False},
    {"force_terminal": True, "color_system": "truecolor", "_environ": {}},
    {"force_terminal": True, "color_system": "standard", "_environ": {}},
]


@pytest.mark.parametrize("settings", CONSOLES)
def test_hostile_tokens_are_shown_and_do_nothing(settings: dict, hostile: list[str]) -> None:
    # Six columns at a time leave their names across, so each is seen whole in one line.
    for start in range(0, len(hostile), 6):
        keys = hostile[start : start + 6]
        text = printed(peaked(hostile, keys, title="[bold]t\x1b[2J"), width=120, **settings)
        plain = PAINT.sub("", text)
        controls = {c for c in plain if c != "\n" and unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
        assert not controls and not set(plain) & set("\u202e\u200b")
        assert plain.startswith("[bold]t\\x1b[2J")
        header = plain.splitlines()[1]
        for name in map(for_terminal, keys):
            assert (name if cell_len(name) <= 12 else name[:11] + "…") in header
        for name in map(for_terminal, hostile):
            assert (name if cell_len(name) <= 20 else name[:19] + "…") in plain


@pytest.mark.parametrize("settings", CONSOLES)
@pytest.mark.parametrize("width", [16, 40, 80, 100])
def test_every_line_fits_the_width(settings: dict, width: int, hostile: list[str]) -> None:
    text = printed(peaked(hostile, hostile * 3, title="word " * 40), width=width, **settings)
    assert all(cell_len(line) <= width for line in PAINT.sub("", text).splitlines())
    narrow = printed(peaked(hostile, hostile), width=120, console_width=width, **settings)
    assert all(cell_len(line) <= width for line in PAINT.sub("", narrow).splitlines())


def test_long_source_is_shown_whole_in_panels() -> None:
    keys = [f"{i:02d}" for i in range(97)]
    lines = printed(peaked([f"q{i}" for i in range(97)], keys), width=80).splitlines()
    heads = "".join(
        line[4:].replace(" ", "") for line in lines if line.startswith("    ") and "░" not in line
    )
    assert len(heads) == 2 * 97
    assert sum("██" in line for line in lines[:-1]) == 97


@pytest.mark.parametrize("wide", ["中文字", "한국", "👨\u200d👩\u200d👧", "e\u0301e\u0301"])
def test_wide_and_combining_characters_keep_columns_aligned(wide: str) -> None:
    for keys in (["a", wide, "b"], ["a", wide, "b"] * 12):
        lines = printed(peaked(["x", wide, "y"], keys)).splitlines()
        filled = [line for line in lines if "██" in line][:3]
        begins = [cell_len(line[: line.index("██")]) for line in filled]
        head = next(line for line in lines if "a" in line)
        label = cell_len(wide) + 1
        assert begins[0] == label == cell_len(head[: head.index("a")])
        assert begins[1] > begins[0] and begins[2] == cell_len(head[: head.index("b")])


@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (3, 0), (0, 0)])
def test_empty_maps_say_so(rows: int, columns: int) -> None:
    empty = AttentionMap(["q"] * rows, ["k"] * columns, np.zeros((rows, columns)), "title")
    assert printed(empty).split() == ["title", "(empty", "map)"]


def test_zero_and_broken_weights_are_drawn() -> None:
    for value in (0.0, np.nan, np.inf):
        assert "q" in printed(AttentionMap(["q"], ["k", "l"], [[value, 0.0]]))


def test_imports_are_light() -> None:
    code = "import sys, attnrun.analysis.terminal; print({'torch', 'matplotlib', 'hydra'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
