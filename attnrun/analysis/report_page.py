"""One HTML file of data, styles and scripts, that opens without a network and runs nothing else.

The data lie in it as JSON and reach the page as text alone; a Content-Security-Policy names by their hash
the only script and the only styles that count.
"""

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

from attnrun.escape import for_html, for_terminal
from attnrun.runs.files import strict

_SCRIPTS = (
    "dom.js", "colours.js", "maps.js", "tokens.js", "lines.js", "heat.js", "patches.js", "panel.js",
    "heads.js", "picker.js", "tables.js", "charts.js", "looking.js", "start.js",
)  # fmt: skip
_PLACE = re.compile(r"\{\{(\w+)\}\}")
# Nothing in the data can end the element that holds them, or be read as an address.
_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"} | {ord("/"): "\\/"}


def page(document: dict[str, Any], title: str) -> bytes:
    """Return the page that shows `document` (see `attnrun.cli.report_document`); its texts are raw."""
    styles, scripts = _file("page.css"), "".join(map(_file, _SCRIPTS))
    parts = {
        "policy": _policy(styles, scripts),
        "title": for_html(title),
        "styles": styles,
        "data": in_script(document),
        "scripts": scripts,
    }
    return _PLACE.sub(lambda match: parts[match[1]], _file("page.html")).encode()


def in_script(document: Any) -> str:
    """Return JSON for a `script` element that runs nothing: texts as they are to be shown, marks escaped.

    What would steer a page or stay unseen is written out, as on a terminal; NaN and infinities are null.
    """
    shown = _shown(strict(document)[0])
    return json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_IN_SCRIPT)


def _shown(data: Any) -> Any:
    if isinstance(data, str):
        return for_terminal(data)
    if isinstance(data, dict):
        return {for_terminal(key): _shown(value) for key, value in data.items()}
    return [_shown(value) for value in data] if isinstance(data, list) else data


def _policy(styles: str, scripts: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(styles)}'; script-src '{_hash(scripts)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    return (files("attnrun.analysis") / "page" / name).read_text("utf-8")
