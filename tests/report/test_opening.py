"""A page of hard figures opens in a real Chromium: the one test with a browser that always runs."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.packing import mean_entropy, pack
from attnrun.analysis.report_page import page

STARTS = 8.27181e-25, 1.0, 0.1, 5e-324, 1e308, -7.0


def curve(name: str, start: float, steps: int) -> dict[str, Any]:
    """A curve of values with so many of the smallest steps between the first and the last."""
    values = [start]
    for _ in range(steps):
        values.append(math.nextafter(values[-1], math.inf))
    return {"name": name, "points": [[step, value] for step, value in enumerate(values)]}


def document(seconds: float = 119.7) -> dict[str, Any]:
    """What a page holds of a run whose model has a head without a figure, and another with NaN in it."""
    weights = np.random.default_rng(3).dirichlet(np.ones(5), size=(2, 3, 4))
    weights[0, 1] = np.nan
    weights[1, 2] = 0
    one = AttentionMap(list("abcd"), list("vwxyz"), weights)
    curves = [curve(f"valid/{start}-{steps}", start, steps) for start in STARTS for steps in (1, 2, 3)]
    told = {"place": 0, "source": "v w x y z", "target": "", "answers": ["a b c d"], "scores": [0.5]}
    told["picture"] = None
    cross = {
        "kind": "cross",
        "name": "target to source",
        "shown": 1,
        "entropy": [mean_entropy([one.entropy()])],
    }
    run = {
        "name": "one", "experiment": "sequence", "status": "done", "started": "now", "seconds": seconds,
        "seed": 0, "device": "cpu", "primary": None, "metrics": [["loss", None]], "versions": [],
        "warnings": [], "config": [], "curves": curves,
    }  # fmt: skip
    return {
        "title": "hard figures", "runs": [run], "samples": {"best": [told], "worst": []}, "score": "chrF",
        "tested": 1, "kept": False, "lengths": None, "kinds": [cross],
        "error_rates": [[[0.25, None, None]] * 2], "whys": [None], "notes": [],
        "items": [told | {"views": [{"kind": "cross", "name": "said", "maps": [pack(one)], "links": None}]}],
    }  # fmt: skip


def test_a_page_of_hard_figures_opens(opened: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(page(document(), "hard figures"))
    shown = opened(file)
    assert shown.locator("#charts svg.chart").count() == 3 * len(STARTS)
    figures = shown.locator("table.heads .facts").all_inner_texts()
    assert len(figures) == 6
    for at, text in enumerate(figures):
        assert text.count("–") == (2 if at in (1, 5) else 0) + (at % 3 > 0), text
    for seconds, text in (
        (119.7, "2 min 0 s"),
        (59.97, "1 min 0 s"),
        (59.94, "59.9 s"),
        (7199.6, "2 h 0 min 0 s"),
    ):
        file.write_bytes(page(document(seconds), "hard figures"))
        shown.reload()
        assert f"\t{text}\n" in shown.locator("#summary table").nth(1).inner_text()
