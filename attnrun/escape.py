r"""Show foreign text literally: corpus text is data, and no place it is shown in may act on it.

Each function takes raw text and returns what to hand to one kind of place. Everywhere, characters that
would steer the place or stay unseen (control characters, direction overrides, zero-width characters, line
separators, lone surrogates) are written out as in Python source: ``\x1b``, ``\n``, ``\u202e``.
A backslash that was in the text stays single: the forms are for reading, not for decoding.

Rich: `for_terminal` leaves square brackets alone, so its result goes into ``rich.text.Text(...)``, which
knows no markup; a plain string given to ``console.print`` would still be read as markup.
"""

import html
import json
import re

LONGEST_WORD = 1000  # in a message, longer than a path that anyone types

# An emoji of several parts needs its joiner; Arabic and the scripts of India need both joiners inside words.
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_CURSIVE = "\u0600-\u0dff"
_NEEDED_JOINER = rf"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])|(?<=[{_CURSIVE}])[\u200c\u200d](?=[{_CURSIVE}])"
# A variation selector chooses the look of one character; without one, or in a row, it only hides data.
_STRAY_SELECTOR = r"(?:\A|(?<=[\s\ufe00-\ufe0f]))[\ufe00-\ufe0f]"
_CONTROLS = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
_DIRECTION_AND_LINES = r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_UNSEEN = (
    r"\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    r"\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(
    rf"(?P<needed>{_NEEDED_JOINER})|{_STRAY_SELECTOR}|[{_CONTROLS}{_DIRECTION_AND_LINES}{_UNSEEN}]"
)
_MARKDOWN = re.compile(r"""[!"#$&'()*+\-.:<=>@\[\\\]^_`{|}~]""")
_EDGE_SPACE = re.compile(r"\A\s+|\s+\Z|(?<=\s)\s+")
ELLIPSIS = "…"


def for_terminal(text: str, encoding: str = "utf-8") -> str:
    """Return one line that a terminal, a log or a text file shows as it is.

    Letters of every script, accents and emoji stay; characters that `encoding` lacks are written out too.
    """
    shown = _HIDDEN.sub(_written_out, text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def for_markdown(text: str) -> str:
    """Return Markdown (as TensorBoard's text page reads it) that renders as `text`, also inside a table cell.

    Punctuation becomes character references, which hold in Markdown and in HTML at once; spaces that
    rendering would drop become no-break spaces. Not for code spans, where references are not read.
    """
    marked = _MARKDOWN.sub(_references, for_terminal(text))
    return _EDGE_SPACE.sub(_references, marked)


def for_message(text: str) -> str:
    """Return a line to say: as on a terminal, and no word of it longer than `LONGEST_WORD` characters."""
    words = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda word: truncate(word.group(), LONGEST_WORD), text)
    return for_terminal(words)


def for_html(text: str) -> str:
    """Return HTML for text content and for quoted attribute values."""
    return html.escape(for_terminal(text), quote=True)


def for_figure(text: str, limit: int = 28) -> str:
    r"""Return a matplotlib label of at most `limit` characters; a dollar sign starts no formula.

    For text artists with formulas enabled (the default), which print ``\$`` as a dollar sign.
    """
    return truncate(for_terminal(text), limit).replace("$", r"\$")


def for_json(document: str) -> str:
    """Return a JSON document, as `json.dumps` writes it, with such characters as JSON escapes."""
    return _HIDDEN.sub(_json_escaped, document)


def truncate(text: str, limit: int) -> str:
    """Return `text` cut to `limit` characters, the last of them an ellipsis where something was cut off.

    Raises:
        ValueError: `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def _written_out(match: re.Match[str]) -> str:
    if match["needed"]:
        return match["needed"]
    return match.group().encode("unicode_escape").decode("ascii")


def _json_escaped(match: re.Match[str]) -> str:
    # Inside strings `json.dumps` has escaped line feeds already; those left are its own layout.
    kept = match["needed"] or match.group() == "\n"
    return match.group() if kept else json.dumps(match.group())[1:-1]


def _references(match: re.Match[str]) -> str:
    # As a character even a no-break space would be stripped from the edges.
    return "".join(f"&#{ord(character)};" for character in match.group().replace(" ", "\xa0"))
