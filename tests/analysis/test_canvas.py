"""What figures share: fonts for any script, and a word where none is installed."""

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from attnrun.analysis import canvas
from attnrun.analysis.plots import heat_map


@pytest.fixture
def one_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Labels are drawn as if DejaVu Sans, which matplotlib brings, were all there is."""
    monkeypatch.setattr(canvas, "fonts", lambda: ["DejaVu Sans"])
    monkeypatch.setattr(canvas, "_told", set[str]())
    canvas._drawable.cache_clear()
    yield
    canvas._drawable.cache_clear()


def draw(*labels: str) -> None:
    heat_map(np.eye(len(labels)), labels, labels, "title")


@pytest.mark.usefixtures("one_font")
def test_what_no_font_draws_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "attnrun"):
        draw("été", "α", "😀 \t\u200d")
        assert not caplog.messages
        draw("语言", "語", "a")
        draw("语", "ก")
    first, second = caplog.messages
    assert "draws 言, 語, 语: pictures have boxes" in first and "Noto Sans CJK" in first
    assert "draws ก: " in second and "CJK" not in second


def test_fonts_that_were_installed_after_matplotlibs_list_was_made_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matplotlib import font_manager

    manager = font_manager.fontManager
    here = next(entry for entry in manager.ttflist if entry.name == "DejaVu Sans")
    monkeypatch.setattr(
        manager, "ttflist", [entry for entry in manager.ttflist if entry.name != "DejaVu Sans"]
    )
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [here.fname, __file__])
    canvas.fonts.cache_clear()
    assert "DejaVu Sans" in canvas.fonts()
    canvas.fonts.cache_clear()
