"""The kinds of attention of a Transformer in a real Chromium, and how little another sample costs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnrun.analysis.maps import AttentionMap
from attnrun.analysis.packing import unpack
from tests.report.conftest import data_of, written
from tests.report.test_browser import choose, shown_weights
from tests.report.test_own_attention import KINDS, tighten, views_of

Open = Callable[..., Any]

pytestmark = pytest.mark.slow


def map_of(path: Path, kind: str, item: int = 0, run: int = 0) -> AttentionMap:
    return unpack(views_of(data_of(path.read_text())["items"][item], kind)[0]["maps"][run])


def test_the_kind_of_attention_is_chosen_with_the_pointer_and_with_the_keyboard(
    opened: Open, pages: dict[str, Path]
) -> None:
    page = opened(pages["transformer"])
    assert page.locator("#kinds label").all_inner_texts() == [
        "target to source",
        "source to itself",
        "target to itself",
    ]
    for number, kind in enumerate(KINDS):
        expected = map_of(pages["transformer"], kind)
        choose(page, "kinds", number)
        np.testing.assert_allclose(shown_weights(page), expected.mean().mean(0), atol=1e-5)
        choose(page, "layers", 1)
        choose(page, "heads", 2)
        np.testing.assert_allclose(shown_weights(page), expected.head(1, 2).mean(0), atol=1e-5)
        page.locator("#step").fill("2")
        np.testing.assert_allclose(shown_weights(page), expected.head(1, 2)[1], atol=1e-5)
        tokens = page.locator(".tokens.query button").evaluate_all("all => all.map((one) => one.title)")
        assert tokens == expected.queries
        entropy = data_of(pages["transformer"].read_text())["kinds"][number]["entropy"][0]
        figures = page.locator("table.heads data").evaluate_all("all => all.map((one) => +one.value)")
        np.testing.assert_allclose(figures, np.ravel(entropy))
        choose(page, "layers", "mean")
        choose(page, "heads", "mean")
    page.locator("#kinds input:checked").focus()
    page.keyboard.press("ArrowLeft")
    expected = map_of(pages["transformer"], "source")
    np.testing.assert_allclose(shown_weights(page), expected.mean().mean(0), atol=1e-5)
    page.locator("#next").click()  # the kind stays
    expected = map_of(pages["transformer"], "source", item=1)
    np.testing.assert_allclose(shown_weights(page), expected.mean().mean(0), atol=1e-5)


def test_the_difference_of_two_runs_is_that_of_the_kind(opened: Open, pages: dict[str, Path]) -> None:
    """Layers of one run alone mean the mean over those of the other."""
    page = opened(pages["twins"], viewport={"width": 1280, "height": 900})
    items = data_of(pages["twins"].read_text())["items"]
    counts = {"source": 2, "target": 3}  # of layers, those of either run
    for number, kind in list(enumerate(KINDS))[1:]:
        item = next(at for at, one in enumerate(items) if views_of(one, kind)[0]["rows"])
        page.locator("#sample").select_option(index=item)
        choose(page, "kinds", number)
        assert page.locator("#layers input").count() == 1 + counts[kind]
        choose(page, "layers", counts[kind] - 1)
        ours, theirs = (map_of(pages["twins"], kind, item, run) for run in (0, 1))
        first = ours.choose([1] if kind == "source" else None, None).mean()
        second = theirs.choose(None if kind == "source" else [2], None).mean()
        for run, mean in enumerate((first, second)):
            np.testing.assert_allclose(shown_weights(page, run), mean.mean(0), atol=1e-5)
        frame = page.locator("#difference .heat-frame")
        frame.scroll_into_view_if_needed()
        view, box = views_of(items[item], kind)[0], frame.bounding_box()
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] - 14)  # in the last row
        query, rest = page.locator("#difference .readout").inner_text().split(" → ")
        key, weight = rest.split(": ")
        (i, j), columns = view["rows"][-1], [pair for pair in view["columns"] if ours.keys[pair[0]] == key]
        assert query == ours.queries[i] == theirs.queries[j]
        assert any(abs(first[i, k] - second[j, m] - float(weight)) < 1e-3 for k, m in columns)
    choose(page, "layers", 2)
    choose(page, "kinds", 1)  # whose maps have no third layer
    assert page.locator("#layers input:checked").get_attribute("value") == "mean"


def test_what_has_no_map_of_a_kind_says_why(
    opened: Open, runs: Path, pages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(pages["both"])
    choose(page, "kinds", 1)
    assert "This model has no attention of source to itself." in page.locator("#panels").inner_text()
    assert "Only one of the two has a map." in page.locator("#difference").inner_text()
    page = opened(pages["rnn"])
    assert not page.locator("#kinds").is_visible()
    tighten(pages["transformer"], monkeypatch)
    full = runs / "full-browser.html"
    data = data_of(written(runs, "outputs/transformer/one", "-o", str(full)))
    place = next(at for at, item in enumerate(data["items"]) if not views_of(item, "source"))
    page = opened(full)
    choose(page, "kinds", 2)
    page.locator("#sample").select_option(index=place)
    told = f"No map of target to itself: the page has room for those of {data['kinds'][2]['shown']} samples."
    assert told in page.locator("#panels").inner_text()
    assert "is shown of" in page.locator("#whys").inner_text()
    choose(page, "kinds", 0)
    expected = unpack(data["items"][place]["views"][0]["maps"][0])
    np.testing.assert_allclose(shown_weights(page), expected.mean().mean(0), atol=1e-5)


def test_paper_says_what_the_controls_said(opened: Open, pages: dict[str, Path]) -> None:
    page = opened(pages["transformer"], color_scheme="dark")
    choose(page, "kinds", 2)
    choose(page, "heads", 1)
    assert not page.locator("#shown").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#shown").inner_text() == "attention of target to itself, mean over layers, head 1"
    drawn = "all => all.filter((one) => one.width > 0).length"
    assert page.locator(".thumb canvas").evaluate_all(drawn) == 6  # though never on the screen


def test_another_sample_draws_what_is_seen_and_makes_little_anew(
    opened: Open, pages: dict[str, Path]
) -> None:
    """Tokens, scale and canvases stay; the small maps of heads wait until they come on the screen."""
    page = opened(pages["transformer"], viewport={"width": 1000, "height": 500})
    thumbs = page.locator(".thumb canvas")
    widths = "all => all.map((one) => one.width)"
    assert thumbs.evaluate_all(widths) == [0] * 6
    page.evaluate(
        """() => {
        const made = { element: 0, resized: 0 };
        const create = Document.prototype.createElement;
        Document.prototype.createElement = function (tag) {
            made.element += 1;
            return create.call(this, tag);
        };
        const width = Object.getOwnPropertyDescriptor(HTMLCanvasElement.prototype, "width");
        Object.defineProperty(HTMLCanvasElement.prototype, "width", {
            ...width, set(value) { made.resized += 1; width.set.call(this, value); } });
        document.querySelectorAll(".tokens button").forEach((one) => { one.kept = true; });
        window.made = made;
        }"""
    )
    page.locator("#sample").focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert thumbs.evaluate_all(widths) == [0] * 6
    tokens = page.locator(".tokens button")
    assert tokens.evaluate_all("all => all.filter((one) => one.kept).length") >= 4
    made = page.evaluate("window.made")
    rows = page.locator(".step-table tbody tr").count()
    assert made["resized"] <= 4 and made["element"] <= 4 * (10 * (rows + 2) + 20)
    page.locator("#head-table").scroll_into_view_if_needed()
    for _ in range(100):
        page.wait_for_timeout(20)
        if 0 not in thumbs.evaluate_all(widths):
            break
    expected = map_of(pages["transformer"], "cross", item=4)
    frames = page.locator(".thumb").evaluate_all(
        "all => all.map((one) => [one.offsetWidth, one.offsetHeight])"
    )
    longest = max(len(expected.queries), len(expected.keys))
    size = [max(12, round(84 * len(side) / longest)) for side in (expected.keys, expected.queries)]
    assert frames == [size] * 6
