"""The bar on a terminal, and its figures."""

import io
import math
import sys

import pytest

from attnrun.training.progress import Bar, Lines, Quiet, clock, make_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = make_progress(20, 5, "tokens", quiet=False)
    assert isinstance(bar, Bar)
    bar.step(6, 0, 0.25, 300)
    bar.evaluated(6, 1, {"valid/[red]": 0.5})
    bar.close()
    shown = sys.stderr.getvalue()
    assert "tokens/s" in shown and "6/20" in shown and "valid/[red] 0.5" in shown


def test_no_time_is_left_of_a_training_longer_than_was_expected(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    lines = make_progress(20, 0, "tokens", quiet=False)
    lines.step(21, 3, 0.25, 300)
    lines.evaluated(21, 3, {"valid/loss": 0.5})
    assert sys.stderr.getvalue().endswith(" · 0:00 left\n")


def test_choice(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(make_progress(20, 0, "items", quiet=False), Lines)
    assert isinstance(make_progress(20, 0, "items", quiet=True), Quiet)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (3723, "1:02:03"), (math.nan, "–"), (math.inf, "–")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
