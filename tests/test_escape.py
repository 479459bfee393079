"""Corpus text is data: wherever it is shown, it is shown, and does nothing."""

import html
import json
import subprocess
import sys
import unicodedata

import pytest

from attnrun import escape

HOSTILE = {
    "[red]x[/red]": "[red]x[/red]",
    "\x1b]52;c;aGk=\x07": r"\x1b]52;c;aGk=\x07",
    "\x1b[2J": r"\x1b[2J",
    "\x9b31m": r"\x9b31m",
    "a\nb\tc\rd": r"a\nb\tc\rd",
    "\x00\x7f": r"\x00\x7f",
    "\u202egnp.exe\u2066\u200e": r"\u202egnp.exe\u2066\u200e",
    "pass\u200bword\ufeff": r"pass\u200bword\ufeff",
    "soft\xadhyphen": r"soft\xadhyphen",
    "line\u2028paragraph\u2029": r"line\u2028paragraph\u2029",
    "half \ud83d": r"half \ud83d",
    "tag\U000e0041": r"tag\U000e0041",
    "x\u200dy": r"x\u200dy",
    "a\ufe01\ufe02": "a\ufe01" + r"\ufe02",
    "$$ \\frac": "$$ \\frac",
    "<script>alert('&')</script>": "<script>alert('&')</script>",
}
ORDINARY = [
    "L'été, ça va ?",
    "Größe e\u0301",
    "中文 日本語 한국어",
    "مرحبا שלום",
    "می\u200cخواهم",  # Persian needs the non-joiner
    "क्\u200dष",  # and Hindi the joiner
    "👨\u200d👩\u200d👧 ❤\ufe0f 🏳\ufe0f\u200d🌈 👍🏽",
    "10\xa0%\u3000~ `code` *star*",
]
SHOW = [escape.for_terminal, escape.for_markdown, escape.for_html, escape.for_figure]


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items())
def test_terminal_writes_out_what_steers_or_hides(text: str, shown: str) -> None:
    assert escape.for_terminal(text) == shown


@pytest.mark.parametrize("text", ORDINARY)
def test_terminal_leaves_ordinary_text_alone(text: str) -> None:
    assert escape.for_terminal(text) == text


@pytest.mark.parametrize("show", SHOW)
def test_no_control_character_survives_anywhere(show) -> None:
    everything = [chr(code) for code in range(0x11000)] + [chr(code) for code in range(0xE0000, 0xE0200)]
    for character in everything:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in "\u200b\u202e\u2066":
            assert character not in show(f"a{character}b"), hex(ord(character))


def test_text_fits_the_encoding_of_the_place() -> None:
    assert escape.for_terminal("été 中", encoding="latin-1") == "été \\u4e2d"
    assert escape.for_terminal("été \x1b", encoding="ascii") == "\\xe9t\\xe9 \\x1b"


def test_html_reads_back_as_the_text() -> None:
    assert escape.for_html('<a href="x">&\x1b</a>') == "&lt;a href=&quot;x&quot;&gt;&amp;\\x1b&lt;/a&gt;"


def rendered(markdown: str) -> str:
    """Render as TensorBoard's text page does."""
    from tensorboard import plugin_util

    return plugin_util.markdown_to_safe_html(markdown)


MARKDOWN = [
    *HOSTILE,
    *ORDINARY,
    "# heading",
    "1. list",
    "- item",
    "+ item",
    "> quote",
    "    code",
    "***",
    "---",
    "a | b",
    "**b** _i_ `c` ~~~",
    "[link](javascript:alert(1))",
    "![image](http://example.com/x.png)",
    "http://example.com <http://example.com>",
    "[ref]: http://example.com",
    "&amp; &#36; &lt;",
    "two  spaces ",
    "back\\slash \\*",
    "Term\n: definition",
]


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_renders_as_the_text_alone(text: str) -> None:
    page = rendered(escape.for_markdown(text))
    assert page.startswith("<p>") and page.endswith("</p>")
    assert "<" not in page[3:-4]
    assert html.unescape(page[3:-4]).replace("\xa0", " ") == escape.for_terminal(text).replace("\xa0", " ")


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_stays_in_its_table_cell(text: str) -> None:
    page = rendered(f"| source | output |\n|---|---|\n| {escape.for_markdown(text)} | right |")
    assert page.count("<td>") == 2
    cell = page.split("<td>")[1].split("</td>")[0]
    assert html.unescape(cell).replace("\xa0", " ") == escape.for_terminal(text).replace("\xa0", " ")


@pytest.mark.parametrize("text", ["$x$", "$$", "\\$", "\\$x\\$", "a$b", "$\\frac{", "\\\\$$"])
def test_figure_labels_start_no_formula(text: str) -> None:
    from matplotlib.text import Text

    assert Text()._preprocess_math(escape.for_figure(text)) == (text, False)


def test_long_labels_are_cut_with_an_ellipsis() -> None:
    assert escape.for_figure("x" * 200, limit=7) == "xxxxxx…"
    assert escape.for_figure("x" * 7, limit=7) == "x" * 7
    assert escape.truncate("abc", 1) == "…"
    with pytest.raises(ValueError, match="at least 1"):
        escape.truncate("abc", 0)


@pytest.mark.parametrize(
    "text", ["[red]\x1b[31m\x9b31m\u202e\n\t", "\udcff", "\u200b é 👩\u200d🔬 \U000e0041", 'a "b" \\']
)
def test_json_says_the_same_and_steers_nothing(text: str) -> None:
    document = escape.for_json(json.dumps({"a": [text]}, indent=2, ensure_ascii=False))
    assert json.loads(document) == {"a": [text]}
    assert "".join(document.split("\n")) == escape.for_terminal("".join(document.split("\n")))


def test_needs_the_standard_library_only() -> None:
    code = (
        "import sys; import attnrun.escape; outside = {name.partition('.')[0] for name in sys.modules}; "
        "print(outside & {'numpy', 'rich', 'torch', 'matplotlib', 'typer'})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
