"""Token lists that would break a careless picture or terminal."""

import pytest

HOSTILE = [
    "[red]x[/red]", "[/]", ":smile:", "\x1b]52;c;aGk=\x07", "\x1b[2J", "\x9b31m", "\x90q\x9c", "a\nb",
    "a\tb\rc", "\u202eabc", "pass\u200bword", "half\ud83d", "$x$", "$$", "$\\frac{", "<script>", "-->",
    "x" * 200, "", " ",
    "中文", "日本語", "👨\u200d👩\u200d👧", "❤\ufe0f", "e\u0301te\u0301", "مرحبا", "a_b^c", "%s {0}", "\\",
]  # fmt: skip


@pytest.fixture
def hostile() -> list[str]:
    return list(HOSTILE)
